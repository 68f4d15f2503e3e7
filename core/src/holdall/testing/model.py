"""The contract as a dictionary: what a storage must answer, in the plainest way there is."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.contract import Address, Commit, Head, Scan, Snapshot, Span
from holdall.errors import Conflict

__all__ = ["Model", "place"]


def place(item: tuple[int, str]) -> tuple[int, bytes]:
    """Where ``(score, partition)`` stands in a walk: partitions compare as their UTF-8 bytes."""
    return item[0], item[1].encode()


class Model:
    """Partitions that live in this object and nowhere else."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self.records: dict[str, dict[Address, bytes]] = {}

    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """What ``load`` must answer."""
        head = self.heads.get(partition)
        return None if head is None else self._part(head, spans)

    def whole(self, partition: str) -> Snapshot | None:
        """The partition with every record of every lane."""
        head = self.heads.get(partition)
        return None if head is None else self._part(head, [Span(lane) for lane in head.lanes])

    def commit(self, commit: Commit) -> Head:
        """Apply a commit whole, or raise ``Conflict``."""
        head = commit.onto(self.heads.get(commit.partition))
        records = self.records.get(commit.partition, {})
        kept = {address: record for address, record in records.items() if address[0] in head.lanes}
        for address in commit.erased():
            kept.pop(address, None)
        self.records[commit.partition] = {**kept, **commit.write}
        self.heads[commit.partition] = head
        return head

    def drop(self, partition: str, *, expect: int) -> None:
        """Forget a partition, or raise ``Conflict``."""
        head = self.heads.get(partition)
        if head is None or head.version != expect:
            raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
        del self.heads[partition], self.records[partition]

    def scan(self, scan: Scan) -> list[Snapshot]:
        """What ``scan`` must answer."""
        places = self.places(scan.mark, descending=scan.descending)
        if scan.after is not None:
            seen = place(scan.after)
            places = [at for at in places if (place(at) < seen if scan.descending else place(at) > seen)]
        return [self._part(self.heads[name], scan.spans) for _, name in places[: scan.limit]]

    def places(self, mark: str | None, *, descending: bool = False) -> list[tuple[int, str]]:
        """Every ``(score, partition)`` of a walk, in its order."""
        if mark is None:
            found = [(0, name) for name in self.heads]
        else:
            found = [(head.marks[mark], name) for name, head in self.heads.items() if mark in head.marks]
        return sorted(found, key=place, reverse=descending)

    def _part(self, head: Head, spans: Sequence[Span]) -> Snapshot:
        records = self.records[head.partition]
        return Snapshot(head, {address: records[address] for address in head.addresses(spans)})
