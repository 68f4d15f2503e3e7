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

_PIECE = 8 << 20
"""Bytes that are read before what is new of them is committed."""
_TOGETHER = 16
"""Partitions at work at the same time, so that their commits share syncs."""
_ATTEMPTS = 50
_LONGEST_PAUSE = 0.1
Progress = Callable[[int, str], None]


@dataclass(slots=True)
class _Piece:
    """Some records of one moment of a partition, and what becomes of them."""

    head: Head
    spans: int = 0
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

    def add(self, piece: _Piece) -> None:
        """Count what was read, and written where it had to be."""
        self.records += piece.records
        self.written += len(piece.write)
        self.before += piece.before
        self.after += piece.after
        self.problems += piece.problems

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        names = ("partitions", "records", "written", "before", "after", "encrypted", "problems")
        return {name: getattr(self, name) for name in names}


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
    """All of a partition up to where its lanes ended when it was begun: what came later is as it should be.

    The longest lane is the last: a storage that tidies up when enough has been superseded then does so at the end.
    """
    left = [
        Span(name, start, min(start + WINDOW, lane.stop))
        for name, lane in sorted(head.lanes.items(), key=lambda item: len(item[1]))
        for start in range(lane.first, lane.stop, WINDOW)
    ]
    while left:
        left = left[await _step(storage, codec, head.partition, left, report) :]


async def _step(storage: ISessionStorage, codec: Codec, partition: str, spans: list[Span], report: Reencoded) -> int:
    """Do as many of ``spans`` as go into one commit; returns how many.

    Where others write all the time, less and less is taken at once, so that it finds a moment.
    """
    most = _PIECE
    for attempt in range(_ATTEMPTS):
        piece = await _read(storage, codec, partition, spans, most)
        if piece is None:
            return len(spans)
        try:
            if piece.write:
                await storage.commit(piece.commit())
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
            most //= 2
            await asyncio.sleep(random.random() * min(attempt / 100, _LONGEST_PAUSE))  # noqa: S311 - lets writers finish
        else:
            report.add(piece)
            return piece.spans
    raise AssertionError("unreachable")


async def _read(storage: ISessionStorage, codec: Codec, partition: str, spans: list[Span], most: int) -> _Piece | None:
    """One moment of the records of the first of ``spans``; nothing when the partition is gone."""
    piece: _Piece | None = None
    for span in spans:
        if piece is not None and piece.before >= most:
            break
        snapshot = await storage.load(partition, span)
        if snapshot is None:
            return None
        piece = piece or _Piece(snapshot.head)
        if snapshot.head.version != piece.head.version:  # this much is one moment
            break
        _take(piece, codec, snapshot.records)
        piece.spans += 1
    return piece


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
