"""Liars about moments: what happens between two steps of an event loop, in a batch, or after the end."""

from __future__ import annotations

import asyncio

from holdall.contract import BlockingSessionStorage, Snapshot
from holdall.errors import Conflict
from holdall.testing.model import Model

from .lying import Memory, liar


@liar("test_one_winner", "test_one_creator", "test_nobody_is_lost")
class ComparesTooEarly(Memory):
    """Compares the version, waits, and writes."""

    async def commit(self, commit):
        commit.onto(self._heads.get(commit.partition))
        await asyncio.sleep(0)
        head = self._heads.get(commit.partition)
        if head is not None and head.version != commit.expect:
            return
        await super().commit(commit)


@liar("test_many_partitions")
class OneSeat(Memory):
    """Has one place for the commit that it is busy with."""

    async def commit(self, commit):
        self.busy_with = commit
        await asyncio.sleep(0)
        try:
            await super().commit(self.busy_with)
        except Conflict:
            return


@liar("test_one_moment")
class TwoMoments(Memory):
    """Reads the head, waits, and reads the records."""

    async def load(self, partition, *spans):
        head = self._heads.get(partition)
        await asyncio.sleep(0)
        if head is None:
            return None
        records = self._records[partition]
        return Snapshot(head, {at: records[at] for at in head.addresses(spans)})


@liar("test_one_moment")
class TwoMomentsOnTheWay(Memory):
    """Walks the heads, waits, and reads the records."""

    async def scan(self, scan):
        heads = [found.head for found in await super().scan(scan)]
        await asyncio.sleep(0)
        return [Snapshot(h, {at: self._records[h.partition][at] for at in h.addresses(scan.spans)}) for h in heads]


@liar("test_a_walk_misses_nobody")
class WalksByRank(Memory):
    """Asks for one partition after another by its rank, while others change theirs."""

    async def scan(self, scan):
        found = []
        while len(found) < scan.limit:
            all_ = await super().scan(scan)
            if len(found) >= len(all_):
                break
            found.append(all_[len(found)])
            await asyncio.sleep(0)
        return found


@liar("test_a_walk_misses_nobody")
class WalksWhoIsStillThere(Memory):
    """Reads an index, waits, and shows who still stands where the index says."""

    async def scan(self, scan):
        entries = [(found.head.partition, found.head.marks.get(scan.mark)) for found in await super().scan(scan)]
        await asyncio.sleep(0)
        now = [self._part(name, scan.spans) for name, _ in entries if name in self._heads]
        return [
            found for found, (_, score) in zip(now, entries, strict=False) if found.head.marks.get(scan.mark) == score
        ]


@liar("test_cancelled")
class CancelledHalfway(Memory):
    """Can be stopped between the records and the head."""

    async def commit(self, commit):
        commit.onto(self._heads.get(commit.partition))
        if commit.partition in self._records:
            self._records[commit.partition].update(commit.write)
        await asyncio.sleep(0)
        await super().commit(commit)


@liar("test_after_close")
class UntypedAfterClose(Memory):
    """Fails with whatever its library raises."""

    closed = False

    async def close(self):
        self.closed = True

    async def load(self, partition, *spans):
        if self.closed:
            raise RuntimeError("closed")
        return await super().load(partition, *spans)


class Blocking(BlockingSessionStorage):
    """The model, behind blocking verbs."""

    def __init__(self, settings):
        self.model = Model()
        self.load, self.scan = self.model.load, self.model.scan

    def load(self, partition, *spans): ...

    def scan(self, scan): ...

    def commit(self, commit):
        self.model.commit(commit)

    def drop(self, partition, *, expect):
        self.model.drop(partition, expect=expect)


@liar("test_batch", "test_batch_of_conflicts")
class OneConflictForAll(Blocking):
    """Refuses a whole batch because of one of its commits."""

    def commit_many(self, commits):
        outcomes = super().commit_many(commits)
        worst = next((conflict for conflict in outcomes if conflict), None)
        return [worst for _ in outcomes]


@liar("test_batch")
class AnswersAnotherOrder(Blocking):
    """Groups a batch by partition, and its answers with it."""

    def commit_many(self, commits):
        return super().commit_many(sorted(commits, key=lambda commit: commit.partition, reverse=True))


@liar("test_batch")
class ComparesWithTheBeginning(Blocking):
    """Compares every commit of a batch with what was there before the batch."""

    def commit_many(self, commits):
        before = dict(self.model.heads)
        outcomes = []
        for commit in commits:
            try:
                commit.onto(before.get(commit.partition))
                self.model.heads.pop(commit.partition, None) if commit.expect == 0 else None
                self.model.commit(commit)
            except Conflict as conflict:
                outcomes.append(conflict)
            else:
                outcomes.append(None)
        return outcomes
