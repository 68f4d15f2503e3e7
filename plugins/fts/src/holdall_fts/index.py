"""The verbs of the index, each one transaction of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection

import msgspec

from holdall.searching import BlockingSearchIndex, Found, Known, KnownLane, Update, Walked, Wanted
from holdall_fts.database import Database
from holdall_fts.finding import Finder
from holdall_fts.merging import dead_segments, merge_large, merge_small, rewrite
from holdall_fts.taking import forget, take

__all__ = ["FtsSearchIndex"]


class FtsSearchIndex(BlockingSearchIndex):
    """An index in one folder."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder)
        self._finder = Finder()
        self._tidied = True
        self.walked()  # what is wrong with the folder is said when it is opened

    def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        """See ``SearchIndex.known``."""
        found: dict[str, Known] = {}

        def read(connection: Connection) -> None:
            for name in sessions:
                row = connection.execute(
                    "SELECT id, edition, changed, stale FROM sessions WHERE name = ?", (name,)
                ).fetchone()
                if row is None:
                    continue
                number, edition, changed, stale = row
                lanes = connection.execute(
                    "SELECT branch, first, stop, rewritten FROM lanes WHERE session = ?", (number,)
                )
                read = {} if stale else {branch: KnownLane(*rest) for branch, *rest in lanes}
                found[name] = Known(edition, 0 if stale else changed, read)

        self._database.reading(read)
        return found

    def put(self, updates: Sequence[Update]) -> Sequence[str]:
        """See ``SearchIndex.put``."""

        def write(connection: Connection) -> Sequence[str]:
            left_out = take(connection, updates)
            merge_small(connection)
            return left_out

        return self._database.writing(write)

    def forget(self, sessions: Sequence[str]) -> None:
        """See ``SearchIndex.forget``."""
        self._database.writing(lambda connection: forget(connection, sessions))

    def purge(self, session: str) -> None:
        """See ``SearchIndex.purge``."""

        def write(connection: Connection) -> None:
            forget(connection, [session])
            rewrite(connection, dead_segments(connection))

        self._database.writing(write)
        self._database.emptied()

    def find(self, wanted: Wanted) -> Found:
        """See ``SearchIndex.find``."""

        def read(connection: Connection) -> Found:
            found = self._finder.find(connection, wanted)
            (mark,) = connection.execute("SELECT mark FROM walked").fetchone()
            return msgspec.structs.replace(found, lost=mark is None)

        return self._database.reading(read)

    def walked(self) -> Walked:
        """See ``SearchIndex.walked``."""
        row = self._database.reading(
            lambda connection: connection.execute("SELECT mark, score, partition, whole FROM walked").fetchone()
        )
        mark, score, partition, whole = row
        return Walked(mark, None if score is None else (score, partition), whole)

    def walk(self, old: Walked, new: Walked) -> None:
        """See ``SearchIndex.walk``."""
        sql = (
            "UPDATE walked SET mark = ?, score = ?, partition = ?, whole = ? "
            "WHERE mark IS ? AND score IS ? AND partition IS ? AND whole = ?"
        )
        self._database.writing(lambda connection: connection.execute(sql, (*_flat(new), *_flat(old))))

    def sessions(self, after: str, limit: int) -> Sequence[str]:
        """See ``SearchIndex.sessions``."""
        rows = self._database.reading(
            lambda connection: connection.execute(
                "SELECT name FROM sessions WHERE name > ? ORDER BY name LIMIT ?", (after, limit)
            ).fetchall()
        )
        return [name for (name,) in rows]

    def reset(self) -> None:
        """See ``SearchIndex.reset``."""

        def write(connection: Connection) -> None:
            connection.execute("UPDATE sessions SET stale = 1, edition = edition + 1")
            connection.execute("UPDATE walked SET mark = NULL, score = NULL, partition = NULL, whole = 0")

        self._database.writing(write)

    def tidy(self) -> bool:
        """See ``SearchIndex.tidy``."""
        more = self._database.writing(merge_large)
        if more:
            self._tidied = True
        elif self._tidied:
            self._tidied = False
            self._database.shrunk()
        return more

    def close(self) -> None:
        """See ``SearchIndex.close``."""
        self._database.close()


def _flat(walked: Walked) -> tuple[int | None, int | None, str | None, int]:
    score, partition = walked.backlog or (None, None)
    return walked.mark, score, partition, walked.whole
