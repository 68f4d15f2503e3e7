"""Sessions in one TinyDB file, for small stores that a person wants to read."""

import json
from base64 import b64decode, b64encode
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tinydb import TinyDB
from tinydb.table import Document, Table

from holdall.contract import Abilities, Address, BlockingSessionStorage, Commit, Durability, Head, Scan, Snapshot, Span
from holdall.errors import Conflict
from holdall.hooks import StorageOffer, hookimpl
from holdall_tinydb.file import WholeFile, compact


class TinyDBSettings(BaseModel, extra="forbid"):
    """``[storage.options]`` of ``tinydb``."""

    path: Path
    max_bytes: int = 32 * 2**20


class _Partition(Table):
    document_id_class: Any = str


class _Database(TinyDB):
    table_class = _Partition


class TinyDBSessionStorage(BlockingSessionStorage):
    """A table for each partition, a document for its head and for each record."""

    def __init__(self, settings: TinyDBSettings) -> None:
        self._db = _Database(settings.path, settings.max_bytes, storage=WholeFile)
        self._file: WholeFile = self._db.storage
        self._heads = {
            name: Head.from_json(compact(self._db.table(name).get(doc_id="head"))) for name in self._db.tables()
        }
        self.close = self._db.close

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        self._file.read()
        return self._snapshot(self._heads[partition], spans) if partition in self._heads else None

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for conflict in filter(None, self.commit_many([commit])):
            raise conflict

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[Conflict | None]:
        """All with one write of the file; a conflict is found before anything of its commit is done."""
        heads = ChainMap[str, Head]({}, self._heads)
        with self._file.saving():
            outcomes = [self._commit(commit, heads) for commit in commits]
        self._heads.update(heads.maps[0])
        return outcomes

    def drop(self, partition: str, *, expect: int) -> None:
        """Compare, then drop the table; no generation of the file keeps it."""
        Commit(partition, expect, 0, 0).onto(self._heads.get(partition))
        with self._file.saving(forget=True):
            self._db.drop_table(partition)
        self._heads.pop(partition, None)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Look at every head, for the next ones of the walk."""
        self._file.read()
        scores = {name: head.marks.get(scan.mark) if scan.mark is not None else 0 for name, head in self._heads.items()}
        walk = [(score, name.encode(), name) for name, score in scores.items() if score is not None]
        if scan.after:
            last = (scan.after[0], scan.after[1].encode())
            walk = [step for step in walk if (step[:2] < last if scan.descending else step[:2] > last)]
        found = (nlargest if scan.descending else nsmallest)(scan.limit, walk)
        return [self._snapshot(self._heads[name], scan.spans) for _, _, name in found]

    def _commit(self, commit: Commit, heads: MutableMapping[str, Head]) -> Conflict | None:
        old = heads.get(commit.partition, Head(commit.partition, version=0, changed=0))
        try:
            new = heads[commit.partition] = commit.onto(old)
        except Conflict as conflict:
            return conflict
        lost = [Span(lane) for lane in old.lanes if lane not in new.lanes]
        gone = [_name(address) for address in (*commit.erased(), *old.addresses(lost))]
        documents = {_name(address): _readable(data) for address, data in commit.write.items()}
        documents["head"] = json.loads(new.to_json())
        table = self._db.table(commit.partition)
        table.remove(doc_ids=[name for name in {*gone, *documents} if table.contains(doc_id=name)])
        table.insert_multiple(Document(document, doc_id=name) for name, document in documents.items())
        return None

    def _snapshot(self, head: Head, spans: Sequence[Span]) -> Snapshot:
        table = self._db.table(head.partition)
        return Snapshot(head, {at: _bytes(table.get(doc_id=_name(at))) for at in head.addresses(spans)})


def _name(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _readable(data: bytes) -> dict[str, Any]:
    """JSON where that gives back the very bytes. What nests deeply is kept as text: a reader might have no room."""
    try:
        text = data.decode()
        if data.count(b"[") + data.count(b"{") < 500 and compact(value := json.loads(text)) == text:
            return {"json": value}
        return {"text": text}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}
    except ValueError:
        return {"text": text}


def _bytes(document: Mapping[str, Any]) -> bytes:
    ((form, value),) = document.items()
    return b64decode(value) if form == "base64" else (value if form == "text" else compact(value)).encode()


@hookimpl
def holdall_storages() -> list[StorageOffer[TinyDBSettings]]:
    """Register ``tinydb``."""
    return [
        StorageOffer(
            name="tinydb",
            summary="one readable JSON file, for small stores with one process",
            settings=TinyDBSettings,
            open=TinyDBSessionStorage,
            abilities=Abilities(Durability.POWER),
            sandbox=lambda folder: {"path": str(folder / "sessions")},
        )
    ]
