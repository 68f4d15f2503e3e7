"""Taking updates in: what was read of each session, the documents that are no more, and a segment of the new ones."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from sqlite3 import Connection

import msgspec

from holdall.searching import Document, LaneUpdate, Update, terms_of
from holdall_fts.building import Entry, built
from holdall_fts.postings import MOST, bits_of, descending
from holdall_fts.rows import Row, dead_of, postings_in, rows, store
from holdall_fts.segments import LABEL, LANE, OWNER

__all__ = ["forget", "take"]

_NOTHING = frozenset[int]()


class _Dead:
    """Documents that are to be dead, by segment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Row] | None = None
        self._found: dict[int, set[int]] = {}

    def documents(self, lane: int) -> Iterable[tuple[Row, int]]:
        """The live documents of a lane, each with its segment."""
        if self._rows is None:
            self._rows = rows(self._connection)
        for row in self._rows:
            postings = postings_in(self._connection, row, f"{LANE}{lane}")
            if postings is not None:
                gone = dead_of(row) | self._found.get(row.id, _NOTHING)
                yield from ((row, number) for number in descending(bits_of(postings, row.docs)) if number not in gone)

    def add(self, row: Row, number: int) -> None:
        self._found.setdefault(row.id, set()).add(number)

    def write(self) -> None:
        for row in self._rows or ():
            if row.id in self._found:
                dead = array("H", sorted(dead_of(row) | self._found[row.id])).tobytes()
                self._connection.execute("UPDATE segments SET dead = ? WHERE id = ?", (dead, row.id))


def take(connection: Connection, updates: Sequence[Update]) -> list[str]:
    """Take in those of ``updates`` that are based on what is here; returns the sessions of the others."""
    left_out: list[str] = []
    entries: list[Entry] = []
    dead = _Dead(connection)
    for update in updates:
        number, stale = _session(connection, update)
        if number is None:
            left_out.append(update.session)
            continue
        if stale:
            _forget_lanes(connection, dead, number)
        for lane in update.lanes:
            entries += _lane(connection, dead, number, update, lane)
        for branch in update.gone:
            _forget_lanes(connection, dead, number, branch)
    dead.write()
    for start in range(0, len(entries), MOST):
        store(connection, built(entries[start : start + MOST]))
    return left_out


def forget(connection: Connection, sessions: Sequence[str]) -> None:
    """Forget sessions: all that they have here is dead."""
    dead = _Dead(connection)
    for name in sessions:
        row = connection.execute("SELECT id FROM sessions WHERE name = ?", (name,)).fetchone()
        if row is not None:
            _forget_lanes(connection, dead, row[0])
            connection.execute("DELETE FROM sessions WHERE id = ?", row)
    dead.write()


def _session(connection: Connection, update: Update) -> tuple[int | None, bool]:
    """The number of the session, if the update is based on what is known of it, and whether that is stale."""
    row = connection.execute("SELECT id, edition, stale FROM sessions WHERE name = ?", (update.session,)).fetchone()
    number, edition, stale = row or (None, 0, 0)
    if edition != update.edition:
        return None, False
    tags = msgspec.json.encode(list(update.tags)).decode()
    values = (edition + 1, update.changed, update.owner, update.project, tags)
    if number is None:
        sql = "INSERT INTO sessions (edition, changed, owner, project, tags, name) VALUES (?, ?, ?, ?, ?, ?)"
        return connection.execute(sql, (*values, update.session)).lastrowid, False
    sql = "UPDATE sessions SET edition = ?, changed = ?, owner = ?, project = ?, tags = ?, stale = 0 WHERE id = ?"
    connection.execute(sql, (*values, number))
    return number, bool(stale)


def _forget_lanes(connection: Connection, dead: _Dead, session: int, branch: str | None = None) -> None:
    sql = "SELECT id FROM lanes WHERE session = ? AND branch = ifnull(?, branch)"
    for (lane,) in connection.execute(sql, (session, branch)).fetchall():
        for row, number in dead.documents(lane):
            dead.add(row, number)
        connection.execute("DELETE FROM lanes WHERE id = ?", (lane,))


def _lane(connection: Connection, dead: _Dead, session: int, update: Update, lane: LaneUpdate) -> Iterable[Entry]:
    """The documents of a lane that are new; those that are not what they were, or not there any more, are dead."""
    sql = "SELECT id, first, stop, rewritten FROM lanes WHERE session = ? AND branch = ?"
    found = connection.execute(sql, (session, lane.branch)).fetchone()
    known = lane.known
    new = {document.position: document for document in lane.documents}
    if found is None:
        sql = "INSERT INTO lanes (session, branch, first, stop, rewritten) VALUES (?, ?, ?, ?, ?)"
        number = connection.execute(sql, (session, lane.branch, *known)).lastrowid or 0
    else:
        number, *before = found
        sql = "UPDATE lanes SET first = ?, stop = ?, rewritten = ? WHERE id = ?"
        connection.execute(sql, (*known, number))
        if before != [known.first, lane.start, known.rewritten] or not known.rewritten:
            _replace(connection, dead, number, lane, new)
    labels = [f"{LANE}{number}", f"{OWNER}{update.owner}"]
    order = update.session, lane.branch
    for document in new.values():
        own = [*labels, *[LABEL + label for label in document.labels]]
        terms = terms_of(document.text)
        yield Entry(document.at, order, document.position, number, document.check, terms, own)


def _replace(connection: Connection, dead: _Dead, number: int, lane: LaneUpdate, new: dict[int, Document]) -> None:
    """Compare what is here with what is now: what is the same stays, and is not new."""
    known = lane.known
    for row, document in list(dead.documents(number)):
        columns = row.columns(connection)
        position = columns.positions[document]
        if lane.start <= position < lane.stop:
            found = new.get(position)
            if found is not None and found.check == columns.checks[document]:
                del new[position]
            else:
                dead.add(row, document)
        elif not known.first <= position < known.stop:
            dead.add(row, document)
