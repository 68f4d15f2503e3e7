"""Sessions in memory: nothing survives the process. For development, tests, and as the model of the contract."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from holdall.contract import Abilities, Address, Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Conflict, StorageUnavailable
from holdall.hooks import NoSettings, StorageOffer, hookimpl
from holdall_memory.order import Order

__all__ = ["MemorySessionStorage", "holdall_storages"]


class MemorySessionStorage(ISessionStorage):
    """One dictionary of partitions, and one order per mark."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._heads: dict[str, Head] = {}
        self._records: dict[str, dict[Address, bytes]] = {}
        self._orders: dict[str | None, Order] = {}

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        return self._part(partition, spans) if partition in self._mine() else None

    async def commit(self, commit: Commit) -> None:
        """Compare, then replace the partition's head and change its records."""
        old = self._mine().get(commit.partition)
        head = commit.onto(old)
        partition = commit.partition
        if old is None:
            records = self._records[partition] = {}
            self._move(None, partition, None, 0)
        else:
            records = self._records[partition]
            for lane, moved in commit.lanes.items():
                if moved is None:
                    for address in old.addresses([Span(lane)]):
                        del records[address]
        for address in commit.erased():
            records.pop(address, None)
        records.update(commit.write)
        self._heads[partition] = head
        scores: Mapping[str, int] = {} if old is None else old.marks
        for mark, score in commit.marks.items():
            self._move(mark, partition, scores.get(mark), score)

    async def drop(self, partition: str, *, expect: int) -> None:
        """Compare, then forget the partition."""
        head = self._mine().get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
        del self._heads[partition], self._records[partition]
        for mark, score in {**head.marks, None: 0}.items():
            self._move(mark, partition, score, None)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Walk one order."""
        self._mine()
        order = self._orders.get(scan.mark)
        names = [] if order is None else order.walk(scan.after, scan.limit, descending=scan.descending)
        return [self._part(name, scan.spans) for name in names]

    def _mine(self) -> dict[str, Head]:
        """The heads; a forked child is refused, whose writes nobody else would ever see."""
        if self._process != os.getpid():
            raise StorageUnavailable("the storage was opened by another process: a fork has only a copy of it")
        return self._heads

    def _part(self, partition: str, spans: Sequence[Span]) -> Snapshot:
        head, records = self._heads[partition], self._records[partition]
        return Snapshot(head, {address: records[address] for address in head.addresses(spans)})

    def _move(self, mark: str | None, partition: str, old: int | None, new: int | None) -> None:
        order = self._orders.get(mark)
        if order is None:
            order = self._orders[mark] = Order(lambda name: self._score(name, mark))
        order.moved(partition, old, new)
        if new is None and not order:
            del self._orders[mark]

    def _score(self, partition: str, mark: str | None) -> int | None:
        head = self._heads.get(partition)
        return None if head is None else 0 if mark is None else head.marks.get(mark)


@hookimpl
def holdall_storages() -> list[StorageOffer[NoSettings]]:
    """Register ``memory``."""
    about = "memory", "in memory; nothing survives the process", NoSettings
    return [StorageOffer(*about, lambda _: MemorySessionStorage(), Abilities(), lambda _: {}, contract=1)]
