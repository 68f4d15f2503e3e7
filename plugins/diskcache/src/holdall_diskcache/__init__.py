"""Sessions in a diskcache directory, which many processes may share."""
# pyright: reportMissingTypeStubs=false, reportUntypedBaseClass=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from diskcache import Cache, Disk, Timeout
from pydantic import BaseModel

from holdall.contract import Abilities, BatchSessionStorage, Commit, Durability, Scan, Snapshot, Span
from holdall.errors import Damaged, StorageUnavailable
from holdall.folders import Quarantine, Reserve, private_folder, sync_file, typed
from holdall.folders.cells import Cells, cell, seal
from holdall.folders.forked import Opened
from holdall.folders.sqlite import integrity, sparing
from holdall.hooks import StorageOffer, hookimpl

_KEEP = {"eviction_policy": "none", "cull_limit": 0, "size_limit": 2**62, "disk_min_file_size": 2**62, "statistics": 0}
_SAFE = {"sqlite_journal_mode": "wal", "sqlite_mmap_size": 0, "sqlite_secure_delete": 1, "disk_pickle_protocol": 99}
_RESERVE = 2**20
_RANGE = "SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1 ORDER BY key {}"


class DiskcacheSettings(BaseModel, extra="forbid", use_attribute_docstrings=True):
    """``[storage.options]`` of ``diskcache``."""

    path: Path
    """The directory; it is made when missing."""
    durability: Literal["process", "power"] = "power"
    """What an acknowledged commit survives: a killed process, or a power cut."""


class _OnlyBytes(Disk):  # nothing is pickled (there is no protocol 99) or unpickled: CVE-2025-69872
    def get(self, key: Any, raw: Any) -> Any:
        return key if raw else None

    def store(self, value: Any, read: Any, key: Any = None) -> Any:
        return super().store(seal(key, value), read, key)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:  # noqa: ARG002 - the names are diskcache's
        return value if (mode, type(value)) == (1, bytes) else None


class DiskcacheSessionStorage(Cache, Cells, BatchSessionStorage):
    """A cache with a cell for each head, mark and record. A batch of commits is one transaction over cells."""

    def __init__(self, settings: DiskcacheSettings) -> None:
        with _typed_errors(), ExitStack() as undo:
            folder = private_folder(Path(os.path.expandvars(settings.path)))  # diskcache expands them too
            size = found.stat().st_size if (found := folder / "cache.db").exists() else 0
            opened = Opened(str(folder / "cache.db"))
            self._reserve, self.quarantine = Reserve(folder, max(_RESERVE, size // 8)), Quarantine(folder)
            if self._reserve.made and not size:
                raise Damaged("cache.db", "it is empty or gone, but there was a store in this folder")
            undo.callback(lambda: hasattr(self, "_local") and self.close())  # what never began has nothing to close
            self._reserve.spend(lambda: self._open(folder, 2 if settings.durability == "power" else 1))
            self._reserve.fill()
            self.close = opened.until(self.close)
            undo.pop_all()

    def _open(self, folder: Path, synchronous: int) -> None:
        wanted: dict[str, Any] = _KEEP | _SAFE | {"sqlite_synchronous": synchronous}
        with _typed_errors():
            if (wal := folder / "cache.db-wal").exists():
                sync_file(wal)  # one who died may have left a commit there that is whole, and not yet durable
            super().__init__(str(folder), disk=_OnlyBytes, **wanted)
            found = {name: self.reset(name) for name in wanted}  # they persist in the file, where others may set them
            if found != wanted or self._sql("PRAGMA journal_mode").fetchone() != ("wal",):
                raise StorageUnavailable(f"{folder} does not take the settings {wanted}")
            for file in folder.glob("cache.db*"):
                file.chmod(0o600)

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        with _typed_errors(), self._con, closing(self._sql("BEGIN")):  # readers wait for nobody
            return self.snapshot(partition, spans)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Read the next keys of the walk, then what they name."""
        walk = ("head", "") if scan.mark is None else ("mark", scan.mark)
        low, high = cell(*walk, -(2**63), ""), cell(*walk, 2**63 - 1, "\U0010ffff" * 51)  # longer than any name
        if scan.after:
            last = cell(*walk, *scan.after)
            low, high = (low, last) if scan.descending else (last + "\0", high)
        with _typed_errors(), self._con, closing(self._sql("BEGIN")):
            keys = self._sql(_RANGE.format("DESC" if scan.descending else "ASC"), (low, high))
            found = (self.listed(key[len(cell(*walk, 0, "")) :], scan.spans) for (key,) in keys)
            return list(islice(filter(None, found), scan.limit))

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """All in one transaction; a conflict is found before anything of its commit is written."""
        return self._reserve.commit_many(commits, self._apply, self._apply_sparingly)

    def _apply(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        with _typed_errors(), self._con, self.transact():  # the connection ends what a failed COMMIT leaves open
            return [self.applied(commit) for commit in commits]

    def _apply_sparingly(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        with _typed_errors(), sparing(self._sql):
            return self._apply(commits)

    def faults(self) -> Sequence[str]:
        """What was found, and what SQLite finds wrong with its file."""
        with _typed_errors():
            return [*self.quarantine.lines(), *integrity(self._sql)]

    def purge(self, partition: str) -> Sequence[str]:
        """Write the file anew, without its free space, and empty its log."""
        del partition
        with _typed_errors():
            self._sql("VACUUM").fetchall()
            busy = self._sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return [*(["cache.db-wal: another process is reading"] if busy else ()), *self.quarantine.lines()]

    def repair(self, *, apply: bool) -> Sequence[str]:
        """Make the indexes again from the table, and lost heads from the cells below them."""
        with _typed_errors(), self._con:
            lost = [f"cache.db, its indexes: {line}" for line in integrity(self._sql)]
            with self.transact():
                if apply and lost:
                    self._sql("REINDEX")
                lost += self.mend((key for (key,) in self._sql("SELECT key FROM Cache WHERE raw = 1")), apply=apply)
            self.quarantine.clear()
            return lost


@contextmanager
def _typed_errors() -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, Timeout, OSError) as error:
        cause: BaseException = error  # diskcache hides it behind a Timeout, or behind a rollback that fails
        while getattr(cause, "sqlite_errorcode", 1) == 1 and cause.__context__:
            cause = cause.__context__
        raise typed(cause, str(getattr(cause, "filename", None) or "cache.db")) from cause


@hookimpl
def holdall_storages() -> list[StorageOffer[DiskcacheSettings]]:
    """Register ``diskcache``."""
    modes = {each.label: Abilities(each, shared=True) for each in (Durability.PROCESS, Durability.POWER)}
    words = "a diskcache directory, for many processes; an append costs 10 ms more at 1,000 branches"
    about = "diskcache", words, DiskcacheSettings, DiskcacheSessionStorage
    return [StorageOffer(*about, modes["power"], lambda at: {"path": str(at / "data")}, lambda s: modes[s.durability])]
