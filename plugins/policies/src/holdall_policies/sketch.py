"""How often a key was asked for, of late and about: a count-min sketch whose counts are halved now and then."""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ["Sketch"]

_FULL = 15
_HALVES = bytes(count // 2 for count in range(256))
_MIXERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
_WORD = (1 << 64) - 1
_SMALLEST = 256
_SAMPLE = 10
"""Uses, for each place of a row, after which all counts are halved."""


class Sketch:
    """Counts up to 15, in three rows of one byte a place; ``grow`` makes room for more keys."""

    def __init__(self) -> None:
        self._rows = [bytearray(_SMALLEST) for _ in _MIXERS]
        self._mask = _SMALLEST - 1
        self._uses = 0

    def grow(self, keys: int) -> None:
        """Have a place for each of ``keys``; what was counted stays counted."""
        while self._mask < keys:
            self._rows = [row + row for row in self._rows]
            self._mask = 2 * self._mask + 1

    def add(self, key: Hashable) -> None:
        """``key`` was asked for."""
        mixed, mask = hash(key), self._mask
        for row, mixer in zip(self._rows, _MIXERS, strict=True):
            at = (mixed * mixer & _WORD) >> 24 & mask
            if row[at] < _FULL:
                row[at] += 1
        self._uses += 1
        if self._uses > _SAMPLE * mask:
            self._rows = [row.translate(_HALVES) for row in self._rows]
            self._uses //= 2

    def count(self, key: Hashable) -> int:
        """About how often; never less than it was, but for the halving."""
        mixed, mask = hash(key), self._mask
        return min(row[(mixed * mixer & _WORD) >> 24 & mask] for row, mixer in zip(self._rows, _MIXERS, strict=True))
