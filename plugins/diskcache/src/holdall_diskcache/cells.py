"""A diskcache of checked bytes under text keys, which drops nothing by itself and finds keys in their order."""
# pyright: reportMissingTypeStubs=false, reportUntypedBaseClass=false, reportUnknownMemberType=false

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from diskcache import Cache, Disk, Timeout

from holdall.errors import Damaged, StorageError, StorageFull, StorageUnavailable

_KEEP = {"eviction_policy": "none", "cull_limit": 0, "size_limit": 2**62, "disk_min_file_size": 2**62, "statistics": 0}
_SAFE = {"sqlite_journal_mode": "wal", "sqlite_mmap_size": 0, "sqlite_secure_delete": 1, "disk_pickle_protocol": 99}
_RANGE = "SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1 ORDER BY key"
_KINDS = dict.fromkeys((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), partial(Damaged, "cache.db"))
_KINDS |= {sqlite3.SQLITE_FULL: StorageFull, sqlite3.SQLITE_IOERR: StorageError}


class _NoPickle(Disk):  # CVE-2025-69872; there is no protocol 99, so that nothing is pickled either
    def get(self, key: Any, raw: Any) -> Any:
        return key if raw else ""

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> bytes:  # noqa: ARG002 - diskcache's names
        return value if mode == 1 and type(value) is bytes else b""  # which fails its checksum


class Cells(Cache):
    """The open cache."""

    def __init__(self, path: Path, **settings: Any) -> None:
        folder = Path(os.path.expandvars(path.expanduser())).absolute()  # as diskcache would
        folder.mkdir(0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o022:
            raise StorageUnavailable(f"{folder} must belong to who runs this, and be writable by nobody else")
        wanted = _KEEP | _SAFE | settings
        with _typed_errors():
            super().__init__(str(folder), disk=_NoPickle, **wanted)
            found = {name: self.reset(name) for name in wanted}  # they persist in the file, where others may set them
            found["sqlite_journal_mode"] = self._sql("PRAGMA journal_mode").fetchone()[0]
        if found != wanted:
            raise StorageUnavailable(f"{folder} keeps the settings {found}, but needs {wanted}")
        for file in (folder, *folder.glob("cache.db*")):
            file.chmod(0o700 if file == folder else 0o600)

    @contextmanager
    def moment(self, *, write: bool = False) -> Generator[None]:
        """One transaction: readers wait for nobody; what is written is whole, and synced, when this ends."""
        with _typed_errors(), self._con:  # which also ends what a failed COMMIT of diskcache leaves open
            self._sql("SELECT 1" if write else "BEGIN")
            with self.transact() if write else nullcontext():
                yield

    def between(self, low: str, high: str, limit: int, *, descending: bool) -> list[str]:
        """Keys from ``low`` up to, not including, ``high``, as their UTF-8 bytes compare."""
        return [key for (key,) in self._sql(f"{_RANGE} {'DESC' if descending else 'ASC'} LIMIT ?", (low, high, limit))]

    def read(self, key: str, missing: bytes | None = None) -> bytes:
        """What was written under ``key``, or else ``missing``; without one, or if it changed, it is damaged."""
        sealed: Any = self.get(key, b"" if missing is None else _sealed(key, missing))
        if sealed != _sealed(key, sealed[4:]):
            raise Damaged(key, "it is missing, or not what was written")
        return sealed[4:]

    def write(self, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, behind a checksum of both."""
        self.set(key, _sealed(key, data))


def _sealed(key: str, data: bytes) -> bytes:
    return crc32(data, crc32(key.encode())).to_bytes(4, "big") + data


@contextmanager
def _typed_errors() -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, Timeout) as error:
        cause: BaseException = error  # diskcache hides it behind a Timeout, or behind a rollback that fails
        while getattr(cause, "sqlite_errorcode", 1) == 1 and cause.__context__:
            cause = cause.__context__
        kind = _KINDS.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, StorageUnavailable)
        raise kind(f"cache.db: {cause}") from error
