"""Sessions in a diskcache directory, which many processes may share."""
# pyright: reportMissingTypeStubs=false, reportUntypedBaseClass=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from diskcache import Cache, Disk, Timeout
from pydantic import BaseModel

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Head, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, StorageError, StorageFull, StorageUnavailable
from holdall.folders import private_folder
from holdall.hooks import StorageOffer, hookimpl

_KEEP = {"eviction_policy": "none", "cull_limit": 0, "size_limit": 2**62, "disk_min_file_size": 2**62, "statistics": 0}
_SAFE = {"sqlite_journal_mode": "wal", "sqlite_mmap_size": 0, "sqlite_secure_delete": 1, "disk_pickle_protocol": 99}
_RANGE = "SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1 ORDER BY key {} LIMIT ?"


class DiskcacheSettings(BaseModel, extra="forbid"):
    """``[storage.options]`` of ``diskcache``."""

    path: Path
    durability: Literal["process", "power"] = "power"


class _CheckedBytes(Disk):  # nothing is pickled (there is no protocol 99) or unpickled: CVE-2025-69872
    def get(self, key: Any, raw: Any) -> Any:
        return key if raw else None

    def store(self, value: Any, read: Any, key: Any = None) -> Any:
        return super().store(crc32(value).to_bytes(4, "big") + value, read, key)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:  # noqa: ARG002 - the names are diskcache's
        good = (mode, type(value)) == (1, bytes) and value[:4] == crc32(value[4:]).to_bytes(4, "big")
        return value[4:] if good else None


class DiskcacheSessionStorage(Cache, BlockingSessionStorage):
    """A cache with a cell for each head, mark and record. A batch of commits is one transaction over cells."""

    def __init__(self, settings: DiskcacheSettings) -> None:
        wanted: dict[str, Any] = _KEEP | _SAFE | {"sqlite_synchronous": 2 if settings.durability == "power" else 1}
        with _typed_errors(), ExitStack() as undo:
            folder = private_folder(Path(os.path.expandvars(settings.path)))  # diskcache expands them too
            undo.callback(self.close)
            super().__init__(str(folder), disk=_CheckedBytes, **wanted)
            found = {name: self.reset(name) for name in wanted}  # they persist in the file, where others may set them
            if found != wanted or self._sql("PRAGMA journal_mode").fetchone() != ("wal",):
                raise StorageUnavailable(f"{folder} does not take the settings {wanted}")
            for file in folder.glob("cache.db*"):
                file.chmod(0o600)
            undo.pop_all()

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        with _typed_errors(), self._con, closing(self._sql("BEGIN")):  # readers wait for nobody
            return self._snapshot(partition, spans)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Read the next keys of the walk, then what they name."""
        walk = ("head", "") if scan.mark is None else ("mark", scan.mark)
        low, high = _key(*walk, -(2**63), ""), _key(*walk, 2**63 - 1, "\U0010ffff" * 51)  # longer than any name
        if scan.after:
            last = _key(*walk, *scan.after)
            low, high = (low, last) if scan.descending else (last + "\0", high)
        with _typed_errors(), self._con, closing(self._sql("BEGIN")):
            rows = self._sql(_RANGE.format("DESC" if scan.descending else "ASC"), (low, high, scan.limit)).fetchall()
            return [found for (key,) in rows if (found := self._snapshot(key[len(_key(*walk, 0, "")) :], scan.spans))]

    def drop(self, partition: str, *, expect: int) -> None:
        """Commit that it is not there."""
        self.commit(Commit(partition, expect, version=0, changed=0))

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for conflict in filter(None, self.commit_many([commit])):
            raise conflict

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[Conflict | None]:
        """All in one transaction; a conflict is found before anything of its commit is written."""
        with _typed_errors(), self._con, self.transact():  # the connection ends what a failed COMMIT leaves open
            return [self._commit(self._head(commit.partition), commit) for commit in commits]

    def _commit(self, old: Head, commit: Commit) -> Conflict | None:
        if old.version != commit.expect:
            return Conflict(old.partition, expected=commit.expect, found=old.version)
        new = commit.onto(old)
        lost = [Span(lane) for lane in old.lanes if not new.version or lane not in new.lanes]
        gone = [_key("record", old.partition, at, lane) for lane, at in (*commit.erased(), *old.addresses(lost))]
        written = {_key("record", old.partition, at, lane): data for (lane, at), data in commit.write.items()}
        before, after = _index(old), _index(new) | written
        for key in {*before, *gone}.difference(after):
            self.delete(key)
        for key, data in after.items() - before.items():
            self.set(key, data)
        return None

    def _snapshot(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        head = self._head(partition)
        keys = {(lane, at): _key("record", partition, at, lane) for lane, at in head.addresses(spans)}
        return Snapshot(head, {address: self._read(key) for address, key in keys.items()}) if head.version else None

    def _head(self, partition: str) -> Head:
        found = self._read(_key("head", "", 0, partition), missing=b"")
        return Head.from_json(found) if found else Head(partition, version=0, changed=0)

    def _read(self, key: str, missing: bytes | None = None) -> Any:
        if (found := self.get(key, missing)) is None:
            raise Damaged(key, "it is missing, or not what was written")
        return found


@contextmanager
def _typed_errors() -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, Timeout, OSError) as error:
        cause: BaseException = error  # diskcache hides it behind a Timeout, or behind a rollback that fails
        while getattr(cause, "sqlite_errorcode", 1) == 1 and cause.__context__:
            cause = cause.__context__
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Damaged("cache.db", str(cause)) from error
        kinds = {sqlite3.SQLITE_FULL: StorageFull, sqlite3.SQLITE_BUSY: StorageUnavailable}
        raise kinds.get(code, StorageError)(f"cache.db: {cause}") from error


def _key(kind: str, group: str, number: int, name: str) -> str:
    return f"{kind} {len(group)}:{group} {number + 2**63:016x} {name}"


def _index(head: Head) -> dict[str, bytes]:
    marks = {_key("mark", mark, score, head.partition): b"" for mark, score in head.marks.items()}
    return marks | {_key("head", "", 0, head.partition): head.to_json().encode()} if head.version else {}


@hookimpl
def holdall_storages() -> list[StorageOffer[DiskcacheSettings]]:
    """Register ``diskcache``."""
    modes = {each.label: Abilities(each, shared=True) for each in (Durability.PROCESS, Durability.POWER)}
    about = "diskcache", "a diskcache directory, for many processes", DiskcacheSettings, DiskcacheSessionStorage
    return [StorageOffer(*about, modes["power"], lambda at: {"path": str(at / "data")}, lambda s: modes[s.durability])]
