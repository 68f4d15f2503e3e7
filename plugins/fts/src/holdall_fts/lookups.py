"""Looking up what is needed in one segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection

from holdall.searching import Need
from holdall_fts.postings import bits_of, often_in
from holdall_fts.rows import Row, block_at, postings_in

__all__ = ["Group", "looked_up"]


class Group:
    """Where a segment has one thing that is needed: the postings of each term, of each list of terms that would do."""

    def __init__(self, lists: Sequence[Sequence[Sequence[bytes]]], most: int) -> None:
        self._lists = lists
        self.bits = 0
        """The documents that have it."""
        for terms in lists:
            bits = (1 << most) - 1
            for postings in terms:
                bits &= _united(postings, most)
            self.bits |= bits

    def often(self) -> Mapping[int, int]:
        """About how often documents have it that have it more than once."""
        found: dict[int, int] = {}
        for postings in (one for terms in self._lists for term in terms for one in term):
            for document, count in often_in(postings).items():
                found[document] = max(count, found.get(document, 1))
        return found


def looked_up(connection: Connection, row: Row, need: Need) -> Group:
    """What a segment has of a need."""
    lists: list[list[list[bytes]]] = []
    for terms in need:
        found = [
            _beginning(connection, row, lookup.term) if lookup.prefix else _exactly(connection, row, lookup.term)
            for lookup in terms
        ]
        if all(found):
            lists.append(found)
    return Group(lists, row.docs)


def _exactly(connection: Connection, row: Row, term: str) -> list[bytes]:
    postings = postings_in(connection, row, term)
    return [] if postings is None else [postings]


def _beginning(connection: Connection, row: Row, prefix: str) -> list[bytes]:
    found: list[bytes] = []
    for place in row.blocks(connection).beginning(prefix):
        found += [postings for term, postings in block_at(connection, place).items() if term.startswith(prefix)]
    return found


def _united(postings: Sequence[bytes], most: int) -> int:
    bits = 0
    for one in postings:
        bits |= bits_of(one, most)
    return bits
