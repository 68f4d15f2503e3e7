"""Which large parts a session has, as the lane ``parts`` tells: each by its hash, with its chunks and who refers to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from holdall.contract import Head, Span
from holdall.sessions.names import CHUNKS, PARTS, session_partition
from holdall.sessions.reader import NO_LANE

if TYPE_CHECKING:
    from holdall.caching import Cache
    from holdall.sessions.reader import Check, Reader

__all__ = ["Entry", "Index", "Note", "chunk_of", "learned", "noted"]

_WEIGHT, _ENTRY_WEIGHT = 700, 500
"""Bytes that an index and one part in it take, with its list of sizes."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of the lane ``parts``: a new part, or a change of how many references one has."""

    hash: str
    references: int
    """How many more there are; a negative number: fewer."""
    first: int = 0
    """The position of the part's first chunk."""
    sizes: list[int] = []
    """The bytes in each of its chunks; none where the part was there before."""
    hidden: int = 0
    """How many more references there are by what was redacted."""


class Entry(msgspec.Struct):
    """A part, and how many references it has."""

    hash: str
    first: int
    sizes: list[int]
    references: int = 0
    hidden: int = 0
    """References by what was redacted."""

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(self.sizes)

    def chunks(self) -> Span:
        """Where its chunks are."""
        return Span(CHUNKS, self.first, self.first + len(self.sizes))


_decode = msgspec.json.Decoder(Note).decode
_text = msgspec.json.Decoder(str | None).decode
noted = msgspec.json.Encoder().encode


class Index:
    """The parts of one session, as its head at some moment has them."""

    def __init__(self, head: Head | None) -> None:
        lane = NO_LANE if head is None else head.lanes.get(PARTS, NO_LANE)
        self.lane = lane.first, lane.rewritten
        self.stop = lane.first
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Any:
        return iter(self._entries.values())

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return _WEIGHT + _ENTRY_WEIGHT * len(self)

    def fits(self, head: Head) -> bool:
        """Whether it is of the lane that ``head`` has, perhaps not of all of it."""
        lane = head.lanes.get(PARTS, NO_LANE)
        return self.lane == (lane.first, lane.rewritten) and self.stop <= lane.stop

    def is_of(self, head: Head | None) -> bool:
        """Whether it is of just what ``head`` has."""
        stop = 0 if head is None else head.lanes.get(PARTS, NO_LANE).stop
        return head is None or (self.fits(head) and self.stop == stop)

    def get(self, hash_: str) -> Entry | None:
        """The part of that hash, if the session has it."""
        return self._entries.get(hash_)

    def add(self, records: Iterable[bytes]) -> None:
        """Learn what follows in the lane."""
        for record in records:
            note = _decode(record)
            self.stop += 1
            if note.sizes:
                self._entries[note.hash] = Entry(note.hash, note.first, note.sizes)
            entry = self._entries.get(note.hash)
            if entry is not None:
                entry.references += note.references
                entry.hidden += note.hidden
                if entry.references + entry.hidden <= 0:
                    del self._entries[note.hash]


def chunk_of(record: bytes) -> bytes | None:
    """The bytes of a chunk; ``None`` for one that was collected."""
    text = _text(record)
    return None if text is None else text.encode()


async def learned(engine: Reader, session: str, check: Check) -> Index:
    """The parts of a session, of which what was learned before saves reading most."""
    partition = session_partition(session)
    name, cache = (partition, PARTS, "index"), engine.states
    kept: Cache[Any] = cache
    known: Index | None = kept.get(name)
    after = Span(PARTS, 0 if known is None else known.stop)
    view = await engine.view(session, after, check=check)
    head = view.state.head
    if known is None or not known.fits(head):
        known = Index(head)
        if after.start > known.stop:
            kept.drop(name)
            return await learned(engine, session, check)
    lane = head.lanes.get(PARTS, NO_LANE)
    known.add(view.records[PARTS, at] for at in range(known.stop, lane.stop))
    kept.put(name, known, known.weight)
    return known
