"""Reading a partition that others write to all the time: what is little is taken in one read, which is one moment."""

from __future__ import annotations

from itertools import islice

from holdall.contract import Head, Snapshot, Span
from holdall.errors import Damaged
from holdall.transfer.windows import Loading, spans_of

__all__ = ["ATTEMPTS", "again"]

ATTEMPTS = 5
"""How often a partition is read that changes each time."""
_MOST = 1_000
"""Records that are held at once."""


class Begun:
    """A partition of which some was read already, at one moment: that comes from memory, the rest from the storage."""

    def __init__(self, storage: Loading, snapshot: Snapshot) -> None:
        self._storage = storage
        self._snapshot = snapshot

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """See ``ISessionStorage.load``."""
        head, records = self._snapshot.head, self._snapshot.records
        wanted = [*head.addresses(spans)]
        if not spans or any(address not in records for address in wanted):
            return await self._storage.load(partition, *spans)
        return Snapshot(head, {address: records[address] for address in wanted})


async def again(storage: Loading, partition: str) -> tuple[Loading, Head] | None:
    """From what to read a partition that changed while it was read, and its head; ``None`` when it is gone.

    Its beginning has been read in the same moment as its head, or all of it where that is little.
    """
    found = await storage.load(partition)
    if found is None:
        return None
    head = found.head
    whole = [*map(Span, head.lanes)] if sum(map(len, head.lanes.values())) <= _MOST else []
    for spans in filter(None, (whole, [*islice(spans_of(head), 1)])):
        try:
            snapshot = await storage.load(partition, *spans)
        except Damaged:  # of which record, a look at each tells
            continue
        return None if snapshot is None else (Begun(storage, snapshot), snapshot.head)
    return storage, head
