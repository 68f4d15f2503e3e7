"""The catalogue: which partitions there are and which marks they carry. Derived from the logs, and rebuildable.

Before a commit is written, its marks are appended to ``catalog.log`` without a sync. A scan brings the news into
``catalog.db``. An entry is an intent: it may be ahead of its commit, or of one that failed. So an entry counts only
when the partition's head agrees, and the last one known to be right is kept until a newer one is. Each intent says on
which version it was made: all that was announced between that and itself had failed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from holdall.contract import Head
from holdall.folders.forked import Opened
from holdall_file import intents
from holdall_file.entries import Entry, kind_of, known_after
from holdall_file.faults import Busy
from holdall_file.folder import Folder, lock_soon
from holdall_file.intents import GOING, HEADER, IDENTITY, Intent, begin, header_of, intents_in, new_header

__all__ = ["Catalog", "Position", "Row", "broken", "discard_database", "inode_of"]

_CHUNK = 1024 * 1024
_FORMAT = 2
_PAGE = 4096
_FILES = ("catalog.db-shm", "catalog.db-wal", "catalog.db")
_BROKEN = ("malformed", "not a database", "no such table", "file is encrypted")
_SCHEMA = """
DROP TABLE IF EXISTS rows;
DROP TABLE IF EXISTS merged;
CREATE TABLE rows (kind TEXT, score INT, name BLOB, version INT, PRIMARY KEY (kind, score, name, version)) WITHOUT ROWID;
CREATE INDEX by_name ON rows (name, kind);
CREATE TABLE merged (upto INT, start BLOB);
INSERT INTO merged VALUES (0, x'');
PRAGMA user_version = 2;
"""


class Row(NamedTuple):
    """An entry: ``name`` has ``score`` from ``version`` on, or (-``version``) had it then already."""

    score: int
    name: str
    version: int


class Position(NamedTuple):
    """How far the log with this first line is in the database."""

    header: bytes
    upto: int


def broken(error: BaseException) -> bool:
    """Whether it is the database itself that is damaged."""
    return isinstance(error, sqlite3.DatabaseError) and any(words in str(error) for words in _BROKEN)


def discard_database(folder: Folder, inode: int) -> None:
    """Remove a damaged database, unless another process has done so. Nobody opens one meanwhile. Raises ``Busy``."""
    log = folder.open("catalog.log", os.O_RDWR | os.O_CREAT)
    try:
        lock_soon(log.fd, fcntl.LOCK_EX)
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


def _cut(folder: Folder) -> bool:
    """Whether the database ends inside a page, and no log of it makes that good: SQLite might not notice."""
    size = os.stat("catalog.db", dir_fd=folder.fd, follow_symlinks=False).st_size
    return size % _PAGE != 0 and not _size_of(folder, "catalog.db-wal")


def _size_of(folder: Folder, name: str) -> int:
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_size
    except FileNotFoundError:  # who closed the database last, just now, removed it
        return 0


def _make(folder: Folder) -> None:
    """Make the database where there is none, private before SQLite sees it: what that puts beside it is as private.

    It is never opened under its own name here: a process that closes a file loses all the locks that SQLite has on it, and
    with them those of its other connections. Then another process takes itself for the last one, and removes what they write to.
    """
    if not folder.exists("catalog.db"):
        new = f"quarantine/catalog.{os.urandom(8).hex()}"  # what a crash leaves there goes in time
        folder.create(new).close()
        try:
            folder.link(new, "catalog.db")
        except FileExistsError:  # another process was quicker
            folder.unlink(new)
    for name in _FILES:
        with suppress(FileNotFoundError):
            if stat.S_ISLNK(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode):
                raise OSError(errno.ELOOP, f"{name} is a link")


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

    def __init__(self, folder: Folder, heads: Callable[[], Iterable[Head]], *, temporary: bool = False) -> None:
        """Raises ``Busy`` while another process has what it takes."""
        self._folder = folder
        self._heads = heads
        """All that there are, from the logs themselves."""
        self._log = folder.open("catalog.log", os.O_RDWR | os.O_CREAT)
        self.inode = 0
        self._opened: Opened | None = None
        if temporary:
            self._db = sqlite3.connect(":memory:", isolation_level=None)
            return
        try:
            lock_soon(self._log.fd, fcntl.LOCK_SH)  # held against the one who removes a damaged database
            _make(folder)
            self.inode = inode_of(folder)
            path = f"{folder.path}/catalog.db"
            self._opened = Opened(path)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._opened.close = self._db.close
        except BaseException:
            self._log.close()
            if self._opened is not None:
                self._opened.done()
            raise
        try:
            if _cut(folder):
                raise sqlite3.DatabaseError("malformed: it is cut short")  # noqa: TRY301 - closed like any other
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        except BaseException as error:
            self.close()
            if "database is locked" in str(error):  # of two who make it at once, SQLite lets one wait for nobody
                raise Busy from None
            raise
        fcntl.flock(self._log.fd, fcntl.LOCK_UN)

    @property
    def replaced(self) -> bool:
        """Whether the files have others in their place: the database was damaged, or somebody removed them."""
        return self.inode != 0 and (inode_of(self._folder) != self.inode or not os.fstat(self._log.fd).st_nlink)

    @property
    def complete(self) -> bool:
        """Whether it was ever filled."""
        return self._db.execute("PRAGMA user_version").fetchone()[0] == _FORMAT

    def rebuild(self) -> None:
        """Fill an empty catalogue."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self.complete:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                header = header_of(self._log)
                upto = self._take(0)
                self._put(self._heads())
                self._db.execute("UPDATE merged SET upto = ?, start = ?", (upto, header[:IDENTITY]))
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
        """Enter heads, in the place of all that is older."""
        for head in heads:
            name = head.partition.encode("utf-8", "surrogatepass")
            self._db.execute("DELETE FROM rows WHERE name = ? AND abs(version) <= ?", (name, head.version))
            rows = [("", 0, name, -head.version)]
            rows += [(kind_of(mark), score, name, -head.version) for mark, score in head.marks.items()]
            self._insert(rows)

    def _insert(self, rows: Iterable[tuple[str, int, bytes, int]]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)", rows)

    def merge(self) -> Position:
        """Bring in what was appended to the log since the last merge, by any process. Raises ``Busy``."""
        position = self._merged()
        if position is None or position.upto < os.fstat(self._log.fd).st_size:
            position = self._merge()
        if position.upto > intents.ROTATE:
            with suppress(Busy):  # it goes on growing while one who has it is stopped
                return self.rotate()
        return position

    def rotate(self) -> Position:
        """Empty the log. Nobody appends meanwhile; a new first line tells every process to start over. Raises ``Busy``."""
        self._db.execute("PRAGMA synchronous = FULL")  # what the log loses must be on the disk
        try:
            position = self._merge(empty=True)
        finally:
            self._db.execute("PRAGMA synchronous = NORMAL")
        os.fdatasync(self._log.fd)
        return position

    def _merge(self, *, empty: bool = False) -> Position:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            lock_soon(self._log.fd, fcntl.LOCK_EX if empty else fcntl.LOCK_SH)  # always after the database's
            header, position = header_of(self._log), self._merged()
            upto = self._take(0 if position is None else position.upto)
            if position is None and self._known() is not None:  # it was made from another log: who knows what it lacks
                self._put(self._heads())
            if empty:
                header, upto = new_header(), HEADER
            self._db.execute("UPDATE merged SET upto = ?, start = ?", (upto, header[:IDENTITY]))
            self._db.execute("COMMIT")
            if empty:
                begin(self._log, header)
        except BaseException:
            self._roll_back()
            raise
        finally:
            fcntl.flock(self._log.fd, fcntl.LOCK_UN)
        return Position(header, upto)

    def _known(self) -> tuple[bytes, int] | None:
        """Which log was merged, and how far; ``None``: none was."""
        row = self._db.execute("SELECT start, upto FROM merged").fetchone()
        if row is None or not isinstance(row[0], bytes) or not isinstance(row[1], int):
            raise sqlite3.DatabaseError("malformed: how much was merged is not there")
        return row if row[0] else None

    def _merged(self) -> Position | None:
        """How much of the log is in the database; ``None``: it is another log."""
        known, header = self._known(), header_of(self._log)
        if known is None or header[:IDENTITY] != known[0] or known[1] > os.fstat(self._log.fd).st_size:
            return None
        return Position(header, known[1])

    def _take(self, upto: int) -> int:
        size = os.fstat(self._log.fd).st_size
        while upto < size:  # the first line, where there is one, is none of the intents
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
        news: dict[str, list[Intent]] = {}
        for intent in intents_in(data):
            if intent[2] != GOING:
                news.setdefault(intent[0], []).append(intent)
        for name, found in news.items():
            self._enter_one(name.encode("utf-8", "surrogatepass"), found)

    def _enter_one(self, name: bytes, news: list[Intent]) -> None:
        # Left to itself SQLite takes the primary key, whose first column most rows share.
        query = "SELECT kind, score, version FROM rows INDEXED BY by_name WHERE name = ?"
        old: set[Entry] = set(self._db.execute(query, (name,)))
        entries = known_after(old, news)
        new = {entry for entry in entries if entry[1] is not None}
        self._db.executemany(
            "DELETE FROM rows WHERE kind = ? AND score = ? AND name = ? AND version = ?",
            [(kind, score, name, version) for kind, score, version in old - new],
        )
        self._insert([(kind, score or 0, name, version) for kind, score, version in new - old])

    def check(self) -> None:
        """Read all of the database; raises for one that is damaged where nobody has looked."""
        (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")

    def lacks(self, head: Head) -> bool:
        """Whether it does not have all that ``head`` says."""
        query = "SELECT kind, score FROM rows INDEXED BY by_name WHERE name = ?"
        rows = self._db.execute(query, (head.partition.encode("utf-8", "surrogatepass"),))
        return not {("", 0), *((kind_of(mark), score) for mark, score in head.marks.items())}.issubset(rows)

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
            if self._opened is not None:
                self._opened.done()
        finally:
            self._log.close()
