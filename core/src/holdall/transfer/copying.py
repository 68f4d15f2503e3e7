"""Copying everything from one storage to another, partition by partition, each verified record by record.

The source is only read. What is already there and the same is left alone, so a killed copy is simply run again;
what is there and different is an error, never overwritten. A partition that is too large for one commit goes in
several: until the last of them its version is far below any real one and it has no marks, so that neither a
listing nor the next copy takes it for finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from holdall.codecs import Codec
from holdall.codecs.knowing import is_dictionary
from holdall.contract import Address, Commit, Head, ISessionStorage, Lane, Span
from holdall.errors import Conflict, Damaged
from holdall.transfer.windows import heads, windows

__all__ = ["Copied", "Side", "copy"]

_PIECE = 8 << 20
"""Bytes after which a partition's first commit is not its last."""
_UNFINISHED = 1 << 32
"""Versions are times in microseconds, so real ones are far above."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Side:
    """A storage and the codec of its records."""

    storage: ISessionStorage
    codec: Codec = field(default_factory=Codec)


@dataclass(slots=True)
class Copied:
    """What a copy did."""

    copied: int = 0
    """Partitions that were written, and read back."""
    present: int = 0
    """Partitions that were there already, the same."""
    records: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {name: getattr(self, name) for name in ("copied", "present", "records", "bytes", "problems")}


async def copy(source: Side, target: Side, progress: Callable[[int, str], None] = lambda _done, _name: None) -> Copied:
    """Copy every partition: sessions, claims, presence and whatever else there is.

    The walk goes backwards by name, so that what sessions need comes after them: nothing they began to need meanwhile
    is missing. Dictionaries are left out where the target does not write what the source does.
    """
    report = Copied()
    done = 0
    same = source.codec.writes_like(target.codec)
    async for head in heads(source.storage, descending=True):
        try:
            if same or not is_dictionary(head.partition):
                await _partition(source, target, head, report)
        except Damaged as damage:
            report.problems.append(str(damage))
        except Conflict as conflict:
            report.problems.append(f"{head.partition}: it changes while it is copied ({conflict})")
        done += 1
        progress(done, head.partition)
    faults = await source.storage.faults()
    report.problems += [f"not copied whole: {fault}" for fault in faults if fault not in report.problems]
    return report


async def _partition(source: Side, target: Side, head: Head, report: Copied) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            await _once(source, target, head, report)
        except Conflict:
            found = await source.storage.load(head.partition)
            if found is None:  # gone meanwhile: expired or deleted
                return
            if found.head.version == head.version or attempt == _ATTEMPTS - 1:
                raise
            head = found.head
        else:
            return


async def _once(source: Side, target: Side, head: Head, report: Copied) -> None:
    found = await target.storage.load(head.partition)
    if found is not None and found.head.version >= _UNFINISHED:
        mine = is_dictionary(head.partition)  # the target has dictionaries of its own: those of the source come beside
        difference = None if mine else await _difference(source, target, head, found.head)
        if difference is None:
            report.present += 1
        else:
            report.problems.append(f"{head.partition}: the target has it, but different: {difference}")
        return
    version = 0 if found is None else await _emptied(target.storage, found.head)
    records, size, digest = await _write(source, target, head, version)
    written = await target.storage.load(head.partition)
    difference = "nothing" if written is None else await _misread(source, target, head, written.head, digest)
    if difference is not None:
        report.problems.append(f"{head.partition}: what was written is not what is read back: {difference}")
        return
    report.copied += 1
    report.records += records
    report.bytes += size


async def _emptied(storage: ISessionStorage, head: Head) -> int:
    """Take everything out of an unfinished partition, and its version then. Dropped, it would need a higher one."""
    version = head.version + 1
    await storage.commit(Commit(head.partition, head.version, version, version, dict.fromkeys(head.lanes)))
    return version


async def _write(source: Side, target: Side, head: Head, version: int) -> tuple[int, int, bytes]:
    """Write all of a partition, which is at ``version`` and empty; in pieces where it is large.

    Returns how many records and bytes it has, and the digest of all of them.
    """
    records, size, digest = 0, 0, hashlib.sha256()
    lanes: dict[str, Lane | None] = {}
    piece: dict[Address, bytes] = {}
    weight = 0
    async for span, found in windows(source.storage, head):
        if weight >= _PIECE:
            await target.storage.commit(_piece(head, version, lanes, piece))
            version, lanes, piece, weight = version + 1, {}, {}, 0
        for address in _addresses(span):
            told, data = _recoded(source, target, head, address, found)
            piece[address] = data
            digest.update(_line(address, told))
            weight += len(data)
            records, size = records + 1, size + len(data)
        lanes[span.lane] = Lane(head.lanes[span.lane].first, span.stop or 0)
    commit = _piece(head, version, {**head.lanes}, piece)
    whole = replace(
        commit, version=head.version, changed=head.changed, marks={**head.marks}, expires_at=head.expires_at
    )
    await target.storage.commit(whole)
    return records, size, digest.digest()


def _line(address: Address, data: bytes) -> bytes:
    return b"%b\0%d\0%d\0%b" % (address[0].encode(), address[1], len(data), data)


async def _misread(source: Side, target: Side, head: Head, written: Head, digest: bytes) -> str | None:
    """What is not read back as it was written. The source is not asked again: it may have gone on meanwhile."""
    different = _unlike(head, written)
    if different is not None:
        return different
    read = hashlib.sha256()
    async for span, found in windows(target.storage, written):
        for address in _addresses(span):
            told = found.get(address)
            if told is not None and not target.codec.writes_like(source.codec):
                told = target.codec.decode(head.partition, address, told)
            read.update(_line(address, told or b""))
    return None if read.digest() == digest else "its records"


def _piece(head: Head, version: int, lanes: dict[str, Lane | None], write: dict[Address, bytes]) -> Commit:
    return Commit(head.partition, version, version + 1, version + 1, lanes, write=write)


def _addresses(span: Span) -> list[Address]:
    return [(span.lane, position) for position in range(span.start, span.stop or 0)]


def _recoded(source: Side, target: Side, head: Head, address: Address, found: Any) -> tuple[bytes, bytes]:
    """A record of the source as it can be compared, and as the target keeps it: the same, unless the codecs differ."""
    data: bytes | None = found.get(address)
    if data is None:
        raise Damaged(f"{head.partition} {address[0]}[{address[1]}]", "it is missing")
    if source.codec.writes_like(target.codec):
        return data, data
    told = source.codec.decode(head.partition, address, data)
    return told, target.codec.encode(head.partition, address, head.version, told)


async def _difference(source: Side, target: Side, head: Head, other: Head) -> str | None:
    """What tells a partition of the source from the one of the same name in the target."""
    different = _unlike(head, other)
    if different is not None:
        return different
    theirs = windows(target.storage, other)
    async for span, found in windows(source.storage, head):
        _, written = await anext(theirs)
        for address in _addresses(span):
            if _digest(source, target, head, address, found) != _digest(target, source, head, address, written):
                return f"its record {address[0]}[{address[1]}]"
    return None


def _unlike(head: Head, other: Head) -> str | None:
    names = ("version", "changed", "expires_at", "lanes", "marks")
    return next((f"its {name}" for name in names if getattr(head, name) != getattr(other, name)), None)


def _digest(side: Side, other: Side, head: Head, address: Address, found: Any) -> bytes | None:
    data: bytes | None = found.get(address)
    if data is None:
        return None
    if not side.codec.writes_like(other.codec):
        data = side.codec.decode(head.partition, address, data)
    return hashlib.sha256(data).digest()
