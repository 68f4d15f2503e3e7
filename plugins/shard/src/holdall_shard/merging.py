"""One walk over many members: what is read follows what is answered, however the answer is spread.

Each member is first asked for its fair share and a little more. Only one whose share ends before the page does is asked
again, for twice as much and from the beginning of the page, so that all it shows is of one moment: asked for the rest, it
could show twice, or not at all, who is moved in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from math import isqrt

from holdall.contract import ISessionStorage, Scan, Snapshot
from holdall_shard.layout import NOTE

__all__ = ["Merge"]

Place = tuple[int, bytes]


class Merge:
    """A scan over ``members``."""

    def __init__(self, scan: Scan, members: Sequence[ISessionStorage]) -> None:
        self._scan = scan
        self._members = members
        fair = scan.limit // len(members)
        share = min(fair + 2 * isqrt(fair) + 1, scan.limit)
        self._asked = [share] * len(members)
        self._found: list[Sequence[Snapshot]] = [()] * len(members)

    async def run(self) -> list[Snapshot]:
        """The next partitions of the walk."""
        short: list[int] = list(range(len(self._members)))
        merged: list[Snapshot] = []
        while short and self._scan.limit > 0:
            await asyncio.gather(*map(self._ask, short))
            every = [item for found in self._found for item in found]
            merged = sorted(every, key=self._place, reverse=self._scan.descending)[: self._scan.limit]
            short = [n for n in short if self._ends_before(n, merged)]
            for n in short:
                self._asked[n] = min(self._asked[n] * 2, self._scan.limit)
        return merged

    async def _ask(self, n: int) -> None:
        hidden = self._scan.mark is None  # the note has no marks
        found = await self._members[n].scan(replace(self._scan, limit=self._asked[n] + hidden))
        self._found[n] = [item for item in found if item.head.partition != NOTE][: self._asked[n]]

    def _ends_before(self, n: int, merged: Sequence[Snapshot]) -> bool:
        """Whether a member may have more that belongs into the page than it was asked for."""
        found, asked = self._found[n], self._asked[n]
        if len(found) < asked or asked == self._scan.limit:
            return False
        if len(merged) < self._scan.limit:
            return True
        mine, last = self._place(found[-1]), self._place(merged[-1])
        return mine > last if self._scan.descending else mine < last

    def _place(self, item: Snapshot) -> Place:
        head = item.head
        return 0 if self._scan.mark is None else head.marks[self._scan.mark], head.partition.encode()
