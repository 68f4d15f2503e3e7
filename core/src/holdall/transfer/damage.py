"""Finding which records of a partition cannot be read: a storage says that a reading failed, not always of what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from holdall.contract import Head, ISessionStorage, Records, Span
from holdall.errors import Conflict, Damaged
from holdall.transfer.windows import WINDOW

__all__ = ["Hurt", "readings"]


@dataclass(frozen=True, slots=True)
class Hurt:
    """A record that cannot be read, and why."""

    partition: str
    lane: str
    position: int
    reason: str

    def __str__(self) -> str:
        return f"{self.partition} {self.lane}[{self.position}]: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {name: getattr(self, name) for name in ("partition", "lane", "position", "reason")}


async def readings(storage: ISessionStorage, head: Head) -> AsyncIterator[tuple[Span, Records, list[Hurt]]]:
    """The records of ``head``'s partition, lane by lane, and those that can't be read.

    Raises ``Conflict`` when the partition is not at that version, and ``Damaged`` when it cannot be read at all.
    """
    for name in sorted(head.lanes):
        lane = head.lanes[name]
        for start in range(lane.first, lane.stop, WINDOW):
            span = Span(name, start, min(start + WINDOW, lane.stop))
            try:
                yield span, await _read(storage, head, span), []
            except Damaged:
                found, hurt = await _one_by_one(storage, head, span)
                yield span, found, hurt


async def _one_by_one(storage: ISessionStorage, head: Head, span: Span) -> tuple[Records, list[Hurt]]:
    await _read(storage, head)  # where this fails, it is not the records
    records: dict[tuple[str, int], bytes] = {}
    hurt: list[Hurt] = []
    for position in range(span.start, span.stop or 0):
        try:
            records.update(await _read(storage, head, Span(span.lane, position, position + 1)))
        except Damaged as damage:
            hurt.append(Hurt(head.partition, span.lane, position, str(damage)))
    return records, hurt


async def _read(storage: ISessionStorage, head: Head, *spans: Span) -> Records:
    snapshot = await storage.load(head.partition, *spans)
    found = 0 if snapshot is None else snapshot.head.version
    if snapshot is None or found != head.version:
        raise Conflict(head.partition, expected=head.version, found=found)
    return snapshot.records
