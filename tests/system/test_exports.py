"""Exporting while four processes write: each export is all that was there at one moment, and comes in again as it was."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats import export
from holdall.sessions.names import message_place
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget
from tests.system.conftest import holdall as command

SESSIONS, WRITERS, EXPORTS = 3, 4, 8
pytestmark = pytest.mark.covers("CV-07", "CV-16", "ST-13")


def acknowledged(folder: Path) -> dict[str, int]:
    """How many messages of each session are known to be stored."""
    known: dict[str, int] = {}
    for path in folder.glob("*.acknowledged"):
        for line in path.read_text().splitlines():
            session, name = line.split()
            known[session] = max(known.get(session, 0), message_place(name)[1] + 1)
    return known


@asynccontextmanager
async def written_to(folder: Path, config: Path, sessions: list[str]) -> AsyncGenerator[None]:
    """Four processes that append to the sessions meanwhile."""
    seed = os.environ.get("EXPORT_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"EXPORT_SEED={seed}")
    begin = [sys.executable, "-m", "tests.system.telling", str(config)]
    writers = [
        subprocess.Popen(  # noqa: ASYNC220 - as soon as it is there it waits
            [*begin, str(folder / f"{n}.acknowledged"), f"{seed}-{n}", *sessions],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(WRITERS)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert await asyncio.to_thread(writer.stdout.readline) == "open\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        yield
        assert all(writer.poll() is None for writer in writers)
        (folder / "stop").touch()
        assert [await asyncio.to_thread(writer.wait, 60) for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


async def taken(store: Store, folder: Path, sessions: list[str]) -> list[tuple[Path, str, int]]:
    """Exports, each with its session and how many messages were acknowledged before it began."""
    made: list[tuple[Path, str, int]] = []
    for number in range(EXPORTS):
        session, path = sessions[number % SESSIONS], folder / f"{number}.jsonl"
        known = made[-1][2] if made else 0
        while (before := acknowledged(folder)).get(session, 0) <= known:  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.01)
        if number == EXPORTS - 1:
            file = str(folder / "holdall.toml")
            await asyncio.to_thread(command, "--config", file, "export", session, "-o", str(path))
        else:
            path.write_bytes(b"".join([piece async for piece in export(store, session, every=number % 2 == 1)]))
        made.append((path, session, before[session]))
    return made


async def test_what_is_exported_under_load_is_one_moment_and_comes_in_again(tmp_path: Path) -> None:
    config = tmp_path / "holdall.toml"
    options = f'path = "{tmp_path / "store"}"\ndurability = "process"\n'
    config.write_text(f'[sessions]\nsweep_every = 0\n[storage]\nuse = "file"\n[storage.options]\n{options}')
    async with holdall.open(config) as store:
        sessions = [(await store.create(owner="ana", title=f"{n}")).id for n in range(SESSIONS)]
        async with written_to(tmp_path, config, sessions):
            made = await taken(store, tmp_path, sessions)
        said = {session: [each.fields async for each in store.messages(session)] for session in sessions}
        for session, count in acknowledged(tmp_path).items():
            assert count == len(said[session]) == (await store.get(session)).counts.tools
    lengths = [await checked(path, said[session], least) for path, session, least in made]
    print(f"{lengths} messages in exports")
    await check_control(made[0][0], said[made[0][1]])
    assert all(
        0 < length < len(said[session]) for length, (_, session, _) in zip(lengths[:SESSIONS], made, strict=False)
    )


async def check_control(path: Path, said: list[dict[str, Any]]) -> None:
    """An export without one of its messages, or without the run that goes with the last, is found out."""
    lines = path.read_text().splitlines(keepends=True)  # noqa: ASYNC240 - nothing else runs
    for gone in (1, len(lines) - 1):
        path.write_text("".join(lines[:gone] + lines[gone + 1 :]))  # noqa: ASYNC240 - as above
        with pytest.raises(AssertionError):
            await checked(path, said, 0)


async def checked(path: Path, said: list[dict[str, Any]], least: int) -> int:
    """How many messages an export has: the first of what was said, and as many as its header tells."""
    head, *lines = map(json.loads, path.read_text().splitlines())  # noqa: ASYNC240 - nothing else runs
    messages = [line["message"] for line in lines if line["type"] == "message"]
    runs = [line["tool"]["call"] for line in lines if line["type"] == "tool"]
    assert messages == said[: len(messages)]
    assert least <= len(messages) == head["session"]["counts"]["messages"] == head["session"]["counts"]["tools"]
    assert runs == [message["content"] for message in messages], "an append is there whole, or not at all"
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as store:
        report = await import_file(StoreTarget(store), path, Choices(owner="ana"))
        assert (report.error, report.faults, len(report.sessions)) == (None, [], 1)
        name = report.sessions[0].session
        assert [each.fields async for each in store.messages(name)] == messages
        assert (await store.get(name)).counts.tools == len(runs)
    return len(messages)
