"""Sessions in memory: nothing survives the process. For development, tests, and as the model of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.contract import Abilities, Address, Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Conflict, StorageUnavailable
from holdall.hooks import NoSettings, StorageOffer, hookimpl
from holdall.processes import Process
from holdall_memory.order import Order, scores

_MOST = 256  # partitions that move before the orders are told, so that nobody who looks has to wait long


class MemorySessionStorage(ISessionStorage):
    """One dictionary of partitions, and one order per mark, which is told of what moved before somebody looks."""

    def __init__(self) -> None:
        self._process = Process.this
        self._heads: dict[str, Head] = {}
        self._records: dict[str, dict[Address, bytes]] = {}
        self._orders: dict[str | None, Order] = {}
        self._moved: dict[str, Head | None] = {}
        """The partitions that the orders were not told of yet, with the head that they know (``None``: of none)."""

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        return self._part(partition, spans) if partition in self._mine() else None

    async def commit(self, commit: Commit) -> None:
        """Compare, then replace the partition's head and change its records."""
        partition, heads = commit.partition, self._mine()
        old = heads.get(partition)
        heads[partition] = commit.onto(old)
        records = self._records[partition] if old else self._records.setdefault(partition, {})
        if commit.erase or None in commit.lanes.values():
            gone = [Span(name) for name, lane in commit.lanes.items() if lane is None]
            for address in [*commit.erased(), *(old.addresses(gone) if old else ())]:
                records.pop(address, None)
        records.update(commit.write)
        self._moved.setdefault(partition, old)
        if len(self._moved) > _MOST:
            self._tell()

    async def drop(self, partition: str, *, expect: int) -> None:
        """Compare, then forget the partition."""
        head = self._mine().get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
        del self._heads[partition], self._records[partition]
        self._moved.setdefault(partition, head)

    async def purge(self, partition: str) -> Sequence[str]:  # noqa: ARG002
        """Nothing is kept but what there is."""
        return ()

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Walk one order."""
        self._mine()
        self._tell()
        order = self._orders.get(scan.mark)
        return [self._part(name, scan.spans) for name in (order.walk(self._heads, scan) if order else ())]

    def _mine(self) -> dict[str, Head]:
        """The heads; a forked child is refused, whose writes nobody else would ever see."""
        if self._process is not Process.this:
            raise StorageUnavailable("the storage was opened by another process: a fork has only a copy of it")
        return self._heads

    def _part(self, partition: str, spans: Sequence[Span]) -> Snapshot:
        head, records = self._heads[partition], self._records[partition]
        return Snapshot(head, {address: records[address] for address in head.addresses(spans)})

    def _tell(self) -> None:
        """Let the orders know what moved."""
        moved, self._moved = self._moved, {}
        for partition, known in moved.items():
            old, new = scores(known), scores(self._heads.get(partition))
            for mark in old.keys() | new.keys():
                order = self._orders.get(mark) or self._orders.setdefault(mark, Order())
                order.moved(partition, old.get(mark), new.get(mark))
                if not order.count:
                    del self._orders[mark]


@hookimpl
def holdall_storages() -> list[StorageOffer[NoSettings]]:
    """Register ``memory``."""
    about = "memory", "in memory; nothing survives the process", NoSettings
    return [StorageOffer(*about, lambda _: MemorySessionStorage(), Abilities(), lambda _: {}, contract=1)]
