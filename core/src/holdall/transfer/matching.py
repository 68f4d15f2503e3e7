"""Knowing again what was imported before, so that a longer copy of a transcript adds only what is new."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from holdall.formats.records import Entry
from holdall.sessions.standins import StandIn, parse
from holdall.transfer.gaps import Gaps
from holdall.transfer.targets import Place

__all__ = ["Seen", "by_content", "by_order", "omitted"]

_OMITTED = '{"type":"holdall-omitted",'


class Seen:
    """Says of each entry, in the transcript's order, whether the session has it, or had it and keeps it out."""

    def __init__(self, digests: Counter[bytes] | None, place: Place, gaps: Gaps) -> None:
        self.gaps = gaps
        self._digests = digests
        lanes = (place.messages, place.tools, place.originals)
        self._left = [len(lane) for lane in lanes]

    def has(self, entry: Entry) -> bool:
        """Whether ``entry`` was stored before; each stored record stands for one entry only."""
        if self._digests is None:
            return self._in_order(entry)
        if entry.original is None:
            return False
        digest = _digest(entry.original)
        if self._digests[digest] == 0:
            return False
        self._digests[digest] -= 1
        self.gaps.pass_by(digest)
        return True

    def _in_order(self, entry: Entry) -> bool:
        """Count off what the session has of each lane: the transcript made the session, so it comes first."""
        counts = (entry.message is not None, len(entry.runs), entry.original is not None)
        had = any(left > 0 for left, count in zip(self._left, counts, strict=True) if count)
        self._left = [left - count for left, count in zip(self._left, counts, strict=True)]
        return had


async def by_content(place: Place, pages: AsyncIterator[tuple[int, Sequence[str]]]) -> Seen:
    """By the content of the originals, as often as each is there. Needs 32 bytes a record.

    A page comes with the position of its first record.
    """
    digests: Counter[bytes] = Counter()
    stand_ins: dict[int, StandIn] = {}
    before: dict[int, bytes] = {}
    async for first, page in pages:
        found = [*map(_digest, page)]
        digests.update(found)
        gone = {at: one for at, text in enumerate(page, first) if (one := parse(text.encode())) is not None}
        stand_ins |= gone
        before |= {at: found[at - first] for at in (*(at - 1 for at in gone), first + len(page) - 1) if at >= first}
    return Seen(digests, place, Gaps(place.originals.first, stand_ins, before))


def by_order(place: Place) -> Seen:
    """By counting: for a transcript that holds the whole session."""
    return Seen(None, place, Gaps(0, {}, {}))


def omitted(original: str) -> str | None:
    """What stands in for an original that is too large: it keeps the place, and says by digest of what.

    ``None`` for what stands in already.
    """
    if original.startswith(_OMITTED):
        return None
    fields = {"sha256": hashlib.sha256(original.encode()).hexdigest(), "bytes": len(original.encode())}
    return _OMITTED + msgspec.json.encode(fields).decode()[1:]


def _digest(text: str) -> bytes:
    """The digest of an original, be it whole or what stands in for it."""
    if text.startswith(_OMITTED):
        try:
            return bytes.fromhex(msgspec.json.decode(text)["sha256"])
        except (ValueError, KeyError, TypeError):
            pass
    return hashlib.sha256(text.encode()).digest()
