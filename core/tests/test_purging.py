"""Purging leaves no byte: every file of the store is searched, with another process at it, and after kills."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.stores import beside, user

import holdall
from holdall import Forbidden, Invalid, ISessionStorage, NotFound, Principal
from holdall.plugins import Plugins
from holdall.sessions.steps import Step

MARK = f"MARK-{os.urandom(6).hex()}"
LARGE = MARK * 10_000
pytestmark = pytest.mark.covers("CV-09", "XX-04", "XX-10")


@pytest.fixture
def folder(storage_options: dict[str, Any], tmp_path: Path) -> Path:
    """Where the store's files are."""
    assert storage_options
    return tmp_path / "storage"


def having(folder: Path) -> list[str]:
    """The files that have the mark."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes())


def in_memory(store) -> list[Any]:
    """What is cached that has the mark."""
    found = []
    for key, value in store.engine.states._items.items():
        kept = getattr(value, "records", ())
        if any(MARK.encode() in record for record in kept) or MARK in repr(value):
            found.append(key)
    return found


async def written(store):
    """A session with a message of which the mark is in every place that it can be in."""
    session = await store.create(owner="ana", title="t", messages=[user("before")])
    both = [user(MARK, original=0), user(LARGE)]
    said = (await store.append(session.id, both, originals=["original " + MARK])).messages
    await session.edit(said[0].id, content="second " + MARK)
    await session.redact(said[0].id, reason="a reason")
    await session.edit(said[0].id, content="third " + MARK)
    await session.edit(said[1].id, metadata={"n": 1})
    await session.history()
    await session.fork(name="side", title="t " + MARK)
    await session.append(user("on the side " + MARK), branch="side")
    return session, [message.id for message in said]


async def test_no_file_has_a_byte_of_what_was_purged(store, backend, folder):
    session, names = await written(store)
    other = await store.create(owner="ana", messages=[user("another")])
    assert bool(having(folder)) == (backend != "memory"), "the control: without a purge it is there"
    await session.delete_branch("side")
    found = [await session.purge(message=name) for name in names]
    found.append(await session.purge(branch="side"))
    assert [each.messages for each in found] == [1, 1, 1]
    assert all(each.verified for each in found), found
    assert (having(folder), in_memory(store)) == ([], [])
    shown = await beside(store).history(session.id)
    assert [message["content"] for message in shown] == ["before", "[purged]", "[purged]"]
    assert [version["content"] for version in await session.versions(names[0])] == ["[purged]"]
    assert (await session.parts(), await session.redacted(names[0])) == ([], [])
    await session.refresh()
    assert session.size < 2000
    again = await session.purge(message=names[0])
    assert (again.messages, again.verified) == (0, True)
    assert [message["content"] for message in await other.history()] == ["another"]
    await session.append(user(LARGE))
    assert (await session.history(limit=1)).items[0].text == LARGE


async def test_no_file_has_a_byte_of_a_session_that_was_purged(store, folder):
    session, _ = await written(store)
    found = await session.purge()
    assert (found.messages, found.verified) == (4, True)
    assert (having(folder), in_memory(store)) == ([], [])
    with pytest.raises(NotFound):
        await store.get(session.id)
    assert (await store.purge(session.id)).as_dict() == {**found.as_dict(), "messages": 0}


async def test_summaries_go_with_what_they_may_say(store, folder):
    session = await store.create(owner="ana", messages=[user("one"), user("two")])
    head = session.state.head
    step = Step.begin(head.partition, head, head.version + 1)
    step.append("summaries", [json.dumps({"text": MARK}).encode()])
    await store.engine.storage.commit(step.commit(store.engine.codec))
    found = await session.purge(message="msg_main_0000000001")
    assert (found.verified, having(folder)) == (True, [])
    await session.refresh()
    assert not session.state.head.lanes["summaries"]
    assert "compactions" not in session.state.head.lanes


async def test_only_admins_purge_and_only_what_nobody_else_shows(store):
    session = await store.create(owner="ana", messages=[user("a"), user("b")])
    await session.fork(name="x")
    said = await session.append(user("c"), branch="x")
    await session.fork(at=said.id, name="y")
    with pytest.raises(Forbidden):
        await store.acting_as(Principal("ana")).purge(session.id)
    root = store.acting_as(Principal("root", admin=True))
    for what in ({"branch": "main"}, {"branch": "x"}, {"branch": "x", "message": said.id}):
        with pytest.raises(Invalid):
            await root.purge(session.id, **what)
    await session.delete_branch("x")
    with pytest.raises(Invalid, match="'y' has messages of it"):
        await root.purge(session.id, branch="x")
    with pytest.raises(NotFound):
        await root.purge(session.id, branch="nobody")
    assert [message.text for message in await session.history(branch="y")] == ["a", "b", "c"]


async def test_a_part_that_others_refer_to_stays(store):
    session = await store.create(owner="ana", messages=[user(LARGE), user(LARGE)])
    await session.purge(message="msg_main_0000000000")
    assert [message.text for message in await session.history()] == ["[purged]", LARGE]
    assert [part.references for part in await session.parts()] == [1]


@pytest.mark.covers("CV-10", "CV-13")
@pytest.mark.parametrize("redacted", [True, False])
async def test_summaries_of_what_was_purged_say_nothing_more(store, folder, redacted):
    text = f"We spoke of {MARK}, of caches and of what they are for. " * 3
    session = await store.create(owner="ana", messages=[user(f"{number}: {text}") for number in range(9)])
    assert (await session.compact(budget=400)).new
    about = await session.summarise(last="msg_main_0000000003", text="about " + MARK)
    apart = await session.summarise(first="msg_main_0000000001", text="apart")
    await session.active_context()
    for number in range(9):
        name = f"msg_main_{number:010}"
        if redacted:
            await session.redact(name)
            told = "[redacted]" if number < 4 else "[purged]"
            assert (await store.summary(session.id, about.id)).text == told
        assert (await session.purge(message=name)).verified
        assert (await store.summary(session.id, about.id)).text == "[purged]"
        assert (await store.summary(session.id, apart.id)).text == ("[purged]" if number else "apart")
    assert (having(folder), in_memory(store)) == ([], [])
    context = await session.active_context()
    assert MARK not in str([message.fields for message in context.messages])


async def test_a_summary_that_is_made_while_a_message_is_purged_says_nothing_of_it(store, folder, monkeypatch):
    session = await store.create(owner="ana", messages=[user("one"), user(MARK)])
    change, made = store.engine.change, list[str]()

    async def late(*asked: Any, **more: Any) -> Any:
        if not made:
            made.append("")
            made[0] = (await session.summarise(text="about " + MARK)).id
        return await change(*asked, **more)

    monkeypatch.setattr(store.engine, "change", late)
    assert (await session.purge(message="msg_main_0000000001")).verified
    assert ((await store.summary(session.id, made[0])).text, having(folder)) == ("[purged]", [])


async def test_a_field_of_a_client_keeps_nothing_from_being_purged(store, folder):
    forged = {"at": 1, "by": "ana"}
    said = [user(MARK, purged=forged), user("[purged]", purged=forged, x=MARK)]
    session = await store.create(owner="ana", messages=said)
    found = [await session.purge(message=f"msg_main_{number:010}") for number in (0, 1, 0)]
    assert [each.messages for each in found] == [1, 1, 0]
    assert having(folder) == []


class Silent(ISessionStorage):
    """A storage that knows nothing of purging, around one that does."""

    def __init__(self, below: Any) -> None:
        self.load, self.commit, self.drop, self.scan = below.load, below.commit, below.drop, below.scan

    load = commit = drop = scan = None  # type: ignore[assignment]


Silent.__abstractmethods__ = frozenset()


async def test_what_a_storage_cannot_tell_is_not_verified(store):
    plain = beside(store, Silent)
    session = await plain.create(owner="ana", messages=[user(MARK)])
    found = await session.purge(message="msg_main_0000000000")
    assert (found.messages, found.verified) == (1, False)
    assert "cannot tell" in found.left[0]


CHILD = """
import asyncio, os, signal, sys
import holdall
path, name, task, number = sys.argv[1:5]
async def main():
    async with holdall.open({"storage": {"use": "file", "options": {"path": path}}, "sessions": {"sweep_every": 0}}) as store:
        if task == "write":
            for text in ("the first is synced by itself", sys.argv[5]):
                await store.append(name, [{"role": "user", "content": text}])
            for line in sys.stdin:
                if line.strip() == "sweep":
                    await store.sweep()
                else:
                    print((await store.history(name)).items[-1].text, flush=True)
                    continue
                print("done", flush=True)
        else:
            left, sync = [int(number)], os.fsync
            def killing(fd):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                sync(fd)
            os.fsync = os.fdatasync = killing
            await store.purge(name, message="msg_main_0000000000")
asyncio.run(main())
"""


def started(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _file(path: Path) -> Any:
    Plugins().storage("file")
    return holdall.open({"storage": {"use": "file", "options": {"path": str(path)}}, "sessions": {"sweep_every": 0}})


async def test_another_process_empties_its_log_when_it_is_asked(tmp_path):
    async with _file(tmp_path) as store:
        session = await store.create(owner="ana")
        arguments = [sys.executable, "-c", CHILD, str(tmp_path), session.id, "write", "0", MARK]
        with started(arguments) as child:

            def told(what: str) -> str:
                child.stdin.write(what + "\n")
                child.stdin.flush()
                return child.stdout.readline().strip()

            try:
                assert await asyncio.to_thread(told, "read") == MARK
                found = await session.purge(message="msg_main_0000000001")
                assert (found.messages, found.verified, len(having(tmp_path))) == (1, False, 1)
                assert having(tmp_path)[0] in found.left[0]
                assert await asyncio.to_thread(told, "sweep") == "done"
                again = await session.purge(message="msg_main_0000000001")
                assert (again.verified, having(tmp_path)) == (True, [])
                assert await asyncio.to_thread(told, "read") == "[purged]"
            finally:
                child.stdin.close()
                child.wait(30)


@pytest.mark.parametrize("number", range(1, 7))
async def test_a_purge_that_is_killed_is_run_again(tmp_path, number):
    async with _file(tmp_path) as store:
        other = await store.create(owner="ana", messages=[user("another")])
        session = await store.create(owner="ana", messages=[user(MARK)])
        await session.edit("msg_main_0000000000", content="second " + MARK)
    arguments = [sys.executable, "-c", CHILD, str(tmp_path), session.id, "purge", str(number)]
    ended = await asyncio.to_thread(subprocess.run, arguments, check=False)
    assert ended.returncode in (0, -signal.SIGKILL)
    assert ended.returncode or number > 3, "the control: it is killed in the middle"
    async with _file(tmp_path) as store:
        found = await store.purge(session.id, message="msg_main_0000000000")
        assert (found.verified, having(tmp_path)) == (True, [])
        assert [message.text for message in await store.history(session.id)] == ["[purged]"]
        assert [message.text for message in await store.history(other.id)] == ["another"]
