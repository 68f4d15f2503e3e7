"""A blocking storage on its thread: in order, in batches, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import errno
import os
import threading

import pytest

from holdall.blocking import StorageThread, ThreadedStorage
from holdall.contract import BlockingSessionStorage, Commit, Scan, Span
from holdall.errors import Conflict, StorageError, StorageFull, StorageUnavailable
from holdall.testing.model import Model


class Blocking(BlockingSessionStorage):
    """The contract's model behind blocking verbs; can be held back, and remembers its batches."""

    def __init__(self):
        self.model = Model()
        self.batches, self.threads = [], set()
        self.gate = threading.Event()
        self.gate.set()
        self.error = None
        self.answers = None
        self.closed = False

    def load(self, partition, *spans):
        self._here()
        return self.model.load(partition, *spans)

    def commit(self, commit):
        self.model.commit(commit)

    def drop(self, partition, *, expect):
        self._here()
        self.model.drop(partition, expect=expect)

    def scan(self, scan):
        self._here()
        return self.model.scan(scan)

    def close(self):
        self._here()
        self.closed = True

    def commit_many(self, commits):
        self._here()
        self.batches.append(len(commits))
        outcomes = super().commit_many(commits)
        return outcomes if self.answers is None else outcomes[: self.answers]

    def _here(self):
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error


@pytest.fixture
async def both():
    blocking, thread = Blocking(), StorageThread("holdall-test")
    storage = ThreadedStorage(blocking, thread)
    yield blocking, storage
    blocking.error = None
    blocking.gate.set()
    await thread.stop()


def first(n):
    return Commit(f"p{n}", 0, 1, 1)


async def test_commits_that_wait_together_are_one_batch(both):
    blocking, storage = both
    blocking.gate.clear()
    begun = asyncio.create_task(storage.load("p0"))
    await asyncio.sleep(0)
    commits = [asyncio.create_task(storage.commit(first(n))) for n in range(20)]
    await asyncio.sleep(0)
    blocking.gate.set()
    await asyncio.gather(begun, *commits)
    assert blocking.batches in ([20], [20 - blocking.batches[-1], blocking.batches[-1]])
    assert blocking.threads == {"holdall-test"}
    assert len(await storage.scan(Scan(None))) == 20


async def test_calls_keep_their_order_between_and_in_batches(both):
    blocking, storage = both
    blocking.gate.clear()
    calls = []
    for version in range(10):
        calls.append(storage.commit(Commit("p", version, version + 1, version + 1)))
        calls.append(storage.load("p"))
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    blocking.gate.set()
    found = await asyncio.gather(*tasks)
    assert [snapshot.head.version for snapshot in found[1::2]] == list(range(1, 11))


async def test_a_conflict_is_its_own_callers_alone(both):
    blocking, storage = both
    blocking.gate.clear()
    hold = asyncio.create_task(storage.load("x"))
    tasks = [asyncio.create_task(storage.commit(first(n % 3))) for n in range(6)]
    await asyncio.sleep(0)
    blocking.gate.set()
    outcomes = await asyncio.gather(hold, *tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[1:]] == [type(None)] * 3 + [Conflict] * 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorageFull("full"), StorageFull),
        (OSError("cut"), OSError),
        (StopIteration("a bug"), StorageError),
        (SystemExit(3), StorageError),
    ],
)
async def test_an_error_fails_its_batch_and_the_thread_goes_on(both, error, told):
    blocking, storage = both
    blocking.error = error
    calls = [storage.commit(first(n)) for n in range(3)] + [storage.load("p"), storage.scan(Scan(None))]
    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert [type(outcome) for outcome in outcomes] == [told] * 5
    blocking.error = None
    await storage.commit(first(9))
    assert (await storage.load("p9", Span("x"))).head.version == 1


async def test_a_storage_that_does_not_answer_for_every_commit_leaves_nobody_waiting(both):
    blocking, storage = both
    blocking.answers = 0
    with pytest.raises(StorageError, match="0 of 1"):
        await asyncio.wait_for(storage.commit(first(1)), 10)
    blocking.answers = None
    await storage.commit(first(2))


async def test_a_caller_that_gives_up_stops_nobody(both):
    blocking, storage = both
    blocking.gate.clear()
    hold = asyncio.create_task(storage.load("x"))
    tasks = [asyncio.create_task(storage.commit(first(n))) for n in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    hold.cancel()
    blocking.gate.set()
    outcomes = await asyncio.gather(hold, *tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False, True, False, False]
    assert len(await storage.scan(Scan(None))) == 4  # what was given up is done, all the same


async def test_after_closing_every_call_is_refused(both):
    blocking, storage = both
    waiting = asyncio.create_task(storage.commit(first(1)))
    await asyncio.sleep(0)
    await storage.close()
    await waiting
    assert blocking.closed
    for call in (storage.load("p"), storage.commit(first(2)), storage.scan(Scan(None)), storage.drop("p", expect=1)):
        with pytest.raises(StorageUnavailable):
            await call


async def test_the_thread_ends_even_when_closing_fails():
    blocking, thread = Blocking(), StorageThread("holdall-test-close")
    storage = ThreadedStorage(blocking, thread)
    blocking.error = OSError("no")
    with pytest.raises(OSError, match="no"):
        await storage.close()
    assert not thread._thread.is_alive()
    await thread.stop()


async def test_a_commit_before_the_storage_is_open_is_refused_and_ends_nothing():
    thread = StorageThread("holdall-test-early")
    with pytest.raises(StorageUnavailable):
        await asyncio.wait_for(thread.commit(first(1)), 10)
    assert await thread.run(lambda: 5) == 5
    await thread.stop()


def test_answers_for_a_loop_that_is_gone_are_let_go(recwarn):
    thread = StorageThread("holdall-test-loops")
    gate = threading.Event()

    async def ask_and_leave():
        task = asyncio.create_task(thread.run(gate.wait))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(ask_and_leave())
    gate.set()

    async def ask():
        assert await thread.run(lambda: 5) == 5
        await thread.stop()

    asyncio.run(ask())


async def test_nothing_gets_in_behind_the_closing(both):
    """What comes while the storage closes is refused, not done to a storage that has given its lock back."""
    blocking, storage = both
    blocking.gate.clear()
    waiting = asyncio.create_task(storage.commit(first(1)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(storage.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailable):
        await storage.commit(first(2))
    blocking.gate.set()
    await waiting
    await closing
    assert (blocking.batches, blocking.closed) == ([1], True)


async def test_faults_are_asked_on_the_storages_thread(both):
    _, storage = both
    assert await storage.faults() == ()


def test_a_forked_child_is_told_to_open_again():
    thread = StorageThread("holdall-test-fork")
    thread._process = -1  # as the child sees it: another process made the thread
    with pytest.raises(StorageUnavailable, match="after a fork"):
        asyncio.run(thread.run(lambda: None))
    thread._process = os.getpid()
    asyncio.run(thread.stop())


async def test_what_writes_meet_is_its_health():
    """A full disk until a write succeeds; a disk that failed until the storage is opened again."""
    thread, storage = StorageThread("t"), Blocking()
    threaded = ThreadedStorage(storage, thread)
    assert threaded.health() is None
    storage.error = StorageFull("no room")
    with pytest.raises(StorageFull):
        await threaded.commit(Commit("p", 0, 1, 1))
    assert threaded.health() == "no room"
    storage.error = None
    await threaded.commit(Commit("p", 0, 1, 1))
    assert threaded.health() is None
    with pytest.raises(Conflict):
        await threaded.commit(Commit("p", 0, 1, 1))
    assert threaded.health() is None, "a conflict says nothing of the storage"
    storage.error = StorageError("the sync failed")
    storage.error.__cause__ = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StorageError):
        await threaded.drop("p", expect=1)
    storage.error = None
    await threaded.drop("p", expect=1)
    assert "the sync failed" in threaded.health()
    storage.health = lambda: "its own words"
    assert threaded.health() == "its own words"
    await threaded.close()
