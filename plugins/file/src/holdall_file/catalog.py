"""The catalogue: which partitions there are and which marks they carry. Derived from the logs, and rebuildable.

Before a commit is written, its marks are appended to ``catalog.log`` without a sync. A scan brings the news into
``catalog.db``. An entry is an intent: it may be ahead of its commit, or of one that failed. So an entry counts only
when the partition's head agrees, and the last one known to be right is kept until a newer one is.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from holdall.contract import Head
from holdall_file.folder import Folder, lock

__all__ = ["Catalog", "Intents", "Row", "broken", "discard_database", "inode_of", "kind_of"]

_Intent = tuple[str, int, int, dict[str, int | None]]
"""Name, version, the decided version it was made on (-1: the partition is gone), marks."""
_encoder = msgspec.json.Encoder()
_intent = msgspec.json.Decoder(_Intent)
_ROTATE = 4 * 1024 * 1024
_CHUNK = 1024 * 1024
_GONE = -1
_START = 64
"""How many bytes at its start tell one log from the next."""

_FILES = ("catalog.db-shm", "catalog.db-wal", "catalog.db")
_BROKEN = ("malformed", "not a database", "no such table", "file is encrypted")
_SCHEMA = """
CREATE TABLE rows (kind TEXT, score INT, name BLOB, version INT, PRIMARY KEY (kind, score, name)) WITHOUT ROWID;
CREATE INDEX by_name ON rows (name, kind);
CREATE TABLE merged (upto INT, start BLOB);
INSERT INTO merged VALUES (0, x'');
PRAGMA user_version = 1;
"""


class Row(NamedTuple):
    """An entry: ``name`` had ``score`` at ``version``."""

    score: int
    name: str
    version: int


def kind_of(mark: str | None) -> str:
    """How a mark is named in the catalogue; the walk over all names is the empty one."""
    return "" if mark is None else f"={mark}"


def broken(error: BaseException) -> bool:
    """Whether it is the database itself that is damaged."""
    return isinstance(error, sqlite3.DatabaseError) and any(words in str(error) for words in _BROKEN)


def discard_database(folder: Folder, inode: int) -> None:
    """Remove a damaged database, unless another process has done so. Nobody opens one meanwhile."""
    log = folder.open("catalog.log", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(log.fd, fcntl.LOCK_EX)
        if inode_of(folder) == inode:
            for name in _FILES:
                with suppress(FileNotFoundError):
                    folder.unlink(name)
            folder.report.note("catalog.db was damaged: it is made again from the logs")
            folder.report.fault("catalog.db", "it was damaged, and was made again from the logs")
    finally:
        log.close()


def inode_of(folder: Folder) -> int:
    """Which database it is; 0: there is none."""
    try:
        return os.stat("catalog.db", dir_fd=folder.fd, follow_symlinks=False).st_ino
    except FileNotFoundError:
        return 0


class Intents:
    """The end of ``catalog.log`` that commits append to. Used by the writer's thread."""

    def __init__(self, folder: Folder) -> None:
        self._file = folder.open("catalog.log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._dirty = False
        self._written = os.fstat(self._file.fd).st_size
        self.bulky = False

    def append(self, intents: Iterable[tuple[str, int, int, Mapping[str, int | None]]], *, wait: bool = True) -> None:
        """Write down what is about to be committed. Each batch starts on a line of its own.

        Without ``wait`` it raises ``Busy`` while somebody empties the log.
        """
        data = b"\n" + b"".join(_encoder.encode(intent) + b"\n" for intent in intents)
        if wait:
            fcntl.flock(self._file.fd, fcntl.LOCK_SH)  # held against the one who empties the log
        else:
            lock(self._file.fd, fcntl.LOCK_SH)
        try:
            done = 0
            while done < len(data):
                done += os.write(self._file.fd, data[done:])
            self._dirty = True
            self._written += done
            if self._written > _ROTATE:
                self._written = 0
                self.bulky = True
        finally:
            fcntl.flock(self._file.fd, fcntl.LOCK_UN)

    def gone(self, name: str, version: int) -> None:
        """Write down that a partition was removed."""
        self.append([(name, version, _GONE, {})])

    def close(self, *, durable: bool) -> None:
        """Make it last, where that was promised."""
        if durable and self._dirty:
            os.fdatasync(self._file.fd)
        self._file.close()

    def forget(self) -> None:
        """Let the file and its lock go."""
        self._file.close()


def _name(stored: bytes) -> str:
    try:
        return stored.decode("utf-8", "surrogatepass")
    except (UnicodeDecodeError, AttributeError):
        raise sqlite3.DatabaseError("malformed: a name is none") from None


def _row(score: int, name: bytes, version: int) -> Row:
    if type(score) is not int or type(version) is not int:
        raise sqlite3.DatabaseError("malformed: an entry is none")
    return Row(score, _name(name), version)


class Catalog:
    """The sorted entries. Used by one thread; other processes share the files."""

    def __init__(self, folder: Folder, *, temporary: bool = False) -> None:
        self._folder = folder
        self._log = folder.open("catalog.log", os.O_RDWR | os.O_CREAT)
        self.inode = 0
        if temporary:
            self._db = sqlite3.connect(":memory:", isolation_level=None)
            return
        fcntl.flock(self._log.fd, fcntl.LOCK_SH)  # held against the one who removes a damaged database
        try:
            for name in reversed(_FILES):  # private before SQLite sees them
                folder.open(name, os.O_RDWR | os.O_CREAT).close()
            self.inode = inode_of(folder)
            self._db = sqlite3.connect(folder.path / "catalog.db", timeout=60, isolation_level=None)
        except BaseException:
            self._log.close()
            raise
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self.close()
            raise
        fcntl.flock(self._log.fd, fcntl.LOCK_UN)

    @property
    def replaced(self) -> bool:
        """Whether another process found the database damaged and made a new one."""
        return self.inode != 0 and inode_of(self._folder) != self.inode

    @property
    def complete(self) -> bool:
        """Whether it was ever filled."""
        return self._db.execute("PRAGMA user_version").fetchone()[0] == 1

    def rebuild(self, heads: Iterable[Head]) -> None:
        """Fill an empty catalogue."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self.complete:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._put(heads)
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # some errors have ended it
            self._db.execute("ROLLBACK")

    def add(self, heads: Iterable[Head]) -> None:
        """Enter heads that the log may not have told of."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._put(heads)
        except BaseException:
            self._roll_back()
            raise
        self._db.execute("COMMIT")

    def _put(self, heads: Iterable[Head]) -> None:
        for head in heads:
            name = head.partition.encode("utf-8", "surrogatepass")
            rows = [("", 0, name, head.version)]
            rows += [(kind_of(mark), score, name, head.version) for mark, score in head.marks.items()]
            self._insert(rows)

    def _insert(self, rows: Sequence[tuple[str, int, bytes, int]]) -> None:
        self._db.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = max(version, excluded.version)",
            rows,
        )

    def merge(self) -> None:
        """Bring in what was appended to the log since the last merge, by any process."""
        if self._merged() == os.fstat(self._log.fd).st_size:
            return
        self._merge()
        if self._merged() > _ROTATE:
            self.rotate()

    def rotate(self) -> None:
        """Empty the log. Nobody appends meanwhile; a new first line tells every process to start over."""
        fcntl.flock(self._log.fd, fcntl.LOCK_EX)
        try:
            self._merge()
            os.ftruncate(self._log.fd, 0)
            os.pwrite(self._log.fd, f"{secrets.token_hex(_START // 2)}\n".encode(), 0)
        finally:
            fcntl.flock(self._log.fd, fcntl.LOCK_UN)

    def _merge(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            upto = self._take(self._merged())
            start = os.pread(self._log.fd, min(_START, upto), 0)
            self._db.execute("UPDATE merged SET upto = ?, start = ?", (upto, start))
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _merged(self) -> int:
        """How much of the log is in the database: nothing, when it is another log than it was."""
        row = self._db.execute("SELECT upto, start FROM merged").fetchone()
        if row is None or not isinstance(row[0], int) or not isinstance(row[1], bytes):
            raise sqlite3.DatabaseError("malformed: how much was merged is not there")
        upto, start = row
        same = os.pread(self._log.fd, len(start), 0) == start and upto <= os.fstat(self._log.fd).st_size
        return upto if same else 0

    def _take(self, upto: int) -> int:
        size = os.fstat(self._log.fd).st_size
        while upto < size:
            data = os.pread(self._log.fd, _CHUNK, upto)
            whole = data.rfind(b"\n") + 1
            if not whole:
                if len(data) < _CHUNK:
                    break
                whole = len(data)
            self._enter(data[:whole])
            upto += whole
        return upto

    def _enter(self, data: bytes) -> None:
        news: dict[str, list[_Intent]] = {}
        for line in data.split(b"\n"):
            if line:
                try:
                    intent = _intent.decode(line)
                except (ValueError, msgspec.DecodeError):  # the end of a process that was killed
                    continue
                news.setdefault(intent[0], []).append(intent)
        for name, intents in news.items():
            self._enter_one(name.encode("utf-8", "surrogatepass"), intents)

    def _enter_one(self, name: bytes, intents: list[_Intent]) -> None:
        gone = max((version for _, version, on, _ in intents if on == _GONE), default=0)
        if gone:
            self._db.execute("DELETE FROM rows WHERE name = ? AND version <= ?", (name, gone))
        decided = max(on for _, _, on, _ in intents)
        scores: dict[str, list[tuple[int, int | None]]] = {}
        for _, version, _, marks in intents:
            if version > gone:
                scores.setdefault("", []).append((version, 0))
                for mark, score in marks.items():
                    scores.setdefault(kind_of(mark), []).append((version, score))
        for kind, new in scores.items():
            self._settle(name, kind, new, decided)

    def _settle(self, name: bytes, kind: str, new: list[tuple[int, int | None]], decided: int) -> None:
        """Keep what may still come to be right: every entry above ``decided``, and the newest of the others."""
        # Left to itself SQLite takes the primary key, whose first column most rows share.
        query = "SELECT version, score FROM rows INDEXED BY by_name WHERE name = ? AND kind = ?"
        old: list[tuple[int, int | None]] = self._db.execute(query, (name, kind)).fetchall()
        every = [*old, *new]
        below = max((version for version, _ in every if version <= decided), default=0)
        keep = [(version, score) for version, score in every if version > decided or version == below]
        kept = {score for _, score in keep}
        dead = [(kind, score, name) for _, score in old if score not in kept]
        if dead:
            self._db.executemany("DELETE FROM rows WHERE kind = ? AND score = ? AND name = ?", dead)
        known = set(old)
        self._insert(
            [
                (kind, score, name, version)
                for version, score in keep
                if score is not None and (version, score) not in known
            ]
        )

    def check(self) -> None:
        """Read all of the database; raises for one that is damaged where nobody has looked."""
        (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")

    def names(self) -> set[str]:
        """Every name it has."""
        rows = self._db.execute("SELECT name FROM rows WHERE kind = ''")
        return {_name(name) for (name,) in rows}

    def walk(self, mark: str | None, after: tuple[int, str] | None, limit: int, *, descending: bool) -> list[Row]:
        """The next entries behind ``after``."""
        where, order = ("<", "DESC") if descending else (">", "ASC")
        parameters: list[object] = [kind_of(mark)]
        bound = ""
        if after is not None:
            bound = f"AND (score, name) {where} (?, ?)"
            parameters += [after[0], after[1].encode("utf-8", "surrogatepass")]
        rows = self._db.execute(
            f"SELECT score, name, version FROM rows WHERE kind = ? {bound} "  # noqa: S608 - only fixed words
            f"ORDER BY score {order}, name {order} LIMIT ?",
            [*parameters, limit],
        )
        return [_row(*row) for row in rows]

    def discard(self, mark: str | None, rows: Iterable[Row]) -> None:
        """Remove entries that a newer head contradicts."""
        self._db.executemany(
            "DELETE FROM rows WHERE kind = ? AND score = ? AND name = ? AND version = ?",
            [(kind_of(mark), row.score, row.name.encode("utf-8", "surrogatepass"), row.version) for row in rows],
        )

    def close(self) -> None:
        """Close it; closing the last connection brings everything into the database file."""
        try:
            self._db.close()
        finally:
            self._log.close()

    def forget(self) -> None:
        """Let the log and its lock go, in a forked child."""
        self._log.close()
