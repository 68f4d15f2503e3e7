"""Walking over the partitions below without those that are encryption's own."""

from __future__ import annotations

from dataclasses import replace

from holdall.contract import ISessionStorage, Scan, Snapshot
from holdall.sealing.names import KEYS, hidden

__all__ = ["walk"]

_BEHIND_KEYS = (0, KEYS[:-1] + chr(ord(KEYS[-1]) + 1))
_BEFORE_KEYS = (0, KEYS)


async def walk(storage: ISessionStorage, scan: Scan) -> list[Snapshot]:
    """What ``scan`` finds in ``storage``, as if data keys were not there; they are not even walked over."""
    found: list[Snapshot] = []
    while True:
        asked = scan.limit - len(found)
        page = await storage.scan(replace(scan, limit=asked))
        found += [snapshot for snapshot in page if not hidden(snapshot.head.partition)]
        if scan.mark is not None or len(page) < asked or len(found) == scan.limit:
            return found
        last = page[-1].head.partition
        after = (0, last)
        if last.startswith(KEYS):
            after = _BEFORE_KEYS if scan.descending else _BEHIND_KEYS
        scan = replace(scan, after=after)
