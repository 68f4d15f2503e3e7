"""Comparing the marks that heads carry with those that scans show, without holding them all in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from holdall.contract import Head, ISessionStorage, Scan, Snapshot
from holdall.transfer.windows import heads

__all__ = ["Marks"]

_PAGE = 500
_ATTEMPTS = 5


@dataclass(slots=True)
class _Sum:
    """Entries of one mark, summed: equal sums mean equal sets of entries."""

    count: int = 0
    total: int = 0

    def add(self, partition: str, score: int) -> None:
        digest = hashlib.sha256(f"{score} {partition}".encode()).digest()
        self.count += 1
        self.total = (self.total + int.from_bytes(digest, "big")) % (1 << 256)


class Marks:
    """The marks of every head that was seen."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}

    def add(self, head: Head) -> None:
        """Count the marks of ``head``."""
        for mark, score in head.marks.items():
            self._sums.setdefault(mark, _Sum()).add(head.partition, score)

    async def faults(self, storage: ISessionStorage) -> AsyncIterator[str]:
        """Every entry that only one side has. A mark that no head carries cannot be asked for."""
        for mark, expected in self._sums.items():
            found = _Sum()
            ordered = True
            last: tuple[int, bytes] = (-1 << 63, b"")
            async for partition, score in _walk(storage, mark):
                found.add(partition, score)
                here = (score, partition.encode())
                ordered, last = ordered and last < here, here
            if not ordered:
                yield f"mark {mark}: its scan is out of order"
            if found != expected:
                async for fault in _compared(storage, mark):
                    yield fault


async def _walk(storage: ISessionStorage, mark: str) -> AsyncIterator[tuple[str, int]]:
    """The entries of ``mark`` as a scan shows them."""
    after: tuple[int, str] | None = None
    while True:
        page = await storage.scan(Scan(mark, after, _PAGE))
        for snapshot in page:
            after = (snapshot.head.marks.get(mark, 0), snapshot.head.partition)
            yield after[1], after[0]
        if len(page) < _PAGE:
            return


async def _compared(storage: ISessionStorage, mark: str) -> AsyncIterator[str]:
    """Each difference in one mark, looked at again first: somebody may write meanwhile."""
    shown = {partition: score async for partition, score in _walk(storage, mark)}
    carried = {head.partition: head.marks[mark] async for head in heads(storage) if mark in head.marks}
    suspects = [name for name in sorted(shown.keys() | carried.keys()) if shown.get(name) != carried.get(name)]
    if not suspects:
        return
    for _ in range(_ATTEMPTS):
        before = {name: await storage.load(name) for name in suspects}
        again, moving = {partition: score async for partition, score in _walk(storage, mark)}, list[str]()
        for partition in suspects:
            snapshot = await storage.load(partition)
            if _version(snapshot) != _version(before[partition]):  # a walk shows it as it was, or as it is
                moving.append(partition)
                continue
            fault = _fault(partition, mark, None if snapshot is None else snapshot.head.marks.get(mark), again)
            if fault is not None:
                yield fault
        suspects = moving  # each step writes the marks anew: what never rests is found by the next look
        if not suspects:
            return


def _version(snapshot: Snapshot | None) -> int:
    return 0 if snapshot is None else snapshot.head.version


def _fault(partition: str, mark: str, score: int | None, shown: Mapping[str, int]) -> str | None:
    """How what a partition carries differs from what a scan shows."""
    if shown.get(partition) == score:
        return None
    if score is None:
        return f"{partition}: a scan of mark {mark} shows it, but it does not carry the mark"
    if partition not in shown:
        return f"{partition}: it carries mark {mark}, but a scan does not show it"
    return f"{partition}: it carries mark {mark} with {score}, but a scan shows it with {shown[partition]}"
