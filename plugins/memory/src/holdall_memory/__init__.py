"""Sessions in memory: nothing survives the process. For development, tests, and as the model of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from holdall.contract import Abilities, Address, Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Conflict
from holdall.hooks import NoSettings, StorageOffer, hookimpl
from holdall_memory.order import Order

__all__ = ["MemorySessionStorage", "holdall_storages"]


class MemorySessionStorage(ISessionStorage):
    """One dictionary of partitions, and one order per mark."""

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}
        self._records: dict[str, dict[Address, bytes]] = {}
        self._names = Order()
        self._marks: dict[str, Order] = {}

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        return self._part(partition, spans) if partition in self._heads else None

    async def commit(self, commit: Commit) -> None:
        """Compare, then replace the partition's head and change its records."""
        old = self._heads.get(commit.partition)
        head = commit.onto(old)
        records = self._records.setdefault(commit.partition, {})
        for lane, moved in commit.lanes.items():
            if moved is None and old is not None:
                for address in old.addresses([Span(lane)]):
                    del records[address]
        for address in commit.erased():
            records.pop(address, None)
        records.update(commit.write)
        self._heads[commit.partition] = head
        self._names.set(commit.partition, 0)
        self._remark(commit.partition, commit.marks)

    async def drop(self, partition: str, *, expect: int) -> None:
        """Compare, then forget the partition."""
        head = self._heads.get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
        del self._heads[partition], self._records[partition]
        self._names.set(partition, None)
        self._remark(partition, dict.fromkeys(head.marks))

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Walk one order."""
        order = self._names if scan.mark is None else self._marks.get(scan.mark)
        if order is None:
            return []
        names = order.walk(scan.after, scan.limit, descending=scan.descending)
        return [self._part(name, scan.spans) for name in names]

    def _part(self, partition: str, spans: Sequence[Span]) -> Snapshot:
        head, records = self._heads[partition], self._records[partition]
        return Snapshot(head, {address: records[address] for address in head.addresses(spans)})

    def _remark(self, partition: str, marks: Mapping[str, int | None]) -> None:
        for mark, score in marks.items():
            order = self._marks.get(mark)
            if order is None:
                if score is None:
                    continue
                order = self._marks[mark] = Order()
            order.set(partition, score)
            if not order:
                del self._marks[mark]


def _open(_settings: NoSettings) -> MemorySessionStorage:
    return MemorySessionStorage()


def _sandbox(_folder: Path) -> dict[str, object]:
    return {}


@hookimpl
def holdall_storages() -> list[StorageOffer[NoSettings]]:
    """Register ``memory``."""
    return [
        StorageOffer(
            name="memory",
            summary="in memory; nothing survives the process",
            settings=NoSettings,
            open=_open,
            abilities=Abilities(),
            sandbox=_sandbox,
            contract=1,
        )
    ]
