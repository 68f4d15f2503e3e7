"""Sessions in a diskcache directory, which many processes may share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from holdall.contract import Abilities, BlockingSessionStorage, Commit, Durability, Head, Scan, Snapshot, Span
from holdall.errors import Conflict
from holdall.hooks import StorageOffer, hookimpl
from holdall_diskcache.cells import Cells


class DiskcacheSettings(BaseModel, extra="forbid"):
    """``[storage.options]`` of ``diskcache``."""

    path: Path
    durability: Literal["process", "power"] = "power"


class DiskcacheSessionStorage(BlockingSessionStorage):
    """A cell for each head, mark and record; a batch of commits is one transaction over cells."""

    def __init__(self, settings: DiskcacheSettings) -> None:
        self._cells = Cells(settings.path, sqlite_synchronous=2 if settings.durability == "power" else 1)
        self.close = self._cells.close

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition``."""
        with self._cells.moment():
            return self._snapshot(partition, spans)

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Read the next keys of the walk, then what they name."""
        walk = ("head", "") if scan.mark is None else ("mark", scan.mark)
        low, high = _key(*walk, -(2**63), ""), _key(*walk, 2**63 - 1, "\U0010ffff" * 51)  # longer than any name
        if scan.after:
            last = _key(*walk, *scan.after)
            low, high = (low, last) if scan.descending else (last + "\0", high)
        with self._cells.moment():
            found = self._cells.between(low, high, scan.limit, descending=scan.descending)
            return list(filter(None, (self._snapshot(key[len(_key(*walk, 0, "")) :], scan.spans) for key in found)))

    def drop(self, partition: str, *, expect: int) -> None:
        """Put nothing in its place."""
        self.commit(Commit(partition, expect, version=0, changed=0))

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for conflict in filter(None, self.commit_many([commit])):
            raise conflict

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[Conflict | None]:
        """All in one transaction; a conflict is found before anything of its commit is written."""
        with self._cells.moment(write=True):
            return [self._commit(commit) for commit in commits]

    def _commit(self, commit: Commit) -> Conflict | None:
        old = self._head(commit.partition)
        try:
            new = commit.onto(old)
        except Conflict as conflict:
            return conflict
        lost = [Span(lane) for lane in old.lanes if not new.version or lane not in new.lanes]
        gone = {_record(old, *address) for address in (*commit.erased(), *old.addresses(lost))}
        before, after = _marks(old), _marks(new) | {_record(old, *at): data for at, data in commit.write.items()}
        for key in gone.union(before).difference(after):
            self._cells.delete(key)
        for key, data in after.items():
            if before.get(key) != data:
                self._cells.write(key, data)
        return None

    def _head(self, partition: str) -> Head:
        found = self._cells.read(_key("head", "", 0, partition), missing=b"")
        return Head.from_json(found) if found else Head(partition, version=0, changed=0)

    def _snapshot(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        head = self._head(partition)
        records = {address: self._cells.read(_record(head, *address)) for address in head.addresses(spans)}
        return Snapshot(head, records) if head.version else None


def _key(kind: str, group: str, number: int, name: str) -> str:
    return f"{kind} {len(group)}:{group} {number + 2**63:016x} {name}"


def _record(head: Head, lane: str, position: int) -> str:
    return _key("record", head.partition, position, lane)


def _marks(head: Head) -> dict[str, bytes]:
    marks = {_key("mark", mark, score, head.partition): b"" for mark, score in head.marks.items()}
    return marks | {_key("head", "", 0, head.partition): head.to_json().encode()} if head.version else {}


@hookimpl
def holdall_storages() -> list[StorageOffer[DiskcacheSettings]]:
    """Register ``diskcache``."""
    return [
        StorageOffer(
            name="diskcache",
            summary="a diskcache directory, which many processes may share",
            settings=DiskcacheSettings,
            open=DiskcacheSessionStorage,
            abilities=Abilities(Durability.POWER, shared=True),
            sandbox=lambda folder: {"path": str(folder / "sessions")},
            configured=lambda settings: Abilities(Durability[settings.durability.upper()], shared=True),
        )
    ]
