"""Purging while others write, and processes that are killed in the middle of it: it is done, or done by asking again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from support.stores import beside, user

import holdall
from holdall.errors import Conflict, Invalid, NotFound

MARK = f"MARK-{os.urandom(6).hex()}"
NAME = "msg_main_0000000001"
pytestmark = pytest.mark.covers("CV-09", "XX-04")


async def everything(store: Any, session: str) -> str:
    """All that there is of a session: messages of every branch, versions, what was redacted."""
    seen: list[Any] = []
    for branch in (await store.branches(session, limit=100)).items:
        for message in await store.history(session, branch=branch.name, limit=200):
            seen += [message.raw, *[one.raw for one in await store.versions(session, message.id)]]
            seen += await store.redacted(session, message.id)
    return repr(seen)


async def trying(*steps: Any) -> None:
    for step in steps:
        with suppress(Conflict, Invalid, NotFound):
            await step()


async def appending(writer: Any, session: str) -> None:
    for number in range(10):
        await writer.append(session, [user(f"more {number}")], branch="main")


def changes(writer: Any, session: str) -> list[Any]:
    return [
        lambda: writer.edit(session, NAME, {"metadata": {"n": 1}}),
        lambda: writer.redact(session, NAME),
        lambda: writer.fork(session, at=NAME),
        lambda: writer.restore_version(session, NAME, 1),
    ]


@pytest.mark.parametrize("_", range(4))
async def test_whoever_writes_meanwhile_brings_nothing_back_and_loses_nothing(store, _):
    """Two writers to one session; the message is edited, redacted, forked from, while it is purged."""
    session = (await store.create(owner="ana", messages=[user("first"), user(MARK), user("last")])).id
    other = beside(store)
    await asyncio.gather(
        *(appending(writer, session) for writer in (store, other)),
        *(trying(*changes(writer, session)) for writer in (store, other)),
        *(writer.purge(session, message=NAME) for writer in (store, other)),
    )
    assert (await store.purge(session, message=NAME)).verified
    assert MARK not in await everything(beside(store), session)
    said = [message["content"] for message in await store.history(session, branch="main", limit=100)]
    assert (said[:3:2], said[3:].count("more 9"), len(said)) == (["first", "last"], 2, 23)


CHILD = """
import asyncio, json, os, signal, sys
import holdall
config, name, number = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
async def main():
    async with holdall.open(config) as store:
        storage, left = store.engine.storage, [number]
        def killing(verb):
            async def killed(*asked, **more):
                for _ in range(2):  # before it, and after it
                    left[0] -= 1
                    if left[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if _ == 0:
                        found = await verb(*asked, **more)
                return found
            return killed
        storage.commit, storage.purge = killing(storage.commit), killing(storage.purge)
        await store.purge(name, message="msg_main_0000000001")
asyncio.run(main())
"""


@pytest.mark.parametrize("number", range(1, 6))
async def test_a_purge_that_is_killed_anywhere_is_run_again(storage_options, tmp_path, backend, number):
    if backend == "memory":
        pytest.skip("it goes with its process")
    config = {"storage": storage_options, "sessions": {"sweep_every": 0}}
    async with holdall.open(config) as store:
        session = (await store.create(owner="ana", messages=[user("first"), user(MARK), user("last")])).id
        await store.edit(session, NAME, {"content": f"second {MARK}"})
        await store.redact(session, NAME)
    arguments = [sys.executable, "-c", CHILD, as_text(config), session, str(number)]
    ended = await asyncio.to_thread(subprocess.run, arguments, check=False)
    assert ended.returncode == (-signal.SIGKILL if number < 5 else 0), "the control: the last is killed no more"
    async with holdall.open(config) as store:
        said = [message["content"] for message in await store.history(session)]
        assert said == ["first", "[redacted]" if number == 1 else "[purged]", "last"], "whole before it is asked again"
        assert (await store.purge(session, message=NAME)).verified
        assert MARK not in await everything(store, session)
    files = [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    assert [path.name for path in files if MARK.encode() in path.read_bytes()] == []


def as_text(config: dict[str, Any]) -> str:
    return json.dumps(config, default=str)
