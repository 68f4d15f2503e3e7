"""Many processes on one store: exact where the storage is shared, a clear refusal where it is not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import holdall
from holdall.plugins import Plugins
from tests.system.conftest import DURABLE, write_config

WRITERS = Path(__file__).with_name("writers.py")


def writer(config: Path, session: str, name: str, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(WRITERS), str(config), session, name, str(count)]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


async def everything(store: holdall.Store, session: str) -> list[holdall.Message]:
    messages: list[holdall.Message] = []
    page = await store.history(session, limit=500)
    while True:
        messages = [*page.items, *messages]
        if page.previous is None:
            return messages
        page = await store.history(session, limit=500, before=page.previous)


@pytest.mark.covers("ST-13", "QA-04")
@pytest.mark.parametrize("backend", DURABLE)
async def test_four_processes_append_to_one_session(tmp_path: Path, backend: str) -> None:
    """Four processes times 250 appends: exactly 1,000, each writer's in its own order; or the second is refused."""
    config, _ = write_config(tmp_path, backend)
    async with holdall.open(config) as store:
        session = (await store.create(owner="ana")).id
    shared = Plugins().storage(backend).abilities.shared
    processes = [writer(config, session, f"w{number}", 250) for number in range(4 if shared else 2)]
    greetings = [await asyncio.to_thread(process.stdout.readline) for process in processes]  # type: ignore[union-attr]
    if not shared:
        assert sorted(greetings) == ["", "open\n"]
        refused = processes[greetings.index("")]
        assert refused.wait(5) == 3
        message = refused.communicate()[1]
        assert message.startswith("storage-busy: ")
        assert message.count("\n") == 1
        processes.remove(refused)
    for process in processes:
        process.stdin.write("go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    for process in processes:
        _, errors = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, errors
    async with holdall.open(config) as store:
        messages = await everything(store, session)
    assert [message.id for message in messages] == [f"msg_main_{n:010d}" for n in range(250 * len(processes))]
    by_writer = Counter(str(message.content).split()[0] for message in messages)
    assert set(by_writer.values()) == {250}
    for name in by_writer:
        own = [message.content for message in messages if str(message.content).startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(250)]
