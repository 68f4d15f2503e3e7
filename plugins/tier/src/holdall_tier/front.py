"""What the front holds: whole partitions, each good for one version, the least recently used ones going first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from holdall.contract import Commit, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import SettingsError

__all__ = ["Front"]


NOTE = "\0holdall-tier"
"""The partition that says of a front that it is one: what is in it may go."""


@dataclass(slots=True)
class _Held:
    """A partition that is in the front."""

    version: int
    size: int
    good: bool
    """Whether it is what the back has at this version; else it only takes room."""


class Front:
    """A storage that belongs to this process, with a limit."""

    def __init__(self, storage: ISessionStorage, max_bytes: int, largest: int) -> None:
        self._storage = storage
        self._max_bytes = max_bytes
        self._largest = largest
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._size = 0
        self._turn = asyncio.Lock()
        self.close, self.purge = storage.close, storage.purge

    async def clear(self) -> None:
        """Drop whatever is there: nobody knows how old it is. Raises ``SettingsError`` where it was not a tier's."""
        async with self._turn:
            if await self._storage.load(NOTE) is None:
                if await self._storage.scan(Scan(limit=1)):
                    raise SettingsError("tier: the front would be emptied, and holds what no tier put there")
                await self._storage.commit(Commit(NOTE, 0, 1, 1))
            self._held.clear()
            self._size = 0
            while found := [item.head for item in await self._storage.scan(Scan()) if item.head.partition != NOTE]:
                for head in found:
                    await self._storage.drop(head.partition, expect=head.version)

    def version(self, partition: str) -> int | None:
        """The version that it can answer for."""
        held = self._held.get(partition)
        return held.version if held is not None and held.good else None

    def doubt(self, partition: str) -> None:
        """What it has of the partition may be old from now on."""
        held = self._held.get(partition)
        if held is not None:
            held.good = False

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """What it has; nothing where that goes just now."""
        if partition in self._held:
            self._held.move_to_end(partition)
        return await self._storage.load(partition, *spans)

    async def put(self, whole: Snapshot) -> None:
        """Hold a partition with all its records, unless it is too large."""
        head = whole.head
        size = sum(map(len, whole.records.values()))
        async with self._turn:
            await self._gone(head.partition)
            if not self.fits(len(whole.records)) or size > self._max_bytes:
                return
            lanes, marks = dict[str, Lane | None](head.lanes), dict[str, int | None](head.marks)
            made = Commit(head.partition, 0, head.version, head.changed, lanes, marks, head.expires_at, whole.records)
            await self._storage.commit(made)
            await self._hold(head.partition, head.version, size)

    async def move(self, commit: Commit) -> None:
        """Follow a commit that the back has, from the version that it was made onto."""
        async with self._turn:
            held = self._held.get(commit.partition)
            if held is None or held.version != commit.expect:
                return
            size = held.size + sum(map(len, commit.write.values()))
            await self._storage.commit(commit)
            await self._hold(commit.partition, commit.version, size)

    async def drop(self, partition: str) -> None:
        """Hold it no longer."""
        async with self._turn:
            await self._gone(partition)

    def fits(self, records: int) -> bool:
        """Whether it would hold a partition with so many records."""
        return records <= self._largest

    async def _hold(self, partition: str, version: int, size: int) -> None:
        old = self._held.pop(partition, None)
        self._size += size - (0 if old is None else old.size)
        self._held[partition] = _Held(version, size, good=True)
        while self._size > self._max_bytes:
            await self._gone(next(iter(self._held)))

    async def _gone(self, partition: str) -> None:
        """Take it away, whichever version a step that was cut off has left."""
        held = self._held.pop(partition, None)
        self._size -= 0 if held is None else held.size
        found = await self._storage.load(partition)
        if found is not None:
            await self._storage.drop(partition, expect=found.head.version)
