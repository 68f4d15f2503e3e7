"""Sessions in one TinyDB file, for small stores that a person wants to read."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import errno
import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any
from zlib import crc32

from pydantic import BaseModel
from tinydb.storages import Storage
from tinydb.table import Document, Table

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Head, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, StorageBusy, StorageError, StorageFull, StorageUnavailable
from holdall.hooks import StorageOffer, hookimpl

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class TinyDBSettings(BaseModel, extra="forbid"):
    """``[storage.options]`` of ``tinydb``."""

    path: Path
    max_bytes: int = 32 * 2**20


@contextmanager
def _typed_errors() -> Generator[None]:
    try:
        yield
    except OSError as error:
        kinds = {errno.ENOSPC: StorageFull, errno.EDQUOT: StorageFull, errno.EWOULDBLOCK: StorageBusy}
        raise kinds.get(error.errno or 0, StorageError)(f"sessions.json: {error}") from error


class _File(Storage):
    """TinyDB's tables in memory, and the one file that ``replace`` makes of them. The lock is on its folder."""

    @_typed_errors()
    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.now, self.before, self.new = (folder / f"sessions{each}.json" for each in ("", ".before", ".new"))
        self.max_bytes, self.owner = max_bytes, os.getpid()
        folder.mkdir(0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o022:
            raise StorageUnavailable(f"{folder} must belong to who runs this, and be writable by nobody else")
        folder.chmod(0o700)
        self.folder = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self.folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(self.folder)  # the last replacement may have lacked it
            self.tables = self._load() if self.now.exists() or self.before.exists() else {}
        except BaseException:
            self.close()
            raise

    def _load(self) -> dict[str, Any]:
        data = self.now.read_bytes() if self.now.exists() else b""
        if data != _sealed(data[20:]):
            raise Damaged(
                str(self.now), f"its checksum does not match; {self.before.name} is as it was a commit before"
            )
        return {"sessions": json.loads(data)["sessions"]}

    def read(self) -> dict[str, Any]:
        """A copy that TinyDB may change."""
        if self.owner != os.getpid():
            raise StorageUnavailable("sessions.json must be opened again: after a fork, or a failed replacement")
        return dict(self.tables)

    def write(self, data: dict[str, Any]) -> None:
        """Take what TinyDB changed."""
        self.tables = data

    def close(self) -> None:
        """Let others open the file."""
        os.close(self.folder)

    def replace(self, *, keep: bool) -> None:
        """Write the tables to a new file and put it in place of the old, which is kept once more, or not at all."""
        rows = ",\n".join(f"{_json(name)}:{_json(row)}" for name, row in self.tables["sessions"].items())
        data = _sealed(f'"sessions":{{\n{rows}\n}}}}\n'.encode())
        if len(data) > max(self.max_bytes, self.now.stat().st_size if self.now.exists() else 0):
            raise StorageFull(f"sessions.json would be {len(data):,} bytes; max_bytes is {self.max_bytes:,}")
        with self.new.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # tried once: when it fails, this file is never used
        self.before.unlink(missing_ok=True)
        if self.now.exists() and keep:
            self.before.hardlink_to(self.now)
        self.owner = 0  # when this fails, only a new opening can tell which of the two there is
        self.new.replace(self.now)
        os.fsync(self.folder)
        self.owner = os.getpid()


class TinyDBSessionStorage(BlockingSessionStorage):
    """A document for each partition, with its head and its records."""

    def __init__(self, settings: TinyDBSettings) -> None:
        self._file = _File(settings.path, settings.max_bytes)
        self._table: Any = Table(self._file, "sessions")
        self._table.document_id_class = str
        self.close = self._file.close

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        document = self._table.get(doc_id=partition)
        return None if document is None else _snapshot(document, spans)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Look at every head, for the next ones of the walk."""
        scored = ((each["head"]["marks"].get(scan.mark) if scan.mark is not None else 0, each) for each in self._table)
        walk = [(score, each["head"]["partition"].encode(), each) for score, each in scored if score is not None]
        if scan.after:
            last = (scan.after[0], scan.after[1].encode())
            walk = [step for step in walk if (step[:2] < last if scan.descending else step[:2] > last)]
        found = (nlargest if scan.descending else nsmallest)(scan.limit, walk)
        return [_snapshot(document, scan.spans) for _, _, document in found]

    def drop(self, partition: str, *, expect: int) -> None:
        """Commit that it is not there."""
        self.commit(Commit(partition, expect, version=0, changed=0))

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for conflict in filter(None, self.commit_many([commit])):
            raise conflict

    @_typed_errors()
    def commit_many(self, commits: Sequence[Commit]) -> Sequence[Conflict | None]:
        """All with one new file; a conflict is found before anything of its commit is done."""
        old = self._file.tables
        try:
            outcomes = [self._commit(commit) for commit in commits]
            if None in outcomes:
                self._file.replace(keep=all(commit.version for commit in commits))
        except BaseException:
            self._file.tables = old  # which is what the disk still holds
            raise
        return outcomes

    def _commit(self, commit: Commit) -> Conflict | None:
        document = self._table.get(doc_id=commit.partition)
        old = _head(document) if document else Head(commit.partition, version=0, changed=0)
        try:
            new = commit.onto(old)
        except Conflict as conflict:
            return conflict
        lost = [Span(lane) for lane in old.lanes if lane not in new.lanes]
        gone = {f"{lane}:{at}" for lane, at in (*commit.erased(), *old.addresses(lost))}
        records = {
            name: record for name, record in (document or {"records": {}})["records"].items() if name not in gone
        }
        records |= {f"{lane}:{at}": _readable(data) for (lane, at), data in commit.write.items()}
        if document:
            self._table.remove(doc_ids=[commit.partition])
        if new.version:
            self._table.insert(Document({"head": json.loads(new.to_json()), "records": records}, commit.partition))
        return None


def _sealed(data: bytes) -> bytes:
    return b'{"crc32":"%08x",' % crc32(data) + data


def _head(document):
    return Head.from_json(_json(document["head"]))


def _snapshot(document: Mapping[str, Any], spans: Sequence[Span]) -> Snapshot:
    head = _head(document)
    records = {(lane, at): _bytes(document["records"][f"{lane}:{at}"]) for lane, at in head.addresses(spans)}
    return Snapshot(head, records)


def _readable(data: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        if data.count(b"[") + data.count(b"{") < 500 and _json(value := json.loads(data)).encode() == data:
            return {"json": value}
    return {"base64": b64encode(data).decode()}


def _bytes(record: Mapping[str, Any]) -> bytes:
    return _json(record["json"]).encode() if "json" in record else b64decode(record["base64"])


@hookimpl
def holdall_storages() -> list[StorageOffer[TinyDBSettings]]:
    """Register ``tinydb``."""
    about = "tinydb", "one readable file, for small stores of one process", TinyDBSettings, TinyDBSessionStorage
    return [StorageOffer(*about, Abilities(Durability.POWER), lambda folder: {"path": str(folder / "sessions")})]
