"""Reading a whole partition in windows of bounded size, as it was at one moment, while others may write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.contract import Head, ISessionStorage, Records, Scan, Span
from holdall.errors import Conflict, Damaged

__all__ = ["counted_heads", "heads", "windows"]

WINDOW = 100
"""Records in one window."""
_HEADS = 100


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
    """The records of ``head``'s partition as they were at that version, lane by lane.

    The first window must be of that very version. From then on others may append: what stood before does not change
    until a lane is rewritten or trimmed, or the partition goes. Then this raises ``Conflict``.
    """
    firsts: dict[Span, bytes | None] = {}
    moved = False
    for name in sorted(head.lanes):
        lane = head.lanes[name]
        for start in range(lane.first, lane.stop, WINDOW):
            span = Span(name, start, min(start + WINDOW, lane.stop))
            snapshot = await storage.load(head.partition, span)
            now = None if snapshot is None else snapshot.head
            if snapshot is None or now is None or not (_stands(head, now, span) if firsts else now == head):
                raise _gone(head, now)
            moved = moved or now.version != head.version
            if start == lane.first:
                firsts[Span(name, start, start + 1)] = snapshot.records.get((name, start))
            yield span, snapshot.records
    if moved:
        await _same(storage, head, firsts)


def _stands(head: Head, now: Head, span: Span) -> bool:
    """Whether the records of ``span`` are still those of ``head``, as far as a later head can tell."""
    old, new = head.lanes[span.lane], now.lanes.get(span.lane)
    return (
        new is not None
        and now.version >= head.version
        and new.rewritten == old.rewritten
        and new.first <= span.start
        and new.stop >= (span.stop or 0)
    )


async def _same(storage: ISessionStorage, head: Head, firsts: dict[Span, bytes | None]) -> None:
    """Make sure that it was one partition all the time, not another that came to have its name."""
    snapshot = await storage.load(head.partition, *firsts)
    now = None if snapshot is None else snapshot.head
    if snapshot is None or now is None:
        raise _gone(head, now)
    compared = [span for span in firsts if _stands(head, now, span)]
    if not compared or any(snapshot.records.get((span.lane, span.start)) != firsts[span] for span in compared):
        raise _gone(head, now)


def _gone(head: Head, now: Head | None) -> Conflict:
    return Conflict(head.partition, expected=head.version, found=0 if now is None else now.version)
