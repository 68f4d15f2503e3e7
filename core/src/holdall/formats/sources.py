"""A file to be imported: its records, as often as they are asked for, and its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from holdall.formats.documents import Shape, elements, shape_of, whole
from holdall.formats.lines import LONGEST, opened, read_lines
from holdall.formats.records import Fault, Record

__all__ = ["Source"]

_RECORDS: Mapping[Shape, Callable[[Path], Iterator[Record | Fault]]] = {
    "lines": read_lines,
    "array": elements,
    "document": whole,
}
_HEAD, _HEAD_CHARS = 200, 2 << 20
"""How many records are looked at to tell what a file is, and of how many characters."""


class Source:
    """One file, plain or gzipped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def shape(self) -> Shape:
        """How the records lie in the file."""
        return shape_of(self.path)

    def records(self) -> Iterator[Record | Fault]:
        """Every record: a line with a JSON object each, the objects of an array, or the one object that the file is."""
        return _RECORDS[self.shape](self.path)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line as text, with its number, for formats that are no JSON; bytes that are not UTF-8 are U+FFFD."""
        with opened(self.path) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
                yield number, line.decode("utf-8", "replace").rstrip("\r\n")

    @cached_property
    def head(self) -> list[Record]:
        """The first records, enough to tell what the file is."""
        found: list[Record] = []
        size = 0
        for number, record in enumerate(self.records()):
            if isinstance(record, Record):
                found.append(record)
                size += len(record.text)
            if number >= _HEAD or size > _HEAD_CHARS:
                break
        return found

    def forget(self) -> None:
        """Let go of ``head``, which may be large; it is read again when somebody asks."""
        self.__dict__.pop("head", None)
