"""For storages on an ordered key-value store: a cell for each head, mark and record, its key in the order of walks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

from holdall.contract import Address, Commit, Head, Snapshot, Span
from holdall.errors import Conflict, Damaged
from holdall.folders.kept import Quarantine
from holdall.folders.rebuilt import rebuilt_head

__all__ = ["Cells", "cell", "seal"]

_ZERO = 2**63


def cell(kind: str, group: str, number: int, name: str) -> str:
    """``head "" 0 <partition>``, ``mark <mark> <score> <partition>`` or ``record <partition> <position> <lane>``."""
    return f"{kind} {len(group)}:{group} {number + _ZERO:016x} {name}"


def seal(key: str, value: bytes) -> bytes:
    """``value`` with a checksum of it and of where it belongs."""
    return crc32(value, crc32(key.encode())).to_bytes(4, "big") + value


class Cells(ABC):
    """The contract's arithmetic over cells. Whoever calls it holds a transaction, and stores what ``seal`` gives."""

    quarantine: Quarantine

    @abstractmethod
    def get(self, key: str, default: Any = None) -> Any:
        """The sealed bytes of a cell, ``default`` where there is none; ``None`` where it holds something else."""

    @abstractmethod
    def set(self, key: str, value: bytes) -> Any:
        """Store a cell, sealed."""

    @abstractmethod
    def delete(self, key: str) -> Any:
        """Remove a cell, if it is there."""

    def applied(self, commit: Commit) -> Conflict | Damaged | None:
        """Do a commit; what stands in its way is found before anything is written."""
        try:
            old = self.head(commit.partition)
        except Damaged as damage:
            return damage
        if old.version != commit.expect:
            return Conflict(old.partition, expected=commit.expect, found=old.version)
        new = commit.onto(old)
        lost = [Span(lane) for lane in old.lanes if not new.version or lane not in new.lanes]
        gone = [cell("record", old.partition, at, lane) for lane, at in (*commit.erased(), *old.addresses(lost))]
        written = {cell("record", old.partition, at, lane): data for (lane, at), data in commit.write.items()}
        before, after = _index(old), _index(new) | written
        for key in {*before, *gone}.difference(after):
            self.delete(key)
        self._put(dict(after.items() - before.items()))
        return None

    def snapshot(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        """One moment of ``partition``; raises ``Damaged``, which names the cell."""
        head = self.head(partition)
        keys = {(lane, at): cell("record", partition, at, lane) for lane, at in head.addresses(spans)}
        return Snapshot(head, {address: self._read(key) for address, key in keys.items()}) if head.version else None

    def listed(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        """The same for a walk, which passes over what is damaged; ``quarantine`` tells of it."""
        try:
            return self.snapshot(partition, spans)
        except Damaged:
            return None

    def head(self, partition: str) -> Head:
        """The head of ``partition``, with version 0 where there is none."""
        found = self._read(cell("head", "", 0, partition), missing=b"")
        return Head.from_json(found) if found else Head(partition, version=0, changed=0)

    def mend(self, keys: Iterable[str], *, apply: bool) -> list[str]:
        """Work lost heads out again from the cells below them, and marks from heads; ``keys`` are all there are.

        Returns what is lost, in lines.
        """
        names, marks = set[str](), set[str]()
        below: dict[str, list[Address]] = defaultdict(list)
        scores: dict[str, dict[str, int]] = defaultdict(dict)
        for key in keys:
            kind, group, number, name = _split(key)
            if kind == "record":
                below[group].append((name, number))
            elif kind == "mark":
                marks.add(key)
                scores[name][group] = number
            elif kind == "head":
                names.add(name)
        lost: list[str] = []
        wanted: dict[str, bytes] = {}
        for name in sorted(names | below.keys()):
            head = self._sound(name)
            if head is None:
                lost.append(f"{name}: its head; when it expires is not known")
                head = rebuilt_head(name, below[name], scores[name])
                if apply:
                    self._put(_index(head))
            wanted |= _marks(head)
        wrong = marks ^ wanted.keys()
        lost += sorted(f"{name}: nothing but an entry in the list {mark}" for _, mark, _, name in map(_split, wrong))
        if apply:
            self._put({key: wanted[key] for key in wrong & wanted.keys()})
            for key in wrong & marks:
                self.delete(key)
        return lost

    def _sound(self, partition: str) -> Head | None:
        try:
            head = self.head(partition)
        except Damaged:
            return None
        return head if head.version else None

    def _put(self, cells: Mapping[str, bytes]) -> None:
        for key, data in cells.items():
            self.set(key, data)

    def _read(self, key: str, missing: bytes | None = None) -> Any:
        found = self.get(key, missing)
        if found is missing is not None:
            return missing
        if found is None or found != seal(key, found[4:]):
            raise self.quarantine.damaged(key, found)
        return found[4:]


def _index(head: Head) -> dict[str, bytes]:
    """The cells of a head and of its marks; none for one at version 0."""
    return _marks(head) | {cell("head", "", 0, head.partition): head.to_json().encode()} if head.version else {}


def _marks(head: Head) -> dict[str, bytes]:
    return {cell("mark", mark, score, head.partition): b"" for mark, score in head.marks.items()}


def _split(key: str) -> tuple[str, str, int, str]:
    """What ``cell`` was given; nothing for a key that it did not make."""
    try:
        kind, _, rest = key.partition(" ")
        size, _, rest = rest.partition(":")
        group, rest = rest[: int(size)], rest[int(size) + 1 :]
        number, _, name = rest.partition(" ")
        return kind, group, int(number, 16) - _ZERO, name
    except ValueError:
        return "", "", 0, ""
