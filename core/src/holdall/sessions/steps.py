"""A step: one commit in the making, on top of the head it expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdall.codecs import Codec
from holdall.contract import Address, Commit, Head, Lane, Span
from holdall.errors import TooLarge

__all__ = ["RECORD_LIMIT", "Step"]

_NO_LANE = Lane()
RECORD_LIMIT = 1 << 20
"""The most bytes in one record."""


class Step:
    """Gathers what changes. Nothing happens until its ``commit`` reaches a storage."""

    __slots__ = (
        "_erase",
        "_lanes",
        "_marks",
        "_write",
        "changed",
        "expires_at",
        "head",
        "now",
        "partition",
        "version",
    )

    def __init__(self, partition: str, head: Head | None, now: int, *, visible: bool = True) -> None:
        """``now`` is in microseconds; a step that is not ``visible`` to clients leaves ``changed`` alone."""
        self.partition = partition
        self.head = head
        self.now = now
        self.version = now if head is None else head.version + 1
        self.changed = self.version if visible or head is None else head.changed
        self.expires_at = None if head is None else head.expires_at
        self._lanes: dict[str, Lane | None] = {}
        self._marks: dict[str, int | None] = {}
        self._write: dict[Address, bytes] = {}
        self._erase: list[Span] = []

    def lane(self, name: str) -> Lane:
        """The lane as this step leaves it."""
        if name in self._lanes:
            moved = self._lanes[name]
            return _NO_LANE if moved is None else moved  # an empty lane is false, and still knows its positions
        return _NO_LANE if self.head is None else self.head.lanes.get(name, _NO_LANE)

    def append(self, lane: str, records: Sequence[bytes]) -> int:
        """Put ``records`` at the end of ``lane``; returns how many bytes they are.

        A lane that begins with this counts as rewritten by it.
        """
        old = self.lane(lane)
        position, size = old.stop, 0
        for record in records:
            length = len(record)
            if length > RECORD_LIMIT:
                raise _too_large(lane, record)
            self._write[lane, position] = record
            position += 1
            size += length
        self._lanes[lane] = Lane(old.first, position, self.version if old is _NO_LANE else old.rewritten)
        return size

    def rewrite(self, lane: str, position: int, record: bytes) -> None:
        """Replace the record at ``position``."""
        old = self.lane(lane)
        if len(record) > RECORD_LIMIT:
            raise _too_large(lane, record)
        self._write[lane, position] = record
        self._lanes[lane] = Lane(old.first, old.stop, self.version)

    def trim(self, lane: str, first: int) -> None:
        """Erase the records before ``first``; later positions keep their numbers."""
        old = self.lane(lane)
        if first > old.first:
            self._erase.append(Span(lane, old.first, first))
            self._lanes[lane] = Lane(first, old.stop, old.rewritten)

    def remove(self, lane: str) -> None:
        """Remove the lane with its records."""
        if self.head is not None and lane in self.head.lanes:
            self._lanes[lane] = None

    def mark(self, marks: dict[str, int]) -> None:
        """Make ``marks`` all the marks there are."""
        old: Mapping[str, int] = {} if self.head is None else self.head.marks
        self._marks = {name: score for name, score in marks.items() if old.get(name) != score}
        if len(old) > len(marks) or not marks.keys() >= old.keys():
            self._marks.update({name: None for name in old if name not in marks})

    @property
    def written(self) -> Mapping[Address, bytes]:
        """The records that it writes, as they were before the codec."""
        return self._write

    def commit(self, codec: Codec) -> Commit:
        """The finished commit, its records encoded."""
        partition, version, encode = self.partition, self.version, codec.encode
        write = {at: encode(partition, at, version, record) for at, record in self._write.items()}
        expect = 0 if self.head is None else self.head.version
        return Commit(
            partition, expect, version, self.changed, self._lanes, self._marks, self.expires_at, write, self._erase
        )


def _too_large(lane: str, record: bytes) -> TooLarge:
    return TooLarge(f"a record for {lane} (bytes)", limit=RECORD_LIMIT, actual=len(record))
