"""What was kept aside goes when it is old; what a killed process left goes with the next opening."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdall.contract import Scan
from holdall_file import FileSessionStorage

pytestmark = pytest.mark.covers("OP-15", "ST-12")
Open = Callable[..., Awaitable[FileSessionStorage]]


def aged(path: Path, days: float) -> Path:
    """A file of that age."""
    path.write_text("kept")
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


async def test_quarantine_is_kept_as_long_as_configured(tmp_path: Path, open_store: Open) -> None:
    store = await open_store(quarantine_days=3)
    await store.close()
    quarantine = tmp_path / "store" / "quarantine"
    old, young = aged(quarantine / "a.torn", 3.1), aged(quarantine / "b.damaged", 2.9)
    folder = quarantine / "mine"
    folder.mkdir()
    os.utime(folder, (0, 0))
    await open_store(quarantine_days=3)
    assert not old.exists()
    assert young.exists()
    assert folder.exists()


async def test_a_store_that_stays_open_cleans_once_an_hour(
    tmp_path: Path, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    old = aged(tmp_path / "store" / "quarantine" / "a.torn", 31)
    await store.scan(Scan())
    assert old.exists()
    now = time.monotonic
    monkeypatch.setattr("holdall_file.cleaning.time.monotonic", lambda: now() + 3601)
    await store.scan(Scan())
    assert not old.exists()


async def test_what_cannot_be_cleaned_stops_nothing(
    tmp_path: Path, open_store: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await (await open_store()).close()
    aged(tmp_path / "store" / "quarantine" / "a.torn", 31)

    def refuse(self: object, name: str) -> None:
        raise PermissionError(1, "not permitted", name)

    monkeypatch.setattr("holdall_file.folder.Folder.unlink", refuse)
    store = await open_store()
    monkeypatch.undo()
    assert "quarantine can't be cleaned" in caplog.text
    assert await store.scan(Scan()) == []


WRITER = """
import asyncio, sys, holdall
async def main(path):
    async with holdall.open({"storage": {"use": "file", "options": {"path": path}}}) as store:
        print("open", flush=True)
        while True:
            await asyncio.gather(*(store.create(owner="ana", messages=[{"role": "user", "content": "x"}]) for _ in range(9)))
            print("more", flush=True)
asyncio.run(main(sys.argv[1]))
"""


def killed(folder: Path) -> None:
    """A process that was killed while it wrote."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["open\n", "more\n"]
        process.send_signal(signal.SIGKILL)


async def test_what_a_killed_process_left_goes_with_the_next_opening(tmp_path: Path, open_store: Open) -> None:
    """Its write-ahead log, and a creation that had no name yet."""
    folder = tmp_path / "store"
    killed(folder)
    (wal,) = folder.glob("wal/*.wal")
    (folder / "s" / "ab").mkdir(exist_ok=True)
    left = folder / "s" / "ab" / f"{'ab' * 32}.0123456789abcdef.tmp"
    left.write_text("")
    await (await open_store(folder)).close()
    assert not wal.exists()
    assert not left.exists()
    assert not [*folder.glob("**/*.tmp"), *folder.glob("**/*.wal")]
