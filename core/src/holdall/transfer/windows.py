"""Reading a whole partition in windows of bounded size, as one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.contract import Head, ISessionStorage, Records, Scan, Span
from holdall.errors import Conflict, Damaged

__all__ = ["counted_heads", "heads", "windows"]

WINDOW = 100
"""Records in one window."""
_HEADS = 100


async def heads(storage: ISessionStorage) -> AsyncIterator[Head]:
    """Every partition's head, by name."""
    after: tuple[int, str] | None = None
    while True:
        found = await storage.scan(Scan(after=after, limit=_HEADS))
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
    """The records of ``head``'s partition, lane by lane; raises ``Conflict`` when it is not at that version."""
    for name in sorted(head.lanes):
        lane = head.lanes[name]
        for start in range(lane.first, lane.stop, WINDOW):
            span = Span(name, start, min(start + WINDOW, lane.stop))
            snapshot = await storage.load(head.partition, span)
            found = 0 if snapshot is None else snapshot.head.version
            if snapshot is None or found != head.version:
                raise Conflict(head.partition, expected=head.version, found=found)
            yield span, snapshot.records
