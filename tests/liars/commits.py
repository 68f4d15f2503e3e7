"""Liars about commits: what is refused, what is changed, what is left behind."""

from __future__ import annotations

from dataclasses import replace

from holdall.contract import Snapshot, Span
from holdall.errors import Conflict

from .lying import Memory, liar


@liar(
    *(
        "test_stale_commit_changes_nothing",
        "test_created_twice",
        "test_commit_from_the_future",
        "test_a_name_used_again",
    ),
    *("test_one_winner", "test_one_creator", "test_nobody_is_lost", "test_batch_of_conflicts", "test_any_steps"),
)
class LastWriterWins(Memory):
    """Never compares a version."""

    async def commit(self, commit):
        head = self._heads.get(commit.partition)
        await super().commit(replace(commit, expect=0 if head is None else head.version))


@liar("test_commit_onto_nothing")
class Resurrects(Memory):
    """Takes a commit onto nothing for a creation."""

    async def commit(self, commit):
        await super().commit(replace(commit, expect=commit.expect if commit.partition in self._heads else 0))


@liar("test_commit_from_the_future")
class OnlyOlderIsStale(Memory):
    """Refuses a lower version only."""

    async def commit(self, commit):
        head = self._heads.get(commit.partition)
        ahead = head is not None and commit.expect > head.version
        await super().commit(replace(commit, expect=head.version) if ahead else commit)


@liar("test_a_name_used_again")
class ComparesCounts(Memory):
    """Counts commits instead of keeping versions, so that a new partition looks like an old one."""

    async def commit(self, commit):
        head = self._heads.get(commit.partition)
        same = head is not None and (head.version - commit.expect) % 1000 == 0 and commit.expect
        await super().commit(replace(commit, expect=head.version) if same else commit)


@liar("test_stale_commit_changes_nothing", "test_any_steps")
class MarksFirst(Memory):
    """Sets the marks, then compares the version."""

    async def commit(self, commit):
        self._remark(commit.partition, commit.marks)
        await super().commit(commit)


@liar("test_stale_commit_changes_nothing")
class RecordsFirst(Memory):
    """Writes the records, then compares the version."""

    async def commit(self, commit):
        if commit.partition in self._records:
            self._records[commit.partition].update(commit.write)
        await super().commit(commit)


@liar("test_five_hundred_records")
class Torn(Memory):
    """Keeps the head and the first hundred records of a large commit."""

    async def commit(self, commit):
        await super().commit(replace(commit, write=dict(list(commit.write.items())[:100])))

    def _part(self, partition, spans):
        head, records = self._heads[partition], self._records[partition]
        return Snapshot(head, {at: records[at] for at in head.addresses(spans) if at in records})


@liar("test_versions_may_leap")
class NarrowVersions(Memory):
    """Keeps versions in fewer bits than they have."""

    def _part(self, partition, spans):
        found = super()._part(partition, spans)
        return Snapshot(replace(found.head, version=min(found.head.version, 2**52)), found.records)


@liar("test_only_changes_are_named", "test_a_thousand_lanes", "test_any_steps")
class WholeHeads(Memory):
    """Takes the lanes of a commit for all that there are."""

    async def commit(self, commit):
        head = self._heads.get(commit.partition)
        gone = {} if head is None else dict.fromkeys(head.lanes)
        await super().commit(replace(commit, lanes={**gone, **commit.lanes}))


@liar("test_a_thousand_lanes")
class FewLanes(Memory):
    """Has room for 256 lanes."""

    def _part(self, partition, spans):
        found = super()._part(partition, spans)
        return Snapshot(replace(found.head, lanes=dict(list(found.head.lanes.items())[:256])), found.records)


@liar("test_lane_order_does_not_matter")
class LanesByPlace(Memory):
    """Knows lanes by their place in the commit."""

    async def commit(self, commit):
        await super().commit(commit)
        head = self._heads[commit.partition]
        moved = sorted(commit.lanes) if None not in commit.lanes.values() else ()
        placed = dict(zip(moved, commit.lanes.values(), strict=False))
        self._heads[commit.partition] = replace(head, lanes={**head.lanes, **placed})


@liar("test_rewrite")
class WritesOnce(Memory):
    """Never overwrites a record."""

    async def commit(self, commit):
        kept = self._records.get(commit.partition, {})
        await super().commit(replace(commit, write={at: kept.get(at, record) for at, record in commit.write.items()}))


@liar("test_stop_moves_back")
class EraseIgnored(Memory):
    """Keeps what is erased, and takes it for what is appended there later."""

    async def commit(self, commit):
        kept = self._records.get(commit.partition, {})
        head = self._heads.get(commit.partition)
        inside = set() if head is None else set(head.addresses([Span(lane) for lane in head.lanes]))
        write = {at: record if at in inside else kept.get(at, record) for at, record in commit.write.items()}
        await super().commit(replace(commit, erase=(), write=write))


@liar("test_first_moves")
class FirstStays(Memory):
    """Goes on reading what lies before ``first``."""

    async def commit(self, commit):
        await super().commit(replace(commit, erase=()))

    def _part(self, partition, spans):
        head, records = self._heads[partition], self._records[partition]
        wide = replace(head, lanes={name: replace(lane, first=0) for name, lane in head.lanes.items()})
        return Snapshot(head, {at: records[at] for at in wide.addresses(spans) if at in records})


@liar("test_erase_and_write_in_one", "test_first_moves")
class ErasesWidely(Memory):
    """Erases the positions in every lane."""

    async def commit(self, commit):
        await super().commit(commit)
        for _, position in commit.erased():
            for at in [at for at in self._records[commit.partition] if at[1] == position and at not in commit.write]:
                del self._records[commit.partition][at]

    def _part(self, partition, spans):
        head, records = self._heads[partition], self._records[partition]
        return Snapshot(head, {at: records[at] for at in head.addresses(spans) if at in records})


@liar("test_lane_removed")
class RemovesByPrefix(Memory):
    """Removes every lane whose name begins like the one that goes."""

    async def commit(self, commit):
        head = self._heads.get(commit.partition)
        gone = [name for name, lane in commit.lanes.items() if lane is None]
        like = [name for name in (head.lanes if head else ()) for prefix in gone if name.startswith(prefix)]
        await super().commit(replace(commit, lanes={**dict.fromkeys(like), **commit.lanes}))


@liar("test_drop_of_another_version")
class DropsAnything(Memory):
    """Drops whatever the version is."""

    async def drop(self, partition, *, expect):
        head = self._heads.get(partition)
        await super().drop(partition, expect=expect if head is None else head.version)


@liar("test_drop_of_nothing")
class DropsNothing(Memory):
    """Is content to drop what is not there."""

    async def drop(self, partition, *, expect):
        if partition in self._heads:
            await super().drop(partition, expect=expect)


@liar("test_drop", "test_dropped")
class NeverDrops(Memory):
    """Says that it has dropped the partition."""

    async def drop(self, partition, *, expect):
        head = self._heads.get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0)


@liar("test_created_again")
class KeepsOldLanes(Memory):
    """Gives a new partition the lanes and marks that the old one of that name had."""

    def __init__(self, settings):
        super().__init__(settings)
        self._old = {}

    async def drop(self, partition, *, expect):
        old = self._heads.get(partition), dict(self._records.get(partition, {}))
        await super().drop(partition, expect=expect)
        self._old[partition] = old

    async def commit(self, commit):
        await super().commit(commit)
        if commit.expect == 0 and commit.partition in self._old:
            head, (old, records) = self._heads[commit.partition], self._old[commit.partition]
            self._heads[commit.partition] = replace(head, lanes={**old.lanes, **head.lanes})
            self._records[commit.partition] = {**records, **commit.write}


@liar("test_partitions_are_apart")
class DropsByPrefix(Memory):
    """Drops every partition whose name begins like the one that goes."""

    async def drop(self, partition, *, expect):
        await super().drop(partition, expect=expect)
        for name in [name for name in self._heads if name.startswith(partition)]:
            await super().drop(name, expect=self._heads[name].version)
