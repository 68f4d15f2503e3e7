"""A storage that measures the one inside it."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from holdall import Commit, Conflict, ISessionStorage, Scan, Snapshot, Span
from holdall_server.metrics import Meter

__all__ = ["MeteredStorage"]


class MeteredStorage(ISessionStorage):
    """Passes every verb on, and tells a meter how long it took and how it ended."""

    def __init__(self, storage: ISessionStorage, meter: Meter) -> None:
        self._storage = storage
        self._spread = meter.verbs
        self._committed = meter.verbs("commit", "ok").add
        self._loaded = meter.verbs("load", "ok").add
        self._read = meter.read.add
        self._written = meter.written.add

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """Measured."""
        start = perf_counter()
        try:
            found = await self._storage.load(partition, *spans)
        except BaseException:
            self._spread("load", "failed").add(perf_counter() - start)
            raise
        self._loaded(perf_counter() - start)
        if found is not None:
            self._read(sum(map(len, found.records.values())))
        return found

    async def commit(self, commit: Commit) -> None:
        """Measured."""
        start = perf_counter()
        try:
            await self._storage.commit(commit)
        except BaseException as error:
            self._spread("commit", _outcome(error)).add(perf_counter() - start)
            raise
        self._committed(perf_counter() - start)
        self._written(sum(map(len, commit.write.values())))

    async def drop(self, partition: str, *, expect: int) -> None:
        """Measured."""
        start = perf_counter()
        try:
            await self._storage.drop(partition, expect=expect)
        except BaseException as error:
            self._spread("drop", _outcome(error)).add(perf_counter() - start)
            raise
        self._spread("drop", "ok").add(perf_counter() - start)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Measured."""
        start = perf_counter()
        try:
            found = await self._storage.scan(scan)
        except BaseException:
            self._spread("scan", "failed").add(perf_counter() - start)
            raise
        self._spread("scan", "ok").add(perf_counter() - start)
        self._read(sum(len(record) for snapshot in found for record in snapshot.records.values()))
        return found

    async def faults(self) -> Sequence[str]:
        """Passed on."""
        return await self._storage.faults()

    async def purge(self, partition: str) -> Sequence[str]:
        """Passed on."""
        return await self._storage.purge(partition)

    def health(self) -> str | None:
        """Passed on."""
        return self._storage.health()

    async def close(self) -> None:
        """Passed on."""
        await self._storage.close()


def _outcome(error: BaseException) -> str:
    return "conflict" if isinstance(error, Conflict) else "failed"
