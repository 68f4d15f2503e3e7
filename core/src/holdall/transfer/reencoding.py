"""Moving every record to the codec of today, while others read and write: a sweep that may be stopped at any point.

A record that is as it would be written now is left alone, so a sweep that was stopped is simply run again, and a second
one finds nothing to do. Each commit is refused where somebody wrote meanwhile; then that part is read and done again.
What clients see does not change: neither ``changed`` nor a mark moves.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from holdall.codecs import Codec
from holdall.contract import Address, Commit, Head, ISessionStorage, Lane, Span
from holdall.errors import Conflict, Damaged
from holdall.transfer.windows import WINDOW, heads

__all__ = ["Reencoded", "reencode"]

_PIECE = 4 << 20
"""Bytes that are read before what is new of them is committed."""
_TOGETHER = 16
"""Partitions at work at the same time, so that their commits share syncs."""
_ATTEMPTS = 50
_LONGEST_PAUSE = 0.1
Progress = Callable[[int, str], None]


@dataclass(slots=True)
class Reencoded:
    """What a sweep did."""

    partitions: int = 0
    records: int = 0
    """Records that were read."""
    written: int = 0
    """Those that were written anew."""
    before: int = 0
    """Bytes of what was read."""
    after: int = 0
    """Bytes that the same records have now."""
    problems: list[str] = field(default_factory=list[str])
    """What could not be read, and so is as it was."""
    encrypted: int = 0
    """Partitions that had been plaintext; that is done before."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        names = ("partitions", "records", "written", "before", "after", "encrypted", "problems")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class _Piece:
    """Some records of one moment of a partition, and what becomes of them."""

    head: Head
    records: int = 0
    before: int = 0
    after: int = 0
    write: dict[Address, bytes] = field(default_factory=dict[Address, bytes])
    problems: list[str] = field(default_factory=list[str])

    def commit(self) -> Commit:
        """What puts the new records in place of the old ones."""
        head, version = self.head, self.head.version + 1
        lanes: dict[str, Lane | None] = {
            name: replace(head.lanes[name], rewritten=version) for name in {lane for lane, _ in self.write}
        }
        return Commit(head.partition, head.version, version, head.changed, lanes, {}, head.expires_at, self.write)


async def reencode(storage: ISessionStorage, codec: Codec, progress: Progress = lambda _done, _name: None) -> Reencoded:
    """Write every record anew that ``codec`` would write otherwise today."""
    report = Reencoded()

    async def one(head: Head) -> None:
        try:
            await _partition(storage, codec, head, report)
        except (Damaged, Conflict) as error:
            report.problems.append(f"{head.partition}: {error}")
        report.partitions += 1
        progress(report.partitions, head.partition)

    async for together in _batches(storage):
        done = await asyncio.gather(*map(one, together), return_exceptions=True)
        for error in filter(None, done):
            raise error
    return report


async def _batches(storage: ISessionStorage) -> AsyncIterator[list[Head]]:
    batch: list[Head] = []
    async for head in heads(storage):
        batch.append(head)
        if len(batch) == _TOGETHER:
            yield batch
            batch = []
    yield batch


async def _partition(storage: ISessionStorage, codec: Codec, head: Head, report: Reencoded) -> None:
    """A partition, lane by lane up to where it ended when the lane was begun: what came later is as it should be."""
    for lane in sorted(head.lanes):
        start, stop = head.lanes[lane].first, head.lanes[lane].stop
        while start < stop:
            start = await _step(storage, codec, head.partition, Span(lane, start, stop), report)


async def _step(storage: ISessionStorage, codec: Codec, partition: str, span: Span, report: Reencoded) -> int:
    """Do the beginning of ``span``, as much as goes into one commit; returns where the rest begins.

    Where others write all the time, less and less is taken at once, so that it finds a moment.
    """
    most = _PIECE
    for attempt in range(_ATTEMPTS):
        piece, end = await _read(storage, codec, partition, span, most)
        if piece is None:
            return end
        try:
            if piece.write:
                await storage.commit(piece.commit())
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
            most //= 2
            await asyncio.sleep(random.random() * min(attempt / 100, _LONGEST_PAUSE))  # noqa: S311 - lets writers finish
            continue
        report.records += piece.records
        report.before += piece.before
        report.after += piece.after
        report.written += len(piece.write)
        report.problems += piece.problems
        return end
    raise AssertionError("unreachable")


async def _read(
    storage: ISessionStorage, codec: Codec, partition: str, span: Span, most: int
) -> tuple[_Piece | None, int]:
    """One moment of the records at the beginning of ``span``, and where they end; nothing when there are none any more."""
    piece: _Piece | None = None
    end, stop = span.start, span.stop or 0
    while end < stop and (piece is None or piece.before < most):
        start, end = end, min(end + WINDOW, stop)
        snapshot = await storage.load(partition, Span(span.lane, start, end))
        if snapshot is None or span.lane not in snapshot.head.lanes:
            return None, stop
        if piece is None:
            piece = _Piece(snapshot.head)
        elif snapshot.head.version != piece.head.version:  # this much is one moment
            return piece, start
        _take(piece, codec, snapshot.records)
    return piece, end


def _take(piece: _Piece, codec: Codec, records: Any) -> None:
    partition, version = piece.head.partition, piece.head.version + 1
    for address, record in records.items():
        piece.records += 1
        piece.before += len(record)
        try:
            new = codec.recoded(partition, address, version, record)
        except Damaged as damage:
            piece.problems.append(str(damage))
            new = None
        if new is not None:
            piece.write[address] = new
        piece.after += len(record if new is None else new)
