"""Who writes: the event loop while the disk is quick, the writer's thread when anything may take long."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading

import pytest

from holdall.contract import Scan, Span
from holdall.errors import Conflict, StorageError, StorageUnavailable
from holdall.testing.steps import Step
from holdall_file import clock, gather
from holdall_file.pace import Pace
from holdall_file.state import State

QUICK, SLOW = 0.0002, 0.1


class Disk:
    """Syncs that take as long as they are told, on a clock of their own; remembers which thread made them."""

    def __init__(self, monkeypatch):
        self.now, self.takes, self.who, self.then = 0.0, QUICK, [], None
        monkeypatch.setattr(clock, "perf_counter", lambda: self.now)
        monkeypatch.setattr(clock.Waits, "total", lambda _: 0.0)
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def _sync(self, fd):
        self.now += self.takes
        self.who.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
        if self.then is not None:
            self.then()

    def syncs(self):
        """Who made the syncs since the last question."""
        who, self.who = self.who, []
        return who


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


class Writer:
    """Appends to one session, and knows what should be there."""

    def __init__(self, store, name):
        self.store, self.name, self.head, self.count = store, name, None, 0

    def step(self):
        step = Step(self.head or self.name).append("messages/main", b'{"n":%d}' % self.count)
        return step.mark("recent", self.count).build()

    async def append(self, times=1):
        for _ in range(times):
            commit = self.step()
            await self.store.commit(commit)
            self.head, self.count = commit.onto(self.head), self.count + 1

    async def there(self, store=None):
        found = await (store or self.store).load(self.name, Span("messages/main"))
        assert found.head == self.head
        assert [*found.records.values()] == [b'{"n":%d}' % n for n in range(self.count)]


async def trusted(store, disk, name="s"):
    """A session whose commits the loop makes by now."""
    writer = Writer(store, name)
    await writer.append(40)
    disk.syncs()
    await writer.append()
    assert disk.syncs() == ["loop"]
    return writer


async def test_a_new_store_takes_the_thread_until_the_disk_has_shown_that_it_is_quick(open_store, disk):
    writer = Writer(await open_store(), "s")
    await writer.append(10)
    assert set(disk.syncs()) == {"thread"}
    await writer.append(30)
    assert disk.syncs()[-1] == "loop"
    await writer.there()


def test_quick_syncs_that_many_shared_are_trusted_sooner():
    for commits, needed in ((1, 16), (16, 4), (64, 1)):
        pace = Pace()
        for _ in range(needed):
            assert not pace.quick
            pace.took(QUICK, commits)
        assert pace.quick


async def test_a_slow_sync_sends_the_next_ones_to_the_thread_for_longer_each_time(open_store, disk):
    writer = await trusted(await open_store(), disk)
    stays = []
    for _ in range(3):
        disk.takes = SLOW
        await writer.append()
        disk.takes = QUICK
        assert disk.syncs() == ["loop"]
        await writer.append(200)
        who = disk.syncs()
        stays.append(who.index("loop"))
        assert set(who[: stays[-1]]) == {"thread"}
        assert set(who[stays[-1] :]) == {"loop"}
    assert 16 < stays[0] < stays[1] < stays[2]
    await writer.there()


def test_now_and_then_a_slow_sync_is_forgiven():
    pace = Pace(trusted=True)
    for number in range(2000):
        pace.took(0.004 if number % 50 == 0 else QUICK)
        assert pace.quick
    for _ in range(5):
        pace.took(0.004)
    assert not pace.quick


def test_a_sync_may_take_longer_the_more_commits_share_it():
    for seconds, commits, quick in ((0.0015, 1, False), (0.0015, 16, True), (0.002, 16, False), (0.0045, 64, True)):
        pace = Pace(trusted=True)
        for _ in range(100):
            pace.took(seconds, commits)
        assert pace.quick == quick, (seconds, commits)


def test_waiting_for_a_processor_is_not_the_disks_fault(monkeypatch):
    waits = clock.Waits()
    assert 0.0 <= waits.total() <= waits.total()
    time, waited = 0.0, 0.0
    monkeypatch.setattr(clock, "perf_counter", lambda: time)
    monkeypatch.setattr(clock.Waits, "total", lambda _: waited)
    stopwatch, told = clock.Stopwatch(), []
    for took, ready in ((0.0002, 0.0001), (0.005, 0.004), (0.006, 0.0055), (0.003, 0.0)):
        stopwatch.start()
        time, waited = time + took, waited + ready
        told.append(round(stopwatch.stop(), 6))
    assert told == [0.0002, 0.005, 0.0005, 0.003]


def test_where_the_system_does_not_tell_of_waits_there_are_none(monkeypatch):
    monkeypatch.setattr(clock, "_SOURCE", "/proc/there/is/no/such/file")
    assert clock.Waits().total() == 0.0


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
