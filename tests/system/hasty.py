"""A storage that acknowledges before it commits: what looks for lost writes must find that this one loses some."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

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
        self._last = asyncio.ensure_future(asyncio.sleep(0))

    @classmethod
    async def open(cls, settings: FileSettings) -> HastyStorage:
        return cls(await FileSessionStorage.open(settings))

    async def _later(self, before: asyncio.Future[None], commit: Commit) -> None:
        await asyncio.sleep(LAG)
        await asyncio.wait([before])
        await self._inner.commit(commit)

    async def commit(self, commit: Commit) -> None:
        self._last = asyncio.ensure_future(self._later(self._last, commit))

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        await asyncio.wait([self._last])
        return await self._inner.load(partition, *spans)

    async def drop(self, partition: str, *, expect: int) -> None:
        await self._inner.drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        await asyncio.wait([self._last])
        return await self._inner.scan(scan)

    async def close(self) -> None:
        self._last.cancel()
        with suppress(asyncio.CancelledError):
            await self._last
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
