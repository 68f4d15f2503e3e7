"""A search index learns at once what commands put into the storage, in processes that have it open, too."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.plugins import Plugins
from holdall.testing.clock import ManualClock

pytestmark = pytest.mark.covers("CV-06")


def configured(folder: Path, name: str, *, search: bool) -> Path:
    file = folder / f"{name}.toml"
    text = f'[storage]\nuse = "file"\noptions = {{ path = "{folder / name}" }}\n[sessions]\nsweep_every = 0\n'
    text += f'[search]\nuse = "fts"\nevery = 0\noptions = {{ path = "{folder / name}-search" }}\n' if search else ""
    file.write_text(text)
    return file


async def said(file: Path, text: str, **given: Any) -> str:
    async with holdall.open(file, **given) as store:
        return (await store.create(owner="ana", messages=[{"role": "user", "content": text}])).id


async def command(*arguments: object) -> None:
    told = [sys.executable, "-m", "holdall.cli", *map(str, arguments)]
    done = await asyncio.to_thread(subprocess.run, told, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def texts(store: Any, query: str) -> list[str]:
    return [match.message.text for match in (await store.search(query)).items]


@pytest.fixture(autouse=True)
def with_fts() -> None:
    Plugins().search_index("fts")


async def test_a_copy_is_found_by_a_process_that_has_the_index_open(tmp_path):
    source, target = configured(tmp_path, "a", search=False), configured(tmp_path, "b", search=True)
    await said(source, "an old zebra", clock=ManualClock())
    async with holdall.open(target) as store:
        await store.create(owner="ana", messages=[{"role": "user", "content": "a new zebra"}])
        assert await texts(store, "zebra") == ["a new zebra"]
        await command("copy", source, target)
        assert await texts(store, "zebra") == ["a new zebra", "an old zebra"]


async def test_what_a_repair_brings_back_is_found(tmp_path):
    """A log that somebody put into the folder: lists, and so the index, don't know of it until it is repaired."""
    source, target = configured(tmp_path, "a", search=False), configured(tmp_path, "b", search=True)
    await said(source, "an old zebra", clock=ManualClock())
    await said(target, "a new zebra")
    async with holdall.open(target) as store:
        assert await texts(store, "zebra") == ["a new zebra"]
    (log,) = (path for path in (tmp_path / "a" / "s").rglob("*.jsonl") if b"zebra" in path.read_bytes())
    place = tmp_path / "b" / log.relative_to(tmp_path / "a")
    place.parent.mkdir(exist_ok=True)
    shutil.copy(log, place)
    await command("--config", target, "repair", "--apply")
    async with holdall.open(target) as store:
        assert await texts(store, "zebra") == ["a new zebra", "an old zebra"]


async def test_a_restore_is_found(tmp_path):
    source, target = configured(tmp_path, "a", search=False), configured(tmp_path, "b", search=True)
    await said(source, "an old zebra", clock=ManualClock())
    await command("--config", source, "backup", tmp_path / "archive")
    async with holdall.open(target) as store:
        assert await texts(store, "zebra") == []
    shutil.rmtree(tmp_path / "b")
    await command("--config", target, "restore", tmp_path / "archive")
    async with holdall.open(target) as store:
        assert await texts(store, "zebra") == ["an old zebra"]
