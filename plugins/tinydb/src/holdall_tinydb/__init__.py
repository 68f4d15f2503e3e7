"""Sessions in one TinyDB file, for small stores that a person wants to read."""

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tinydb.storages import MemoryStorage
from tinydb.table import Table

from holdall.contract import Abilities, BatchSessionStorage, Commit, Durability, Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged, StorageFull, StorageUnavailable
from holdall.folders import ReplacedFile, Reserve, typed
from holdall.folders.sheet import Sheet, document_after, load_sheet, snapshot_of, write_sheet
from holdall.hooks import StorageOffer, hookimpl


class TinyDBSettings(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """``[storage.options]`` of ``tinydb``."""

    path: Path
    """The folder; it is made when missing."""
    max_bytes: int = 32 * 2**20
    """The ceiling: a commit that would make the file larger is refused."""


class TinyDBSessionStorage(MemoryStorage, BatchSessionStorage):
    """TinyDB's tables in memory, a document for each partition; and the one file that is made of them."""

    def __init__(self, settings: TinyDBSettings) -> None:
        self._limit, self._owner = settings.max_bytes, os.getpid()
        self.memory: Any = {}
        self._table: Any = Table(self, "sessions")
        self._table.document_id_class = str
        with _typed_errors(settings.path), ExitStack() as undo:
            self._file = ReplacedFile(settings.path, "sessions")
            self._folder, self.close = self._file.fd, undo.callback(self._file.close)
            self._sheet = load_sheet(self._file)
            self.memory = {"sessions": self._sheet.documents}
            self._reserve = Reserve(self._file.path.parent, max(2**16, self._file.size * 5 // 4))
            self._reserve.fill()
            undo.pop_all()

    def read(self) -> dict[str, Any]:
        """The tables, for TinyDB."""
        if self._owner != os.getpid() or self._file.undecided:
            raise StorageUnavailable("sessions.json must be opened again: after a fork, or a failed replacement")
        return self.memory

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        document = self._document(partition)
        return None if document is None else snapshot_of(partition, document, spans)

    def _document(self, partition: str) -> Any:
        if partition in self._sheet.headless:
            raise Damaged(partition, "its head is not what was written")
        return self._table.get(doc_id=partition)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Look at every head, for the next ones of the walk."""
        mark, last = scan.mark, scan.after and (scan.after[0], scan.after[1].encode())
        heads = ((document.doc_id.encode(), document["head"]["marks"]) for document in self._table)
        walk = ((marks.get(mark, 0), name) for name, marks in heads if mark is None or mark in marks)
        rest = (step for step in walk if not last or (step < last if scan.descending else step > last))
        found = (self._listed(name.decode(), scan.spans) for _, name in sorted(rest, reverse=scan.descending))
        return list(islice(filter(None, found), scan.limit))

    def _listed(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        with suppress(Damaged):  # ``faults`` tells of it
            return self.load(partition, *spans)
        return None

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """All with one new file; a conflict is found before anything of its commit is done."""
        return self._reserve.commit_many(commits, self._commit_many)

    def _commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        with self._whole():
            outcomes = [self._commit(commit) for commit in commits]
            if None in outcomes:
                self._write(self._sheet.headless, keep=all(commit.version for commit in commits))
        return outcomes

    def _write(self, headless: dict[str, Any], *, keep: bool) -> None:
        data = write_sheet([*((each.doc_id, each) for each in self._table), *headless.items()])
        if len(data) > max(self._limit, self._file.size):
            raise StorageFull(f"sessions.json would be {len(data):,} bytes; max_bytes is {self._limit:,}")
        self._file.replace(data, keep=keep)
        if len(data) > self._reserve.size:
            self._reserve.size = len(data) * 5 // 4
            self._reserve.fill()

    def faults(self) -> Sequence[str]:
        """What of the file was not what was written."""
        return self._sheet.lost()

    def purge(self, partition: str) -> Sequence[str]:  # noqa: ARG002 - it is one file for all
        """Write the file once more, and keep none from before."""
        with self._whole():
            self._write(self._sheet.headless, keep=False)
        return ()

    def repair(self, *, apply: bool) -> Sequence[str]:
        """Work out lost heads again from the records below them."""
        lost = self._sheet.lost()
        if apply and lost:
            with self._whole():
                self.memory = {"sessions": self.memory["sessions"] | self._sheet.mended()}
                self._write({}, keep=False)
            self._sheet = Sheet()
        return lost

    def _commit(self, commit: Commit) -> Conflict | Damaged | None:
        try:
            old = self._document(commit.partition)
            new = document_after(old, commit)
        except (Conflict, Damaged) as error:
            return error
        self._table.remove(doc_ids=[commit.partition] if old else [])
        self._table.insert_multiple([self._table.document_class(new, commit.partition)] if commit.version else [])
        return None

    @contextmanager
    def _whole(self) -> Generator[None]:
        before = dict(self.read())
        try:
            with _typed_errors(self._file.path):
                yield
        except BaseException:
            self.memory = before
            raise


@contextmanager
def _typed_errors(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise typed(error, str(path)) from error


@hookimpl
def holdall_storages() -> list[StorageOffer[TinyDBSettings]]:
    """Register ``tinydb``."""
    about = "tinydb", "one readable file; 129 ms CPU a commit at 5,000 sessions", TinyDBSettings, TinyDBSessionStorage
    return [StorageOffer(*about, Abilities(Durability.POWER), lambda folder: {"path": str(folder / "data")})]
