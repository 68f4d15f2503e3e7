"""The negative control: a storage that forgets what it is told to drop, and keeps it all the same."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.contract import Commit, ISessionStorage, Scan, Snapshot, Span

__all__ = ["Hoarding"]


class Hoarding(ISessionStorage):
    """Takes the marks off what is dropped, and says that it is not there."""

    def __init__(self, storage: ISessionStorage) -> None:
        self._storage = storage
        self._gone: set[str] = set()

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        return None if partition in self._gone else await self._storage.load(partition, *spans)

    async def commit(self, commit: Commit) -> None:
        await self._storage.commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        found = await self._storage.load(partition)
        assert found is not None
        marks: dict[str, int | None] = dict.fromkeys(found.head.marks)
        await self._storage.commit(Commit(partition, expect, expect + 1, expect + 1, marks=marks))
        self._gone.add(partition)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        return [found for found in await self._storage.scan(scan) if found.head.partition not in self._gone]

    async def close(self) -> None:
        await self._storage.close()
