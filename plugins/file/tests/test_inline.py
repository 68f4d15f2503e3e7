"""Who writes: the event loop while the disk is quick, the writer's thread when anything may take long."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading

import pytest
from told_disk import SLOW, Writer, trusted

from holdall.contract import Scan, Span
from holdall.errors import Conflict, StorageError, StorageUnavailable
from holdall.testing.steps import Step
from holdall_file import gather
from holdall_file.state import State


async def test_while_the_thread_is_at_work_the_loop_neither_writes_nor_waits(open_store, disk):
    store = await open_store()
    writer = await trusted(store, disk)
    gate, begun = threading.Event(), threading.Event()

    def held():
        begun.set()
        assert gate.wait(10)

    hold = asyncio.create_task(store._thread.run(held))
    await asyncio.to_thread(begun.wait)
    commit = asyncio.create_task(writer.append())
    for _ in range(50):
        await asyncio.sleep(0)
    assert disk.syncs() == []
    assert not commit.done()
    gate.set()
    await asyncio.gather(hold, commit)
    assert disk.syncs() == ["thread"]
    await writer.there()


async def test_while_the_loop_writes_the_thread_is_kept_out(open_store, disk):
    store = await open_store()
    writer = await trusted(store, disk)
    entered, calls = threading.Event(), []

    def ask():
        asyncio.run(store._thread.run(entered.set))

    def during():
        other = threading.Thread(target=ask)
        other.start()
        calls.append((other, entered.wait(0.05), store._thread.turn.locked()))

    disk.then = during
    await writer.append()
    disk.then = None
    ((other, got_in, locked),) = calls
    assert (got_in, locked) == (False, True)
    await asyncio.to_thread(other.join)
    assert entered.is_set()
    await writer.there()


async def test_many_at_once_share_syncs_and_each_is_told_its_own(open_store, disk):
    store = await open_store()
    await trusted(store, disk)
    writers = [Writer(store, f"p{n}") for n in range(150)]
    await asyncio.gather(*(writer.append() for writer in writers))
    await asyncio.gather(*(writer.append() for writer in writers))
    disk.syncs()
    doubled = [store.commit(writers[0].step()), store.commit(writers[0].step())]
    outcomes = await asyncio.gather(*doubled, *(writer.append() for writer in writers[1:]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:3]] == [type(None), Conflict, type(None)]
    assert disk.syncs() == ["loop"] * 3
    for writer in writers[1:]:
        await writer.there()


async def test_who_comes_alone_does_not_wait_for_company_and_company_is_noticed(open_store, disk):
    store = await open_store()
    writer, others = await trusted(store, disk), [Writer(store, f"p{n}") for n in range(16)]
    for other in others:
        await other.append(2)
    await writer.append(gather._ALONE)
    turns = 0

    def turn():
        nonlocal turns
        turns += 1
        if turns < 1000:
            loop.call_soon(turn)

    loop = asyncio.get_running_loop()
    loop.call_soon(turn)
    disk.syncs()
    await writer.append(40)
    assert disk.syncs() == ["loop"] * 40
    assert 40 // gather._IN_A_ROW_WITH_SYNC <= turns < 40, "each would take two turns of the loop"
    await asyncio.gather(*(other.append() for other in others))
    assert len(disk.syncs()) <= gather._IN_A_ROW_WITH_SYNC
    for _ in range(3):
        await asyncio.gather(*(other.append() for other in others))
    assert disk.syncs() == ["loop"] * 3
    for other in [writer, *others]:
        await other.there()


@pytest.mark.parametrize("what", ["new", "large", "behind", "busy catalogue"])
async def test_what_may_take_long_is_the_threads(open_store, tmp_path, disk, what):
    store, other = await open_store(), await open_store()
    writer = await trusted(store, disk)
    waiting = None
    if what == "new":
        writer = Writer(store, "another")
    elif what == "large":
        commit = Step(writer.head).append("messages/main", b'"%s"' % (b"x" * 100_000)).build()
        await store.commit(commit)
        assert disk.syncs() == ["thread"]
        return
    elif what == "behind":
        commit = writer.step()
        await other.commit(commit)
        writer.head, writer.count = commit.onto(writer.head), writer.count + 1
        disk.syncs()
    else:
        held = os.open(tmp_path / "store" / "catalog.log", os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.get_running_loop().call_later(0.05, os.close, held)
    await writer.append()
    assert set(disk.syncs()) == {"thread"}
    assert waiting is None or waiting.when() < asyncio.get_running_loop().time()
    await writer.there()
    await writer.there(other)


async def test_a_sync_that_fails_on_the_loop(open_store, disk):
    store = await open_store()
    writer = await trusted(store, disk)

    def fail():
        disk.then = None
        raise OSError(errno.EIO, "Input/output error")

    disk.then = fail
    with pytest.raises(StorageError):
        await writer.append()
    assert "Input/output error" in store.health()
    await writer.there()
    await writer.append(50)
    assert set(disk.syncs()[1:]) == {"thread"}, "a broken disk is not the loop's"
    await writer.there()
    await store.close()
    await writer.there(await open_store())


async def test_an_interrupt_in_the_middle_leaves_the_commit_undone(open_store, disk):
    store = await open_store()
    writer = await trusted(store, disk)

    def interrupt():
        disk.then = None
        raise KeyboardInterrupt

    disk.then = interrupt
    with pytest.raises(KeyboardInterrupt):
        store._gather.writer.commit_now([writer.step()])
    await writer.there()
    await writer.append(3)
    await writer.there(await open_store())


async def test_the_thread_too_takes_the_short_way_unless_a_session_is_new_or_comes_twice(open_store, disk, monkeypatch):
    store, made = await open_store(), []
    commit = (await store._begun()).writer.commit_now

    def noting(commits):
        made.append(commit(commits))
        return made[-1]

    monkeypatch.setattr(store._gather.writer, "commit_now", noting)
    disk.takes = SLOW
    writers = [Writer(store, f"p{n}") for n in range(3)]
    await asyncio.gather(*(writer.append() for writer in writers))
    assert made == [], "not one of them is open"
    await asyncio.gather(*(writer.append() for writer in writers))
    assert made.pop() is None, "the write-ahead log gets its space"
    await asyncio.gather(*(writer.append() for writer in writers))
    assert made == [[None] * 3]
    twice = [store.commit(writers[0].step()), store.commit(writers[0].step())]
    outcomes = await asyncio.gather(*twice, writers[1].append(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None)]
    assert made == [[None] * 3]
    assert set(disk.syncs()) == {"thread"}
    for writer in writers[1:]:
        await writer.there()


async def test_closing_takes_along_what_waits(open_store, disk):
    store = await open_store()
    writers = [await trusted(store, disk, f"p{n}") for n in range(3)]
    tasks = [asyncio.create_task(writer.append()) for writer in writers]
    await asyncio.sleep(0)
    await store.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    again = await open_store()
    for writer in writers:
        await writer.there(again)


async def test_an_error_of_the_writer_reaches_every_caller(open_store, disk, monkeypatch):
    store = await open_store()
    first, second = [await trusted(store, disk, name) for name in "ab"]
    monkeypatch.setattr(store._gather.writer._wal, "announce", lambda digests: 1 / 0)
    outcomes = await asyncio.gather(first.append(), second.append(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2
    monkeypatch.undo()
    await first.append()
    await second.there()


async def test_without_syncs_a_writer_in_a_hurry_lets_others_run(open_store):
    store = await open_store(durability="process")
    writer, turns = Writer(store, "s"), 0
    await writer.append(2)

    async def other():
        nonlocal turns
        while writer.count < 200:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    await writer.append(198)
    await beside
    assert turns >= 198 // gather._IN_A_ROW
    await writer.there()


async def test_the_write_ahead_log_begins_again_when_it_is_full(open_store, tmp_path):
    store = await open_store(shared_log_bytes=64 * 1024)
    writers = [Writer(store, f"p{n}") for n in range(3)]
    for writer in writers:
        await writer.append(150)
    await asyncio.gather(*(writer.append(150) for writer in writers))
    assert store.health() is None
    (log,) = (tmp_path / "store" / "wal").iterdir()
    assert log.stat().st_size <= 64 * 1024
    other = await open_store()
    for writer in writers:
        await writer.there()
        await writer.there(other)
    assert len(await other.scan(Scan("recent"))) == 3


async def test_a_checkpoint_of_very_many_lanes_is_put_together_once_by_the_thread(
    open_store, monkeypatch, log_of, tmp_path
):
    who = []
    put_together = State.checkpoint_line

    def counting(self, *given):
        who.append(threading.current_thread() is threading.main_thread())
        return put_together(self, *given)

    monkeypatch.setattr(State, "checkpoint_line", counting)
    store = await open_store(durability="process")
    step = Step("wide")
    for n in range(300):
        step.append(f"messages/{n}", b"1")
    commit = step.build()
    await store.commit(commit)
    head = commit.onto(None)
    for n in range(400):
        commit = Step(head).append(f"messages/{n % 300}", b'"%s"' % (b"x" * 500)).build()
        await store.commit(commit)
        head = commit.onto(head)
    assert set(who) == {False}
    assert len(who) == log_of(tmp_path / "store").read_bytes().count(b'{"crc":') - 402 > 1
    found = await store.load("wide", Span("messages/7"))
    assert found.head == head
    assert [*found.records.values()] == [b"1", *[b'"%s"' % (b"x" * 500)] * 2]
