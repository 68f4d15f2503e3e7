"""The file of an index, and what becomes of it: it may be deleted, or damaged, while processes have it open.

Every file has a name of its own, made once: so that closing one that was deleted cannot touch the one that took its place.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from holdall.errors import StorageBusy, StorageError
from holdall.folders import private_folder, typed
from holdall.folders.forked import Opened, using
from holdall_fts.locking import locked

__all__ = ["Database"]

log = logging.getLogger("holdall.search")
T = TypeVar("T")
_FORMAT = 3
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
"""The last one is said where a process that opens the file is stopped."""
_PATIENCE = 30.0
"""Seconds to wait for another process that writes, or makes the file."""
_SCHEMA = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, edition INTEGER NOT NULL, changed INTEGER NOT NULL,
    owner TEXT NOT NULL, project TEXT, tags TEXT NOT NULL, stale INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX projects ON sessions (project) WHERE project IS NOT NULL;
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, branch TEXT NOT NULL, first INTEGER NOT NULL,
    stop INTEGER NOT NULL, rewritten INTEGER NOT NULL, UNIQUE (session, branch)
);
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, docs INTEGER NOT NULL, dead BLOB NOT NULL, words INTEGER NOT NULL,
    oldest INTEGER NOT NULL, newest INTEGER NOT NULL, row INTEGER NOT NULL, rows INTEGER NOT NULL,
    columns BLOB NOT NULL, blocks BLOB NOT NULL, filter BLOB NOT NULL
);
CREATE TABLE blocks (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE walked (
    one INTEGER PRIMARY KEY, mark INTEGER, score INTEGER, partition TEXT, whole INTEGER NOT NULL
);
INSERT INTO walked VALUES (1, NULL, NULL, NULL, 0);
"""


class Database:
    """The one file in ``folder`` that is the index now."""

    def __init__(self, folder: Path) -> None:
        try:
            self.folder = private_folder(folder)
        except OSError as error:
            raise typed(error, f"the search index's folder {folder}") from error
        self._file: Path | None = None
        self._seen: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._opened: Opened | None = None

    def reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` returns, which sees one moment."""
        return self._mended(lambda: self._inside("BEGIN", work))

    def writing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` returns, which changes all that it changes, or nothing."""
        return self._mended(lambda: self._inside("BEGIN IMMEDIATE", work))

    def emptied(self) -> None:
        """Write the file anew, for pages keep copies of what was moved within them, and leave nothing in its log."""
        self._mended(lambda: self._open().execute("VACUUM").fetchall())
        busy = self._mended(lambda: self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        if busy:
            raise StorageBusy("the search index is being read by another process: what was erased is still in its log")

    def shrunk(self) -> None:
        """Give back what the file does not need any more."""
        self._mended(lambda: self._open().execute("PRAGMA incremental_vacuum").fetchall())
        self._mended(lambda: self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    def close(self) -> None:
        """Let the file go."""
        with using():
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._opened is not None:
                self._opened.done()
                self._opened = None

    def _inside(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._open()
        connection.execute(begin)
        try:
            found = work(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return found

    def _mended(self, work: Callable[[], T]) -> T:
        """What ``work`` returns; where the file turns out to be damaged, of a new and empty one."""
        try:
            with using():
                return self._repeated(work)
        except (sqlite3.Error, OSError) as error:
            raise _told(error) from error

    def _repeated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.DatabaseError, ValueError, zlib.error) as error:
            if isinstance(error, sqlite3.Error) and _code(error) not in _DAMAGED:
                raise
            log.error("the search index is damaged, and made anew: %s", error)  # noqa: TRY400 - it says it all
        self._lose()
        return work()

    def _open(self) -> sqlite3.Connection:
        """The connection to the file that is there now."""
        if self._connection is not None and self._seen is not None and self._seen == _identity(self._file):
            return self._connection
        self.close()
        private_folder(self.folder)
        with self._locked():
            self._file = min(self.folder.glob("index-*.db"), default=None)
            if self._file is None:
                for rest in self.folder.glob("index-*"):
                    rest.unlink()
                self._file = self._made()
        self._opened = Opened(str(self._file))
        self._opened.close = self.close
        self._connection = _connected(self._file)
        self._seen = _identity(self._file)
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found != _FORMAT:
            self._lose()
            return self._open()
        return self._connection

    def _made(self) -> Path:
        """A new file, which is whole when it gets its name."""
        name = f"index-{secrets.token_hex(8)}"
        made = self.folder / f"{name}.new"
        opened = Opened(str(made))
        connection = sqlite3.connect(made, isolation_level=None)
        try:
            made.chmod(0o600)
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_FORMAT}; COMMIT;")
        finally:
            connection.close()
            opened.done()
        return made.rename(self.folder / f"{name}.db")

    def _lose(self) -> None:
        """Delete the file: all of it can be had again."""
        self.close()
        with self._locked():
            if self._file is not None:  # its name was made once: what is there of that name is what was damaged
                for rest in self.folder.glob(f"{self._file.stem}.*"):
                    rest.unlink()

    @contextmanager
    def _locked(self) -> Generator[None]:
        try:
            with locked(self.folder / "lock", _PATIENCE):
                yield
        except BlockingIOError:
            raise StorageBusy("the search index is being made by another process") from None


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # after a power cut it is what it was before, and whole
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA cache_size = -16384")
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(file: Path | None) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = os.stat(file or "")  # noqa: PTH116 - on the way of every call
        return found.st_dev, found.st_ino
    return None


def _code(error: Exception) -> int:
    """What SQLite calls it; 0: it was not SQLite who said so."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _told(error: Exception) -> StorageError:
    if _code(error) in _BUSY:
        return StorageBusy("the search index is being written by another process")
    return typed(error, "the search index")
