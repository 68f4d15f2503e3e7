"""Finding which records of a partition cannot be read: a storage says that a reading failed, not always of what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from holdall.contract import Head, Records, Span
from holdall.errors import Damaged
from holdall.transfer.windows import Loading, Moment, spans_of

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


async def readings(storage: Loading, head: Head) -> AsyncIterator[tuple[Span, Records, list[Hurt]]]:
    """The records of ``head``'s partition, lane by lane, and those that can't be read.

    Raises ``Conflict`` as ``Moment`` does, and ``Damaged`` when the partition cannot be read at all.
    """
    moment = Moment(head)
    for span in spans_of(head):
        try:
            snapshot = await storage.load(head.partition, span)
        except Damaged:
            found, hurt = await _one_by_one(storage, head, moment, span)
            yield span, found, hurt
        else:
            yield span, moment.take(span, snapshot), []
    await moment.end(storage)


async def _one_by_one(storage: Loading, head: Head, moment: Moment, window: Span) -> tuple[Records, list[Hurt]]:
    await storage.load(head.partition)  # where this fails, it is not the records
    records: dict[tuple[str, int], bytes] = {}
    hurt: list[Hurt] = []
    for position in range(window.start, window.stop or 0):
        span = Span(window.lane, position, position + 1)
        try:
            snapshot = await storage.load(head.partition, span)
        except Damaged as damage:
            hurt.append(Hurt(head.partition, span.lane, position, str(damage)))
        else:
            records.update(moment.take(span, snapshot))
    return records, hurt
