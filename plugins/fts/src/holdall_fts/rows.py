"""Segments as they lie in the file: what is needed of one is read when it is, and what never changes is kept."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import lru_cache
from sqlite3 import Connection
from typing import Any

from holdall_fts.building import Segment
from holdall_fts.filters import filter_of, may_have
from holdall_fts.postings import SPARSE, bits_of
from holdall_fts.segments import Blocks, Columns, Packed, packed_columns, unpacked_block

__all__ = ["Row", "block_at", "dead_bits", "dead_of", "delete", "postings_in", "rows", "store", "terms_in"]

_NOTHING = frozenset[int]()
_KEPT = 256


class Row:
    """A segment, without what is large."""

    __slots__ = ("_blocks", "_filter", "_packed", "dead", "docs", "id", "newest", "oldest", "row", "rows", "words")

    def __init__(self, *row: Any) -> None:
        self.id, self.docs, self.dead, self.words, self.oldest, self.newest, self.row, self.rows = row
        self._packed: Packed | None = None
        self._blocks: Blocks | None = None
        self._filter: bytes | None = None

    def packed(self, connection: Connection) -> Packed:
        """What is known of its documents, where it is looked at."""
        if self._packed is None:
            data = connection.execute("SELECT columns FROM segments WHERE id = ?", (self.id,)).fetchone()[0]
            self._packed = Packed(data, self.docs)
        return self._packed

    def columns(self, connection: Connection) -> Columns:
        """What is known of all of its documents."""
        return self.packed(connection).whole()

    def may_have(self, connection: Connection, term: str) -> bool:
        """Whether a term may be in it."""
        found = self._filter
        if found is None:
            found = connection.execute("SELECT filter FROM segments WHERE id = ?", (self.id,)).fetchone()[0]
            self._filter = found
        return may_have(found, term)

    def blocks(self, connection: Connection) -> Blocks:
        """Where its terms are."""
        if self._blocks is None:
            data = connection.execute("SELECT blocks FROM segments WHERE id = ?", (self.id,)).fetchone()[0]
            self._blocks = Blocks.unpack(data, self.row)
        return self._blocks

    def same(self, other: Row) -> None:
        """Take over what was read of this segment before."""
        self._packed, self._blocks, self._filter = other._packed, other._blocks, other._filter


_SELECT = "SELECT id, docs, dead, words, oldest, newest, row, rows FROM segments ORDER BY newest DESC, id DESC"


def rows(connection: Connection) -> list[Row]:
    """All segments, those with the newest documents first."""
    return [Row(*row) for row in connection.execute(_SELECT)]


@lru_cache(maxsize=_KEPT)
def _numbers(dead: bytes) -> frozenset[int]:
    return frozenset(array("H", dead))


def dead_of(row: Row) -> frozenset[int]:
    """The documents of a segment that are no more."""
    return _numbers(row.dead) if row.dead else _NOTHING


def dead_bits(row: Row) -> int:
    """The same as an integer."""
    return bits_of(SPARSE + row.dead, row.docs)


def block_at(connection: Connection, row: int) -> dict[str, bytes]:
    """One block of terms."""
    return unpacked_block(connection.execute("SELECT data FROM blocks WHERE id = ?", (row,)).fetchone()[0])


def postings_in(connection: Connection, row: Row, term: str) -> bytes | None:
    """Where a term is in a segment, if it is there."""
    if not row.may_have(connection, term):
        return None
    place = row.blocks(connection).at(term)
    return None if place is None else block_at(connection, place).get(term)


def terms_in(connection: Connection, row: Row) -> Iterator[tuple[str, bytes]]:
    """All terms of a segment in order."""
    sql = "SELECT data FROM blocks WHERE id >= ? AND id < ? ORDER BY id"
    for (data,) in connection.execute(sql, (row.row, row.row + row.rows)):
        yield from unpacked_block(data).items()


def store(connection: Connection, segment: Segment) -> None:
    """Put a segment into the file."""
    columns = segment.columns
    if not columns.times:
        return
    first = connection.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'blocks'), 0) + 1")
    found = list(segment.blocks)
    blocks = Blocks([block.first for block in found], first.fetchone()[0])
    connection.executemany(
        "INSERT INTO blocks VALUES (?, ?)", ((at, one.data) for at, one in enumerate(found, blocks.row))
    )
    terms = filter_of((term for block in found for term in block.terms), sum(len(block.terms) for block in found))
    times, lengths = columns.times, columns.lengths
    values = (len(times), sum(lengths), times[0], times[-1], blocks.row, len(found))
    sql = "INSERT INTO segments VALUES (NULL, ?, x'', ?, ?, ?, ?, ?, ?, ?, ?)"
    connection.execute(sql, (*values, packed_columns(columns), blocks.pack(), terms))


def delete(connection: Connection, row: Row) -> None:
    """Take a segment out of the file."""
    connection.execute("DELETE FROM blocks WHERE id >= ? AND id < ?", (row.row, row.row + row.rows))
    connection.execute("DELETE FROM segments WHERE id = ?", (row.id,))
