"""A walk over an index: what it names is held against the heads, and put where the heads say that it stands.

The entries are of one moment, the heads of moments after it. A partition that is moved meanwhile is shown once, at its
head's place, if that is in the part of the order that was read; elsewhere another walk meets it, at its new entry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from holdall.contract import Scan, Snapshot
from holdall_valkey.index import Entry
from holdall_valkey.names import Names, behind, partition_of, too_late
from holdall_valkey.wire import Found

__all__ = ["Walk"]

_SLACK = 4
"""Entries read beyond the limit: some are usually void."""

Place = tuple[int, bytes]


class Walk:
    """One scan. ``void`` are the entries that nobody needs any more."""

    def __init__(self, scan: Scan, names: Names, read: Callable[[Sequence[str]], Awaitable[Sequence[Found]]]) -> None:
        self._scan = scan
        self._key = names.mark(scan.mark)
        self._read = read
        self._seen: dict[str, Found] = {}
        self.void: list[Entry] = []

    async def run(self, entries_of: Callable[[list[Any]], Awaitable[Sequence[Any]]]) -> list[Snapshot]:
        """Ask for entries, always from the same place so that they are of one moment, until enough of them count."""
        count = self._scan.limit + _SLACK
        while True:
            answer = await entries_of([*self._start(), count, "desc" if self._scan.descending else "asc"])
            rows = [
                (int(float(score)), *partition_of(entry))
                for entry, score in zip(answer[::2], answer[1::2], strict=True)
            ]
            new = dict.fromkeys(name for _, name, _ in rows if name not in self._seen)
            self._seen |= dict(zip(new, await self._read(list(new)), strict=True))
            end = (rows[-1][0], rows[-1][1].encode()) if len(rows) == count else None
            found = self._between(end)
            if end is None or len(found) >= self._scan.limit:
                self.void = self._void(answer[::2])
                return found[: self._scan.limit]
            count *= 2

    def _start(self) -> list[Any]:
        if self._scan.after is None:
            return ["", ""]
        score, partition = self._scan.after
        return [score, behind(partition, descending=self._scan.descending)]

    def _between(self, end: Place | None) -> list[Snapshot]:
        """What stands behind the start of the walk and not behind ``end``, in order."""
        down = self._scan.descending
        after = None if self._scan.after is None else (self._scan.after[0], self._scan.after[1].encode())
        placed = sorted(self._placed(), key=lambda item: item[0], reverse=down)
        if after is not None:
            placed = [item for item in placed if (item[0] < after if down else item[0] > after)]
        if end is not None:
            placed = [item for item in placed if (item[0] >= end if down else item[0] <= end)]
        return [snapshot for _, snapshot in placed]

    def _placed(self) -> list[tuple[Place, Snapshot]]:
        mark, found = self._scan.mark, list[tuple[Place, Snapshot]]()
        for name, seen in self._seen.items():
            if seen.snapshot is not None:
                score = 0 if mark is None else seen.snapshot.head.marks.get(mark)
                if score is not None:
                    found.append(((score, name.encode()), seen.snapshot))
        return found

    def _void(self, entries: Sequence[bytes]) -> list[Entry]:
        """The entries that the heads contradict, and that no commit can make right any more."""
        void: list[Entry] = []
        for entry in entries:
            name, stamped = partition_of(entry)
            seen = self._seen[name]
            if seen.stamps.get(self._scan.mark) != stamped and too_late(stamped, seen.now):
                void.append((self._key, entry))
        return void
