"""Commits of one loop tick, made by the event loop itself while that is quick, and else by the writer's thread.

Handing a commit to a thread and back costs more than making it, and on a good disk nearly as much as its sync. So
the loop does the thread's work where three things hold: nothing waits for the thread, syncs have been short lately,
and the commits need nothing that may take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from holdall.blocking import StorageThread, tellable
from holdall.contract import Commit
from holdall.folders import Reserve
from holdall_file.writer import Writer

__all__ = ["Gather"]

_MANY = 64
"""Commits that share a sync: more of them keep the loop from everything else for too long."""
_IN_A_ROW, _IN_A_ROW_WITH_SYNC = 16, 4
"""One in so many waits for its tick: who never waits would keep the loop to himself, and hide that others come."""
_ALONE = 16
"""After so many ticks with one commit each, which the loop made, the next is taken to come alone too."""

_Waiting = tuple["asyncio.Future[None]", Commit]


class Gather:
    """Takes commits on the event loop. Each is made at once where there is no sync to share, or nobody to share it."""

    def __init__(self, thread: StorageThread, writer: Writer, reserve: Reserve, *, syncs: bool) -> None:
        self._thread = thread
        self.writer = writer
        self._reserve = reserve
        thread.serve(self.commit_many)
        self._syncs = syncs
        self._in_a_row = _IN_A_ROW_WITH_SYNC if syncs else _IN_A_ROW
        self._alone = 0
        self._waiting: list[_Waiting] = []
        self._row = 0

    def put(self, commit: Commit) -> asyncio.Future[None] | None:
        """Make one commit at once, or with those that come in the same tick: then what to wait for comes back."""
        if not self._waiting and (self._alone >= _ALONE or not self._syncs):
            self._row += 1
            if self._row % self._in_a_row:
                outcomes = self._now([commit])
                if outcomes is not None:
                    if outcomes[0] is not None:
                        raise outcomes[0]
                    return None
                self._alone = 0
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((future, commit))
        if len(self._waiting) == 1:
            loop.call_soon(self._go)
        return future

    async def again(self, commit: Commit) -> None:
        """The same once more."""
        waiting = self.put(commit)
        if waiting is not None:
            await waiting

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """On the writer's thread: the outcomes of those that were handed over."""
        return self._reserve.commit_many(commits, self.writer.commit_many)

    def hand_over(self) -> None:
        """Give the thread all that waits: what is asked of it next comes after that."""
        batch, self._waiting = self._waiting, []
        if batch:
            self._thread.hand_over(batch)

    def _go(self) -> None:
        batch = self._batch()
        if not batch:  # handed over
            return
        if self._waiting:
            batch[0][0].get_loop().call_soon(self._go)
        try:
            outcomes = self._now([commit for _, commit in batch])
        except BaseException as error:
            for future, _ in batch:
                _deliver(future, tellable(error))
            if not isinstance(error, Exception):
                raise
            return
        self._alone = self._alone + 1 if outcomes is not None and len(batch) == 1 else 0
        if outcomes is None:
            self._waiting[:0] = batch
            self.hand_over()
        else:
            for (future, _), outcome in zip(batch, outcomes, strict=True):
                _deliver(future, outcome)

    def _batch(self) -> list[_Waiting]:
        """Those that come next, one of each partition: a second one is made on what the first has made."""
        waiting = self._waiting
        if len({commit.partition for _, commit in waiting}) == len(waiting) <= _MANY:
            self._waiting = []
            return waiting
        batch: list[_Waiting] = []
        rest: list[_Waiting] = []
        names: set[str] = set()
        for one in waiting:
            name = one[1].partition
            (rest if name in names or len(batch) == _MANY else batch).append(one)
            names.add(name)
        self._waiting = rest
        return batch

    def _now(self, commits: Sequence[Commit]) -> Sequence[BaseException | None] | None:
        """The outcome of each; ``None``: it is for the thread to do."""
        thread = self._thread
        if not (
            self.writer.pace.quick
            and self._reserve.lately_whole
            and thread.idle
            and thread.turn.acquire(blocking=False)
        ):
            return None
        try:
            return self.writer.commit_now(commits)
        finally:
            thread.turn.release()


def _deliver(future: asyncio.Future[None], outcome: BaseException | None) -> None:
    if future.cancelled():
        return
    if outcome is None:
        future.set_result(None)
    else:
        future.set_exception(outcome)
