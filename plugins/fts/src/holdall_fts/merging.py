"""Merging: few large segments are looked up faster than many small ones, and the dead of all of them are left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from sqlite3 import Connection

from holdall_fts.building import Part, merged
from holdall_fts.postings import MOST
from holdall_fts.rows import Row, dead_of, delete, rows, store, terms_in

__all__ = ["dead_segments", "lane_names", "merge_large", "merge_small", "rewrite"]

_FACTOR = 8
"""So many segments of about one size become one."""
_SMALL = 4096
"""Documents that are merged while somebody waits."""
_MANY = 64
"""Segments from which on larger ones are merged then, too."""


def merge_small(connection: Connection) -> None:
    """Merge what costs little."""
    while True:
        found = rows(connection)
        if not _merge_one(connection, found, MOST if len(found) > _MANY else _SMALL):
            return


def merge_large(connection: Connection) -> bool:
    """Do the next thing that is worth while: merge segments, or rewrite one with dead. Whether there was one."""
    found = rows(connection)
    if _merge_one(connection, found, MOST):
        return True
    worst = max(found, key=lambda row: len(row.dead) / row.docs, default=None)
    if worst is None or not worst.dead:
        return False
    rewrite(connection, [worst])
    return True


def dead_segments(connection: Connection) -> list[Row]:
    """The segments that have dead."""
    return [row for row in rows(connection) if row.dead]


def rewrite(connection: Connection, found: Sequence[Row]) -> None:
    """Leave the dead out of segments."""
    for row in found:
        _merge(connection, [row])


def _merge_one(connection: Connection, found: Sequence[Row], most: int) -> bool:
    """Merge the smallest segments of one size, of which there are enough, to one of at most ``most`` documents."""
    tiers: defaultdict[int, list[Row]] = defaultdict(list)
    for row in found:
        tiers[(row.docs.bit_length() + 2) // 3].append(row)
    for tier in sorted(tiers):
        parts: list[Row] = []
        size = 0
        for row in sorted(tiers[tier], key=lambda row: row.newest):
            live = row.docs - len(dead_of(row))
            if size + live <= most:
                parts.append(row)
                size += live
        enough = _FACTOR if size <= MOST // 2 else 2
        if len(tiers[tier]) >= enough and len(parts) >= 2:  # noqa: PLR2004 - one is merged already
            _merge(connection, parts)
            return True
    return False


def _merge(connection: Connection, found: Sequence[Row]) -> None:
    parts = [Part(row.columns(connection), terms_in(connection, row), set(dead_of(row))) for row in found]
    lanes = {lane for part in parts for lane in part.columns.lanes}
    order = lane_names(connection, lanes)
    for part in parts:
        part.dead.update(number for number, lane in enumerate(part.columns.lanes) if lane not in order)
    segment = merged(parts, order)
    segment = segment._replace(blocks=list(segment.blocks))  # before what it is made of goes
    for row in found:
        delete(connection, row)
    store(connection, segment)


def lane_names(connection: Connection, lanes: set[int]) -> dict[int, tuple[str, str]]:
    """The session and the branch of each of ``lanes`` that is still there."""
    sql = "SELECT name, branch FROM lanes JOIN sessions ON sessions.id = lanes.session WHERE lanes.id = ?"
    found: dict[int, tuple[str, str]] = {}
    for lane in lanes:
        row = connection.execute(sql, (lane,)).fetchone()
        if row is not None:
            found[lane] = row
    return found
