"""Reading an archive: every byte of it is checked, and what is wrong is named by its line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from holdall.contract import Address, Head
from holdall.errors import Damaged
from holdall.folders import typed
from holdall.transfer.archive.lines import (
    END,
    FORMAT,
    HEAD,
    LEFT_OUT,
    MANIFEST,
    RECORD,
    Counts,
    First,
    LeftOut,
    Record,
    head_line,
)

__all__ = ["Item", "Reading"]

_T = TypeVar("_T")

_LONGEST = 128 << 20
_first = msgspec.json.Decoder(First, strict=True)
_record = msgspec.json.Decoder(Record, strict=True)
_left_out = msgspec.json.Decoder(LeftOut, strict=True)

Item = Head | tuple[Address, bytes] | None
"""A partition begins; a record of it; it is whole."""


class _Part:
    """The partition that is being read."""

    def __init__(self, head: Head, line: int, data: bytes) -> None:
        self.head = head
        self.line = line
        self.due = (
            (name, at) for name in sorted(head.lanes) for at in range(head.lanes[name].first, head.lanes[name].stop)
        )
        self.lines = hashlib.sha256(data)
        self.records = 0
        self.bytes = 0


@dataclass(slots=True)
class Reading:
    """An archive being read. Iterating raises ``Damaged`` at the first thing that is not as it was written."""

    path: Path
    counts: Counts = field(default_factory=Counts)
    made: int = 0
    """When the backup began, in milliseconds since 1970."""
    sha256: str = ""
    """Of all but its manifest; known once it was read to the end."""
    _line: int = 0

    def __iter__(self) -> Iterator[Item]:
        """The partitions, each as its head, its records and ``None``; done when the manifest was found right."""
        try:
            with self.path.open("rb", buffering=1 << 20) as file:
                yield from self._items(file)
        except OSError as error:
            raise typed(error, str(self.path)) from error

    def _items(self, file: IO[bytes]) -> Iterator[Item]:
        self.counts, self._line = Counts(), 0
        lines = self._lines(file)
        first = next(lines, b"")
        self._open(first)
        everything, last = hashlib.sha256(first), ""
        part: _Part | None = None
        for line in lines:
            if part is not None:
                item = self._inside(part, line)
                if item is None:
                    last, part = part.head.partition, None
                yield item
            elif line.startswith(HEAD):
                part = self._begun(line, last)
                yield part.head
            elif line.startswith(LEFT_OUT):
                self.counts.left_out.append(self._decoded(_left_out, line))
            else:
                self._close(line, everything.hexdigest(), file)
                return
            everything.update(line)
        raise self._wrong("the archive ends before its manifest")

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        while line := file.readline(_LONGEST):
            self._line += 1
            if line[-1:] != b"\n":
                raise self._wrong("it has no end" if len(line) < _LONGEST else f"it is over {_LONGEST:,} bytes")
            yield line

    def _open(self, line: bytes) -> None:
        if not line.startswith(b'{"holdall":"archive","format":'):
            raise self._wrong("it does not begin a Holdall archive")
        first = self._decoded(_first, line)
        if first.format != FORMAT:
            raise self._wrong(f"the archive is of format {first.format}; this version reads {FORMAT}")
        if first.line() != line:
            raise self._wrong("it is not what was written")
        self.made = first.made

    def _begun(self, line: bytes, last: str) -> _Part:
        try:
            head = Head.from_json(line)
            same = head_line(head) == line
        except (ValueError, KeyError, TypeError, AttributeError):
            same, head = False, Head("", 0, 0)
        if not same:
            raise self._wrong("it is not the head of a partition as it was written")
        if last and head.partition >= last:
            raise self._wrong(f"{head.partition} stands behind {last}")
        return _Part(head, self._line, line)

    def _inside(self, part: _Part, line: bytes) -> tuple[Address, bytes] | None:
        name, due = part.head.partition, next(part.due, None)
        if line.startswith(RECORD) and due is not None:
            record = self._decoded(_record, line)
            if record.address != due:
                raise self._wrong(f"{name}: {due[0]}[{due[1]}] should be here, not {record.lane}[{record.at}]")
            try:
                data = record.data()
            except ValueError as error:
                raise self._wrong(f"{name} {due[0]}[{due[1]}]: {error}") from None
            part.records += 1
            part.bytes += len(data)
            part.lines.update(line)
            return due, data
        if not line.startswith(END) or due is not None:
            what = "the end of the partition" if due is None else f"{due[0]}[{due[1]}]"
            raise self._wrong(f"{name}: {what} should be here")
        if line != self.counts.end_line(part.head, part.records, part.bytes, part.lines.hexdigest()):
            raise self._wrong(f"{name}: lines {part.line} to {self._line} are not what was written")
        return None

    def _close(self, line: bytes, digest: str, file: IO[bytes]) -> None:
        if not line.startswith(MANIFEST):
            raise self._wrong("it is none that could stand here")
        if line != self.counts.manifest_line(digest):
            raise self._wrong(
                "this line, the first, or one of what was left out is not what was written; every partition is"
            )
        if file.read(1):
            raise self._wrong("something stands behind the manifest")
        self.sha256 = digest

    def _decoded(self, decoder: msgspec.json.Decoder[_T], line: bytes) -> _T:
        try:
            return decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"it is not what was written: {error}") from None

    def _wrong(self, reason: str) -> Damaged:
        return Damaged(f"{self.path} line {self._line}", reason)
