"""Which branches of which sessions a search is about, where it is not about all of them."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, NamedTuple

import msgspec

from holdall.searching import Lookup, Need, Wanted
from holdall_fts.segments import LANE

__all__ = ["LanesWanted", "lanes_wanted"]

_FEW = 64
"""So many lanes are looked up like words; of more, each document is asked for its own."""


class LanesWanted(NamedTuple):
    """What is looked up like words, or the lanes that a document must be of."""

    needs: Sequence[Need] = ()
    allowed: frozenset[int] | None = None


def lanes_wanted(connection: Connection, wanted: Wanted) -> LanesWanted | None:
    """The lanes of a search; ``None``: there are none."""
    if wanted.session is None and wanted.project is None and wanted.tag is None:
        return LanesWanted()
    lanes = _lanes(connection, wanted)
    if not lanes:
        return None
    if len(lanes) <= _FEW:
        return LanesWanted([tuple((Lookup(f"{LANE}{lane}"),) for lane in lanes)])
    return LanesWanted(allowed=frozenset(lanes))


def _lanes(connection: Connection, wanted: Wanted) -> list[int]:
    conditions = {"sessions.name = ?": wanted.session, "project = ?": wanted.project, "owner = ?": wanted.owner}
    given = {condition: value for condition, value in conditions.items() if value is not None}
    if wanted.tag is not None:
        given["tags LIKE ? ESCAPE '!'"] = f"%{_escaped(msgspec.json.encode(wanted.tag).decode())}%"
    sql = f"SELECT lanes.id FROM sessions JOIN lanes ON session = sessions.id WHERE {' AND '.join(given)}"  # noqa: S608
    rows: Any = connection.execute(sql, tuple(given.values()))
    return [lane for (lane,) in rows]


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
