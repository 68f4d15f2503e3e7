"""SUMMARY."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdall import hookimpl
from holdall.contract import (
    Abilities,
    Address,
    BlockingSessionStorage,
    Commit,
    Durability,
    Head,
    Scan,
    Snapshot,
    Span,
)
from holdall.errors import Conflict
from holdall.hooks import StorageOffer

__all__ = ["MykindSessionStorage", "MykindSettings", "holdall_storages"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[storage.options]``."""

    # CHANGE 1: what your storage must be told, such as ``path: Path``, with a line about it below.


class MykindSessionStorage(BlockingSessionStorage):
    """Sessions in two dictionaries, until you change that. All calls come from one thread, and it may wait."""

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 2: open your storage. What it raises should be of ``holdall.errors``: ``StorageUnavailable`` and others.
        self.settings = settings
        self._heads: dict[str, Head] = {}
        self._records: dict[str, dict[Address, bytes]] = {}

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of a partition, with the records of ``spans``."""
        # CHANGE 3: read the head, ``Head.from_json(text)``, and the records at ``head.addresses(spans)``, in one moment.
        head = self._heads.get(partition)
        return None if head is None else self._snapshot(head, spans)

    def commit(self, commit: Commit) -> None:
        """All of it or nothing; ``onto`` compares the version, and raises ``Conflict``."""
        # CHANGE 4: in one transaction, read the head, and store the new one, ``head.to_json()``; erase, then write. Where
        # your storage has indexes, keep one row for each mark: (mark, score, partition).
        head = commit.onto(self._heads.get(commit.partition))
        kept = {at: record for at, record in self._records.get(commit.partition, {}).items() if at[0] in head.lanes}
        for address in commit.erased():
            kept.pop(address, None)
        self._records[commit.partition] = kept | dict(commit.write)
        self._heads[commit.partition] = head

    def drop(self, partition: str, *, expect: int) -> None:
        """Remove a partition whose version is ``expect``, or raise ``Conflict``."""
        # CHANGE 5: in one transaction, with everything that belongs to the partition.
        head = self._heads.get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
        del self._heads[partition], self._records[partition]

    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """The next partitions of a mark, by score and name; of all by name, without a mark."""
        # CHANGE 6: by your index; never by reading everything, as here. Names compare as their UTF-8 bytes.
        mark, down = scan.mark, scan.descending
        scores = {name: 0 if mark is None else head.marks.get(mark) for name, head in self._heads.items()}
        places = sorted(((score, name) for name, score in scores.items() if score is not None), reverse=down)
        if scan.after is not None:
            after = scan.after
            places = [place for place in places if (place < after if down else place > after)]
        return [self._snapshot(self._heads[name], scan.spans) for _, name in places[: scan.limit]]

    def close(self) -> None:
        """Nothing is kept open."""
        # CHANGE 7: close what ``__init__`` opened.

    def _snapshot(self, head: Head, spans: Sequence[Span]) -> Snapshot:
        records = self._records[head.partition]
        return Snapshot(head, {address: records[address] for address in head.addresses(spans)})


@hookimpl
def holdall_storages() -> list[StorageOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    # CHANGE 8: claim what is true; the kit tests it. ``sandbox`` gives options for an empty storage in ``folder``.
    abilities = Abilities(durability=Durability.NONE, shared=False)
    return [
        StorageOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindSessionStorage,
            abilities=abilities,
            sandbox=lambda _folder: {},
            contract=1,
        )
    ]
