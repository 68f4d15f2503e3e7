"""A segment: up to 65,536 documents in the order of time, and the terms that are in them. It never changes.

What changes is which of its documents are still what the conversation says; the others are its dead.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

__all__ = [
    "LABEL",
    "LANE",
    "NOTHING",
    "OWNER",
    "PART",
    "Block",
    "Blocks",
    "Columns",
    "Packed",
    "blocks_of",
    "packed_columns",
    "unpacked_block",
]

LANE, OWNER, LABEL = "\x01l", "\x01o", "\x01="
"""How labels begin among the terms: those of a lane, of an owner, and what the core calls labels."""
PART = 2048
"""Documents whose columns are unpacked together."""
_LEVEL = 6
_pack, _unpack = msgspec.msgpack.encode, msgspec.msgpack.Decoder(dict[str, bytes]).decode
_firsts = msgspec.msgpack.Decoder(list[str]).decode
_PER_BLOCK, _BLOCK_BYTES = 128, 8192


class Columns(NamedTuple):
    """What is known of each document, by its number."""

    times: array[int]
    lanes: array[int]
    positions: array[int]
    checks: array[int]
    lengths: array[int]
    """How many words it has, 65,535 at the most."""


_KINDS = "qIIIH"
NOTHING = Columns(*map(array, _KINDS))


def packed_columns(columns: Columns) -> bytes:
    """The columns as bytes, ``PART`` documents after the other, behind the lengths of these parts."""
    parts = [
        zlib.compress(b"".join(column[start : start + PART].tobytes() for column in columns), _LEVEL)
        for start in range(0, len(columns.times), PART)
    ]
    return b"".join([array("I", map(len, parts)).tobytes(), *parts])


class Packed:
    """The columns of a segment, unpacked where they are looked at: a search that finds little looks at little."""

    def __init__(self, data: bytes, count: int) -> None:
        """``data`` is what ``packed_columns`` made of ``count`` documents."""
        lengths = array("I")
        size = -(-count // PART) * lengths.itemsize
        lengths.frombytes(data[:size])
        self._data = data
        self._count = count
        self._starts = list(accumulate(lengths, initial=size))
        self._parts: dict[int, Columns] = {}
        self._whole: Columns | None = None

    def part(self, number: int) -> Columns:
        """The columns of the documents ``number * PART`` and after."""
        found = self._parts.get(number)
        if found is None:
            data = self._data[self._starts[number] : self._starts[number + 1]]
            found = self._parts[number] = _unpacked(data, min(PART, self._count - number * PART))
        return found

    def whole(self) -> Columns:
        """All of them."""
        if self._whole is None:
            whole = Columns(*map(array, _KINDS))
            for number in range(len(self._starts) - 1):
                for column, more in zip(whole, self.part(number), strict=True):
                    column.extend(more)
            self._whole = whole
        return self._whole


def _unpacked(data: bytes, count: int) -> Columns:
    whole, at = memoryview(zlib.decompress(data)), 0
    found: list[array[int]] = []
    for kind in _KINDS:
        column: array[int] = array(kind)
        size = count * column.itemsize
        column.frombytes(whole[at : at + size])
        found.append(column)
        at += size
    return Columns(*found)


def unpacked_block(data: bytes) -> dict[str, bytes]:
    """The terms of a block, in order, with their postings."""
    return _unpack(zlib.decompress(data))


def _packed(terms: Mapping[str, bytes]) -> bytes:
    return zlib.compress(_pack(terms), _LEVEL)


class Block(NamedTuple):
    """Terms that are together in the file, with their postings."""

    first: str
    data: bytes
    terms: Sequence[str]


def blocks_of(terms: Iterable[tuple[str, bytes]]) -> Iterator[Block]:
    """Terms that come in order, in blocks."""
    block: dict[str, bytes] = {}
    size = 0
    for term, postings in terms:
        block[term] = postings
        size += len(postings)
        if len(block) >= _PER_BLOCK or size >= _BLOCK_BYTES:
            yield Block(next(iter(block)), _packed(block), list(block))
            block, size = {}, 0
    if block:
        yield Block(next(iter(block)), _packed(block), list(block))


class Blocks:
    """Where the blocks of a segment begin: the first term of each, and the row of the first one."""

    def __init__(self, firsts: list[str], row: int) -> None:
        self.firsts = firsts
        self.row = row

    def pack(self) -> bytes:
        """The first terms as bytes."""
        return zlib.compress(_pack(self.firsts), _LEVEL)

    @classmethod
    def unpack(cls, data: bytes, row: int) -> Blocks:
        """What ``pack`` made."""
        return cls(_firsts(zlib.decompress(data)), row)

    def at(self, term: str) -> int | None:
        """The row of the block that has ``term``, if any has."""
        place = bisect_right(self.firsts, term) - 1
        return None if place < 0 else self.row + place

    def beginning(self, prefix: str) -> range:
        """The rows of the blocks with terms that begin with ``prefix``."""
        start = max(bisect_right(self.firsts, prefix) - 1, 0)
        stop = start
        while stop < len(self.firsts) and (stop == start or self.firsts[stop].startswith(prefix)):
            stop += 1
        return range(self.row + start, self.row + stop)
