"""A step: one commit in the making, on top of the head it expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdall.codecs import Codec
from holdall.contract import Address, Commit, Head, Lane, Span
from holdall.errors import TooLarge

__all__ = ["RECORD_LIMIT", "Step"]

_NO_LANE = Lane()
RECORD_LIMIT = 1 << 20
"""The most bytes in one record."""


class Step(Struct, gc=False):
    """Gathers what changes. Nothing happens until its ``commit`` reaches a storage.

    Its fields have no defaults, which cost more than to say what they are; ``begin`` does.
    """

    partition: str
    head: Head | None
    now: int
    """Microseconds."""
    version: int
    expires_at: int | None
    lanes: dict[str, Lane | None]
    """Those that move; ``None``: one that goes."""
    marks: dict[str, int | None]
    """Those that change; ``None``: one that goes."""
    write: dict[Address, bytes]
    """The records that it writes, as they are before the codec."""
    erase: Sequence[Span]
    said: Sequence[bytes]
    """Those records of ``write`` that this package has made as JSON: each is an object on one line."""

    @classmethod
    def begin(cls, partition: str, head: Head | None, now: int) -> Step:
        """A step on ``head``, or the first one; ``now`` is in microseconds."""
        if head is None:
            return cls(partition, None, now, now, None, {}, {}, {}, (), ())
        return cls(partition, head, now, head.version + 1, head.expires_at, {}, {}, {}, (), ())

    def lane(self, name: str) -> Lane:
        """The lane as this step leaves it."""
        if name in self.lanes:
            moved = self.lanes[name]
            return _NO_LANE if moved is None else moved  # an empty lane is false, and still knows its positions
        return _NO_LANE if self.head is None else self.head.lanes.get(name, _NO_LANE)

    def append(self, lane: str, records: Sequence[bytes], old: Lane | None = None) -> int:
        """Put ``records`` at the end of ``lane``, which is ``old`` where that is known; returns how many bytes they are.

        A lane that begins with this counts as rewritten by it.
        """
        old, write = self.lane(lane) if old is None else old, self.write
        position, size = old.stop, 0
        for record in records:
            length = len(record)
            if length > RECORD_LIMIT:
                raise _too_large(lane, record)
            write[lane, position] = record
            position += 1
            size += length
        self.lanes[lane] = Lane(old.first, position, self.version if old is _NO_LANE else old.rewritten)
        return size

    def start(self, lane: str, first: int, record: bytes) -> int:
        """Make ``lane``, with ``record`` at the position ``first``; returns how many bytes it is."""
        self.lanes[lane] = Lane(first, first, self.version)
        return self.append(lane, [record])

    def rewrite(self, lane: str, position: int, record: bytes) -> None:
        """Replace the record at ``position``."""
        old = self.lane(lane)
        if len(record) > RECORD_LIMIT:
            raise _too_large(lane, record)
        self.said = ()  # it may be one of these that is replaced
        self.write[lane, position] = record
        self.lanes[lane] = Lane(old.first, old.stop, self.version)

    def trim(self, lane: str, first: int) -> None:
        """Erase the records before ``first``; later positions keep their numbers."""
        old = self.lane(lane)
        if first > old.first:
            if old:
                self.erase = (*self.erase, Span(lane, old.first, min(first, old.stop)))
            begun = self.version if old is _NO_LANE else old.rewritten
            self.lanes[lane] = Lane(first, max(first, old.stop), begun)

    def remove(self, lane: str) -> None:
        """Remove the lane with its records."""
        if self.head is not None and lane in self.head.lanes:
            self.lanes[lane] = None

    def mark(self, marks: dict[str, int]) -> None:
        """Make ``marks`` all the marks there are."""
        self.marks = self._changed(marks)

    def _changed(self, marks: dict[str, int]) -> dict[str, int | None]:
        """What changes when ``marks`` are all the marks there are."""
        old: Mapping[str, int] = {} if self.head is None else self.head.marks
        changed: dict[str, int | None] = {name: score for name, score in marks.items() if old.get(name) != score}
        if len(old) > len(marks) or not marks.keys() >= old.keys():
            changed.update({name: None for name in old if name not in marks})
        return changed

    def commit(self, codec: Codec) -> Commit:
        """The finished commit, its records encoded."""
        return self._commit(codec, self.marks, self.expires_at)

    def _commit(self, codec: Codec, marks: dict[str, int | None], expires_at: int | None) -> Commit:
        partition, version, write, said = self.partition, self.version, self.write, self.said
        if codec.compressor or len(said) != len(write):
            write = codec.encoded(partition, version, write)  # which leaves JSON, as all that is said is, as it is
        expect = 0 if self.head is None else self.head.version
        return Commit(partition, expect, version, version, self.lanes, marks, expires_at, write, self.erase)


def _too_large(lane: str, record: bytes) -> TooLarge:
    return TooLarge(f"a record for {lane} (bytes)", limit=RECORD_LIMIT, actual=len(record))
