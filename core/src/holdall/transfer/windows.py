"""Reading a whole partition in windows of bounded size, as it was at one moment, while others may write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from holdall.contract import Head, ISessionStorage, Records, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged

__all__ = ["WINDOW", "Loading", "Moment", "counted_heads", "heads", "spans_of", "stands", "windows"]

WINDOW = 100
"""Records in one window."""
_HEADS = 100


class Loading(Protocol):
    """What can be read from: a storage, or what was read of one."""

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """See ``ISessionStorage.load``."""
        ...


async def heads(storage: ISessionStorage, *, descending: bool = False) -> AsyncIterator[Head]:
    """Every partition's head, by name."""
    after: tuple[int, str] | None = None
    while True:
        found = await storage.scan(Scan(after=after, limit=_HEADS, descending=descending))
        for snapshot in found:
            yield snapshot.head
        if len(found) < _HEADS:
            return
        after = (0, found[-1].head.partition)


async def counted_heads(storage: ISessionStorage) -> int | None:
    """How many partitions there are; ``None`` when a damaged one is in the way."""
    try:
        return sum([1 async for _ in heads(storage)])
    except Damaged:
        return None


async def windows(storage: ISessionStorage, head: Head) -> AsyncIterator[tuple[Span, Records]]:
    """The records of ``head``'s partition as they were at that version, lane by lane; raises ``Conflict`` as ``Moment`` does."""
    moment = Moment(head)
    for span in spans_of(head):
        yield span, moment.take(span, await storage.load(head.partition, span))
    await moment.end(storage)


def spans_of(head: Head) -> Iterator[Span]:
    """Every record of a partition, in windows."""
    for name in sorted(head.lanes):
        lane = head.lanes[name]
        for start in range(lane.first, lane.stop, WINDOW):
            yield Span(name, start, min(start + WINDOW, lane.stop))


class Moment:
    """What a partition was at one version, read piece by piece while others may append to it.

    The first piece must be of that very version. From then on what stood before does not change until a lane is
    rewritten or trimmed, or the partition goes. Then it raises ``Conflict``.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._firsts: dict[Span, bytes | None] = {}
        self._began = self._moved = False

    def take(self, span: Span, snapshot: Snapshot | None) -> Records:
        """The records at ``span``, if they are those of the moment."""
        head, now = self._head, None if snapshot is None else snapshot.head
        if snapshot is None or now is None or not (stands(head, now, span) if self._began else now == head):
            raise _gone(head, now)
        self._began, self._moved = True, self._moved or now.version != head.version
        if span.start == head.lanes[span.lane].first:
            self._firsts[Span(span.lane, span.start, span.start + 1)] = snapshot.records.get((span.lane, span.start))
        return snapshot.records

    async def end(self, storage: Loading) -> None:
        """Make sure that it was one partition all the time, not another that came to have its name."""
        if self._moved:
            await _same(storage, self._head, self._firsts)


def stands(head: Head, now: Head, span: Span) -> bool:
    """Whether the records of ``span`` are still those of ``head``, as far as a later head can tell."""
    old, new = head.lanes[span.lane], now.lanes.get(span.lane)
    return (
        new is not None
        and now.version >= head.version
        and new.rewritten == old.rewritten
        and new.first <= span.start
        and new.stop >= (span.stop or 0)
    )


async def _same(storage: Loading, head: Head, firsts: dict[Span, bytes | None]) -> None:
    snapshot = await storage.load(head.partition, *firsts)
    now = None if snapshot is None else snapshot.head
    if snapshot is None or now is None:
        raise _gone(head, now)
    compared = [span for span in firsts if stands(head, now, span)]
    if not compared or any(snapshot.records.get((span.lane, span.start)) != firsts[span] for span in compared):
        raise _gone(head, now)


def _gone(head: Head, now: Head | None) -> Conflict:
    return Conflict(head.partition, expected=head.version, found=0 if now is None else now.version)
