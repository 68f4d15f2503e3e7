"""Knowing again what was imported before, so that a longer copy of a transcript adds only what is new."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from holdall.formats.records import Entry
from holdall.transfer.targets import Place

__all__ = ["Seen", "by_content", "by_order", "omitted"]

_OMITTED = '{"type":"holdall-omitted",'


class Seen:
    """Says of each entry, in the transcript's order, whether the session has it."""

    def __init__(self, digests: Counter[bytes] | None, place: Place) -> None:
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
        return True

    def _in_order(self, entry: Entry) -> bool:
        """Count off what the session has of each lane: the transcript made the session, so it comes first."""
        counts = (entry.message is not None, len(entry.runs), entry.original is not None)
        had = any(left > 0 for left, count in zip(self._left, counts, strict=True) if count)
        self._left = [left - count for left, count in zip(self._left, counts, strict=True)]
        return had


async def by_content(place: Place, pages: AsyncIterator[Sequence[str]]) -> Seen:
    """By the content of the originals, as often as each is there. Needs 32 bytes a record."""
    digests: Counter[bytes] = Counter()
    async for page in pages:
        digests.update(map(_digest, page))
    return Seen(digests, place)


def by_order(place: Place) -> Seen:
    """By counting: for a transcript that holds the whole session."""
    return Seen(None, place)


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
