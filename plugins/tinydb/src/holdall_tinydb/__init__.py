"""Sessions in one TinyDB file, for small stores that a person wants to read."""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from errno import EAGAIN
from pathlib import Path
from typing import Any
from zlib import crc32

from pydantic import BaseModel
from tinydb.storages import MemoryStorage
from tinydb.table import Table

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Head, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, StorageBusy, StorageFull, StorageUnavailable
from holdall.folders import private_folder, typed
from holdall.hooks import StorageOffer, hookimpl

_CHECKED, _DEEP = b'{"crc32":"%08x",', 500  # a record that nests deeper might be too deep for another reader
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class TinyDBSettings(BaseModel, extra="forbid"):
    """``[storage.options]`` of ``tinydb``."""

    path: Path
    max_bytes: int = 32 * 2**20


class TinyDBSessionStorage(MemoryStorage, BlockingSessionStorage):
    """TinyDB's tables in memory, a document for each partition; and the one file that is made of them."""

    def __init__(self, settings: TinyDBSettings) -> None:
        self._now, self._before, self._new = (
            settings.path.expanduser() / f"sessions{at}.json" for at in ("", ".before", ".new")
        )
        self._limit, self._owner = settings.max_bytes, os.getpid()
        self.memory: Any = {"sessions": {}}
        self._table: Any = Table(self, "sessions")
        self._table.document_id_class = str
        with self._whole(), ExitStack() as undo:
            folder = self._folder = os.open(private_folder(settings.path), os.O_RDONLY)
            self.close = undo.callback(lambda: os.close(folder))
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(folder)  # which the last replacement may have lacked
            if self._now.exists() or self._before.exists():
                if (data := self._now.read_bytes())[:20] != _CHECKED % crc32(data[20:]):
                    raise Damaged(str(self._now), f"its checksum does not match; {self._before.name} is one step older")
                self.memory = json.loads(data)
            undo.pop_all()

    def read(self) -> dict[str, Any]:
        """The tables, for TinyDB."""
        if self._owner != os.getpid():
            raise StorageUnavailable("sessions.json must be opened again: after a fork, or a failed replacement")
        return self.memory

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        if (document := self._table.get(doc_id=partition)) is None:
            return None
        head = Head.from_json(_json(document["head"]))
        found = [((lane, at), document["records"][f"{lane}:{at}"]) for lane, at in head.addresses(spans)]
        return Snapshot(head, {at: b64decode(r) if isinstance(r, str) else _json(r).encode() for at, r in found})

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Look at every head, for the next ones of the walk."""
        mark, last = scan.mark, scan.after and (scan.after[0], scan.after[1].encode())
        heads = ((document.doc_id.encode(), document["head"]["marks"]) for document in self._table)
        walk = ((marks.get(mark, 0), name) for name, marks in heads if mark is None or mark in marks)
        rest = (step for step in walk if not last or (step < last if scan.descending else step > last))
        found = sorted(rest, reverse=scan.descending)[: scan.limit]
        return [each for _, name in found if (each := self.load(name.decode(), *scan.spans))]

    def drop(self, partition: str, *, expect: int) -> None:
        """Commit that it is not there."""
        self.commit(Commit(partition, expect, version=0, changed=0))

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for conflict in filter(None, self.commit_many([commit])):
            raise conflict

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[Conflict | None]:
        """All with one new file; a conflict is found before anything of its commit is done."""
        with self._whole():
            outcomes = [self._commit(commit) for commit in commits]
            if None in outcomes:
                data = b'"sessions":{%b}}\n' % ",".join(f"\n{_json({r.doc_id: r})[1:-1]}" for r in self._table).encode()
                if len(data) > max(self._limit, self._now.stat().st_size if self._now.exists() else 0):
                    raise StorageFull(f"sessions.json would be {len(data):,} bytes; max_bytes is {self._limit:,}")
                with os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    file.write(_CHECKED % crc32(data) + data)
                    file.flush()
                    os.fsync(file.fileno())  # tried once: when it fails, this file is never used
                self._before.unlink(missing_ok=True)
                if self._now.exists() and all(commit.version for commit in commits):
                    self._before.hardlink_to(self._now)
                self._owner = 0  # when this fails, only a new opening can tell which of the two there is
                self._new.replace(self._now)
                os.fsync(self._folder)
                self._owner = os.getpid()
        return outcomes

    def _commit(self, commit: Commit) -> Conflict | None:
        document: Any = self._table.get(doc_id=commit.partition) or {"records": {}}
        old = Head.from_json(_json(document["head"])) if "head" in document else Head(commit.partition, 0, 0)
        if old.version != commit.expect:
            return Conflict(old.partition, expected=commit.expect, found=old.version)
        new = commit.onto(old)
        lost = [Span(lane) for lane in old.lanes if lane not in new.lanes]
        gone = {f"{lane}:{at}" for lane, at in (*commit.erased(), *old.addresses(lost))}
        records = {name: record for name, record in document["records"].items() if name not in gone}
        records |= {f"{lane}:{at}": _readable(data) for (lane, at), data in commit.write.items()}
        self._table.remove(doc_ids=[commit.partition] if old.version else [])
        document = self._table.document_class({"head": json.loads(new.to_json()), "records": records}, old.partition)
        self._table.insert_multiple([document] if new.version else [])
        return None

    @contextmanager
    def _whole(self) -> Generator[None]:
        before = dict(self.read())
        try:
            yield
        except BaseException as error:
            self.memory = before
            if not isinstance(error, OSError):
                raise
            if error.errno == EAGAIN:
                raise StorageBusy(f"{self._now}: another process has it open") from error
            raise typed(error, str(self._now)) from error


def _readable(raw: bytes) -> Any:
    with suppress(ValueError):
        plain = raw[:1] == b"{" and raw.count(b"[") + raw.count(b"{") < _DEEP
        if plain and _json(value := json.loads(raw)).encode() == raw:
            return value
    return b64encode(raw).decode()


@hookimpl
def holdall_storages() -> list[StorageOffer[TinyDBSettings]]:
    """Register ``tinydb``."""
    about = "tinydb", "one readable file; a commit costs 129 ms at 5,000 sessions", TinyDBSettings, TinyDBSessionStorage
    return [StorageOffer(*about, Abilities(Durability.POWER), lambda folder: {"path": str(folder / "data")})]
