"""Storages around a storage: they count, hold back or fail, and otherwise pass everything on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from holdall.contract import Commit, ISessionStorage, Lane, Scan, Snapshot, Span
from holdall.errors import Damaged

__all__ = ["Counting", "Failing", "Passing", "Rotten", "Slow", "Tampering", "everything", "spoil_derived"]


_DERIVED = ("threads", "replies", "places")


class Passing(ISessionStorage):
    """Passes every call on; the base of the others."""

    def __init__(self, storage: ISessionStorage) -> None:
        self.inner = storage

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        return await self.inner.load(partition, *spans)

    async def commit(self, commit: Commit) -> None:
        await self.inner.commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        await self.inner.drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        return await self.inner.scan(scan)

    async def purge(self, partition: str) -> Sequence[str]:
        return await self.inner.purge(partition)


class Counting(Passing):
    """Counts calls, and what they brought back."""

    def __init__(self, storage: ISessionStorage) -> None:
        super().__init__(storage)
        self.calls: Counter[str] = Counter()

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        self.calls["load"] += 1
        found = await super().load(partition, *spans)
        self.calls["records"] += 0 if found is None else len(found.records)
        return found

    async def commit(self, commit: Commit) -> None:
        self.calls["commit"] += 1
        await super().commit(commit)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        self.calls["scan"] += 1
        found = await super().scan(scan)
        self.calls["heads"] += len(found)
        self.calls["records"] += sum(len(snapshot.records) for snapshot in found)
        return found


class Failing(Passing):
    """Raises ``error`` before or after a commit reaches the storage, as often as asked."""

    def __init__(self, storage: ISessionStorage) -> None:
        super().__init__(storage)
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []

    async def commit(self, commit: Commit) -> None:
        if self.before:
            raise self.before.pop()
        await super().commit(commit)
        if self.after:
            raise self.after.pop()


class Slow(Passing):
    """Gives up the event loop around each call; a commit whose partition is in ``held`` waits for its event."""

    def __init__(self, storage: ISessionStorage) -> None:
        super().__init__(storage)
        self.held: dict[str, asyncio.Event] = {}
        self.waiting = 0

    async def until(self, waiting: int) -> None:
        """Done when that many commits are held."""
        while self.waiting < waiting:  # noqa: ASYNC110 - the loop's next turn is what is waited for
            await asyncio.sleep(0)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        await asyncio.sleep(0)
        found = await super().load(partition, *spans)
        await asyncio.sleep(0)
        return found

    async def commit(self, commit: Commit) -> None:
        await asyncio.sleep(0)
        if (event := self.held.get(commit.partition)) is not None:
            self.waiting += 1
            await event.wait()
            self.waiting -= 1
        await super().commit(commit)
        await asyncio.sleep(0)


class Tampering(Passing):
    """Shows one record differently: other bytes, ``None`` for a missing one, or an error."""

    def __init__(self, storage: ISessionStorage, partition: str, address: Any, data: bytes | Exception | None) -> None:
        super().__init__(storage)
        self.where = (partition, address)
        self.data = data

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        found = await super().load(partition, *spans)
        if found is None or partition != self.where[0] or self.where[1] not in found.records:
            return found
        if isinstance(self.data, Exception):
            raise self.data
        records = {at: data for at, data in found.records.items() if at != self.where[1]}
        if self.data is not None:
            records[self.where[1]] = self.data
        return Snapshot(found.head, records)


class Rotten(Passing):
    """Cannot read some records until they are written anew, or erased."""

    def __init__(self, storage: ISessionStorage, partition: str, *addresses: Any) -> None:
        super().__init__(storage)
        self.partition = partition
        self.bad = set(addresses)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        found = await super().load(partition, *spans)
        if found is not None and partition == self.partition and not self.bad.isdisjoint(found.records):
            raise Damaged(f"a record of {partition}", "it rots")
        return found

    async def commit(self, commit: Commit) -> None:
        await super().commit(commit)
        if commit.partition == self.partition:
            gone = {name for name, lane in commit.lanes.items() if lane is None}
            self.bad -= {*commit.write, *commit.erased(), *(at for at in self.bad if at[0] in gone)}


async def everything(storage: ISessionStorage) -> bytes:
    """Every partition's head and records, as one text to search in."""
    found: list[bytes] = []
    after: tuple[int, str] | None = None
    while True:
        batch = await storage.scan(Scan(None, after, 100))
        for snapshot in batch:
            head = snapshot.head
            after = (0, head.partition)
            found.append(head.to_json().encode())
            whole = await storage.load(head.partition, *(Span(lane) for lane in head.lanes))
            assert whole is not None
            found += whole.records.values()
        if len(batch) < 100:
            return b"\n".join(found)


async def spoil_derived(storage: ISessionStorage, partition: str, pick: int) -> bool:
    """Put ``null`` for a record of a session's threads or totals; whether there is one."""
    found = await storage.load(partition)
    lanes = {} if found is None else found.head.lanes
    spans = [Span(lane) for lane in sorted(lanes) if lane in _DERIVED or lane.startswith("totals/")]
    addresses = [] if found is None else [*found.head.addresses(spans)]
    if found is None or not addresses:
        return False
    head, (lane, position) = found.head, addresses[pick % len(addresses)]
    moved = Lane(lanes[lane].first, lanes[lane].stop, head.version + 1)
    write = {(lane, position): b"null"}
    await storage.commit(
        Commit(partition, head.version, head.version + 1, head.changed, {lane: moved}, {}, head.expires_at, write)
    )
    return True
