"""Runs a blocking storage on one thread of its own, and lets commits that wait together share a sync.

The thread takes everything that is queued, does it in order, and answers the event loop once. Neighbouring
commits are handed over as one batch, which is what makes many writers cheap on a storage that syncs.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from holdall.contract import BlockingSessionStorage, Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import StorageError, StorageUnavailable

__all__ = ["StorageThread", "ThreadedStorage", "tellable"]

T = TypeVar("T")
_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


class _Call:
    """One call waiting for the thread: a function, or a commit when there is none."""

    __slots__ = ("commit", "function", "future")

    def __init__(self, future: asyncio.Future[Any], function: Callable[[], Any] | None, commit: Commit | None) -> None:
        self.future = future
        self.function = function
        self.commit = commit


class StorageThread:
    """A daemon thread that runs calls in the order they came."""

    def __init__(self, name: str) -> None:
        self.turn = threading.Lock()
        """Held while calls run. Who takes it without waiting may do the thread's work for it."""
        self._calls: queue.SimpleQueue[Sequence[_Call] | None] = queue.SimpleQueue()
        self._busy = False
        self._commit_many: Callable[[Sequence[Commit]], Sequence[BaseException | None]] | None = None
        self._closed = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[[], T]) -> T:
        """Run ``function`` on the thread and return what it returns."""
        return await self._put(_Call(self._future(), function, None))

    async def commit(self, commit: Commit) -> None:
        """Queue a commit for the next batch."""
        await self._put(_Call(self._future(), None, commit))

    def hand_over(self, waiting: Sequence[tuple[asyncio.Future[None], Commit]]) -> None:
        """Queue commits for which somebody waits already: the thread is woken once for all of them."""
        try:
            self._check()
        except StorageUnavailable as error:
            _deliver([(future, None, error) for future, _ in waiting])
        else:
            self._calls.put([_Call(future, None, commit) for future, commit in waiting])

    @property
    def idle(self) -> bool:
        """Whether nothing waits for the thread: then nobody gets ahead of anybody by taking ``turn``."""
        return not self._busy and self._calls.empty()

    def serve(self, commit_many: Callable[[Sequence[Commit]], Sequence[BaseException | None]]) -> None:
        """Say what a batch of commits is handed to."""
        self._commit_many = commit_many

    async def stop(self, last: Callable[[], Any] | None = None) -> None:
        """Take nothing more, let the queue run dry, do ``last``, then end the thread. In a forked child: nothing."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        ended = _Call(self._future(), last or _nothing, None)
        self._calls.put([ended])
        self._calls.put(None)
        await asyncio.wait([ended.future])
        self._thread.join()  # it has nothing left to do
        ended.future.result()

    @staticmethod
    def _future() -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    async def _put(self, call: _Call) -> Any:
        self._check()
        self._calls.put([call])
        return await call.future

    def _check(self) -> None:
        if self._closed:
            raise StorageUnavailable("the storage is closed")
        if self._process != os.getpid():
            raise StorageUnavailable("the storage was opened by another process: open it again after a fork")

    def _run(self) -> None:
        while True:
            calls, ended = self._take()
            answers: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
            with self.turn:
                done = self._answers(calls)
            self._busy = False
            for answer in done:
                answers.setdefault(answer[0].get_loop(), []).append(answer)
            for loop, batch in answers.items():
                try:
                    loop.call_soon_threadsafe(_deliver, batch)
                except RuntimeError:  # the loop is closed: nobody waits for these answers any more
                    continue
            if ended:
                self._refuse_the_rest()
                return

    def _take(self) -> tuple[list[_Call], bool]:
        """Everything that is waiting, at least one call; and whether the end was among it."""
        calls: list[_Call] = []
        some = self._calls.get()
        self._busy = True
        while some is not None:
            calls += some
            try:
                some = self._calls.get_nowait()
            except queue.Empty:
                return calls, False
        return calls, True

    def _refuse_the_rest(self) -> None:
        """Tell those who came between the end and now, from other threads."""
        while not self._calls.empty():
            for call in self._calls.get_nowait() or ():
                answer: _Answer = (call.future, None, StorageUnavailable("the storage is closed"))
                with suppress(RuntimeError):
                    call.future.get_loop().call_soon_threadsafe(_deliver, [answer])

    def _answers(self, calls: list[_Call]) -> list[_Answer]:
        answers: list[_Answer] = []
        at = 0
        while at < len(calls):
            function = calls[at].function
            if function is not None:
                answers.append(_outcome(calls[at].future, function))
                at += 1
                continue
            end = at
            while end < len(calls) and calls[end].commit is not None:
                end += 1
            answers += self._batch(calls[at:end])
            at = end
        return answers

    def _batch(self, calls: list[_Call]) -> list[_Answer]:
        commits = [call.commit for call in calls if call.commit is not None]
        try:
            if self._commit_many is None:
                raise StorageUnavailable("the storage is not open yet")  # noqa: TRY301 - told like any other
            outcomes = self._commit_many(commits)
            if len(outcomes) != len(commits):
                raise StorageError(f"the storage answered {len(outcomes)} of {len(commits)} commits")  # noqa: TRY301
        except BaseException as error:  # noqa: BLE001 - each waiting caller is told
            return [(call.future, None, tellable(error)) for call in calls]
        return [(call.future, None, outcome) for call, outcome in zip(calls, outcomes, strict=True)]


def _nothing() -> None:
    return None


def _outcome(future: asyncio.Future[Any], function: Callable[[], Any]) -> _Answer:
    try:
        return future, function(), None
    except BaseException as error:  # noqa: BLE001 - the waiting caller is told
        return future, None, tellable(error)


def tellable(error: BaseException) -> BaseException:
    """``error``, as a future can carry it: it refuses ``StopIteration``, and must not stop the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    told = StorageError(f"the storage raised {error!r}")
    told.__cause__ = error
    return told


def _deliver(answers: Sequence[_Answer]) -> None:
    for future, value, error in answers:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class ThreadedStorage(ISessionStorage):
    """A ``BlockingSessionStorage`` behind the coroutine verbs."""

    def __init__(self, storage: BlockingSessionStorage, thread: StorageThread) -> None:
        from holdall.health import Health  # noqa: PLC0415 - storages that need no thread tell it themselves

        self._storage = storage
        self._thread = thread
        self._health = Health()
        thread.serve(storage.commit_many)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """Run the blocking ``load`` on the storage's thread."""
        return await self._thread.run(lambda: self._storage.load(partition, *spans))

    async def commit(self, commit: Commit) -> None:
        """Put ``commit`` into the next batch of the storage's thread."""
        await self._told(self._thread.commit(commit))

    async def drop(self, partition: str, *, expect: int) -> None:
        """Run the blocking ``drop`` on the storage's thread."""
        await self._told(self._thread.run(lambda: self._storage.drop(partition, expect=expect)))

    async def _told(self, write: Coroutine[Any, Any, None]) -> None:
        """Wait for a write, and remember how it ended."""
        try:
            await write
        except Exception as error:
            self._health.met(error)
            raise
        self._health.met(None)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Run the blocking ``scan`` on the storage's thread."""
        return await self._thread.run(lambda: self._storage.scan(scan))

    async def faults(self) -> Sequence[str]:
        """Run the blocking ``faults`` on the storage's thread."""
        return await self._thread.run(self._storage.faults)

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """Run the blocking ``repair`` on the storage's thread."""
        return await self._thread.run(lambda: self._storage.repair(apply=apply))

    async def purge(self, partition: str) -> Sequence[str]:
        """Run the blocking ``purge`` on the storage's thread."""
        return await self._thread.run(lambda: self._storage.purge(partition))

    def health(self) -> str | None:
        """What the storage says of itself, or what its writes met."""
        return self._storage.health() or self._health.line

    async def close(self) -> None:
        """Take no more calls, close the storage on its thread, then end the thread."""
        await self._thread.stop(self._storage.close)
