"""A storage that acknowledges before it commits: what looks for lost writes must find that this one loses some."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from holdall import Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.contract import Abilities, Durability
from holdall.hooks import StorageOffer, hookimpl
from holdall_file import FileSessionStorage
from holdall_file.settings import FileSettings

LAG = 0.1
"""Seconds between an acknowledgement and the commit."""


class HastyStorage(ISessionStorage):
    """Commits in order, a little later than it says."""

    def __init__(self, inner: FileSessionStorage) -> None:
        self._inner = inner
        self._waiting: dict[str, asyncio.Task[None]] = {}
        """The last commit of each partition that is acknowledged and not stored."""

    @classmethod
    async def open(cls, settings: FileSettings) -> HastyStorage:
        return cls(await FileSessionStorage.open(settings))

    async def _later(self, before: asyncio.Task[None] | None, commit: Commit) -> None:
        await asyncio.sleep(LAG)
        if before is not None:
            await asyncio.wait([before])
        await self._inner.commit(commit)

    async def commit(self, commit: Commit) -> None:
        before = self._waiting.get(commit.partition)
        self._waiting[commit.partition] = asyncio.create_task(self._later(before, commit))

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        if partition in self._waiting:
            await asyncio.wait([self._waiting[partition]])
        return await self._inner.load(partition, *spans)

    async def drop(self, partition: str, *, expect: int) -> None:
        await self._inner.drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        if self._waiting:
            await asyncio.wait(self._waiting.values())
        return await self._inner.scan(scan)

    async def close(self) -> None:
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)
        await self._inner.close()


@hookimpl
def holdall_storages() -> list[StorageOffer]:
    return [
        StorageOffer(
            name="hasty",
            summary="Acknowledges before it commits",
            settings=FileSettings,
            open=HastyStorage.open,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=lambda folder: {"path": str(folder / "hasty")},
        )
    ]
