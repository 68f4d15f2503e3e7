"""Heads as the server packs them: all lanes in one value and all marks in one, so that a list is a row for each session."""

from __future__ import annotations

from itertools import islice
from struct import Struct
from typing import Any

from holdall.contract import Head, Lane

__all__ = ["Heads"]

_KEPT = 4096
_LENGTH, _LANE, _SCORE = Struct(">i"), Struct(">qqq"), Struct(">q")


class Heads:
    """The heads that rows told of last: a list mostly shows what it showed before, which is not unpacked again."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[tuple[Any, ...], Head]] = {}

    def head(self, partition: bytes, *told: Any) -> Head:
        """Of ``told``: version, changed, expires_at, lanes, marks."""
        known = self._kept.get(partition)
        if known is not None and known[0] == told:
            return known[1]
        version, changed, expires_at, lanes, marks = told
        head = Head(partition.decode(), version, changed, expires_at, _lanes_in(lanes), _marks_in(marks))
        self._kept[partition] = told, head
        if len(self._kept) > _KEPT:
            for old in list(islice(self._kept, _KEPT // 8)):
                self._kept.pop(old, None)
        return head


def _lanes_in(data: bytes | None) -> dict[str, Lane]:
    """Each a length of four bytes, the name, and three numbers of eight: first, stop, rewritten."""
    found: dict[str, Lane] = {}
    at, end = 0, len(data or b"")
    while data is not None and at < end:
        stop = at + 4 + _LENGTH.unpack_from(data, at)[0]
        found[data[at + 4 : stop].decode()] = Lane(*_LANE.unpack_from(data, stop))
        at = stop + 24
    return found


def _marks_in(data: bytes | None) -> dict[str, int]:
    """Each a length of four bytes, the name, and the score in eight."""
    found: dict[str, int] = {}
    at, end = 0, len(data or b"")
    while data is not None and at < end:
        stop = at + 4 + _LENGTH.unpack_from(data, at)[0]
        found[data[at + 4 : stop].decode()] = _SCORE.unpack_from(data, stop)[0]
        at = stop + 8
    return found
