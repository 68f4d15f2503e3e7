"""What is kept in memory of one mark: its highest entries, all of them down to a floor."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from holdall_file.catalog import Row

__all__ = ["Key", "Window"]

Key = tuple[int, str]
_WIDEST = 4096
"""Entries that a window holds at the most."""


class Window:
    """Entries in order. Each is an intent, as in the catalogue: it counts when its partition's head agrees."""

    __slots__ = ("_versions", "floor", "keys")

    def __init__(self, rows: Iterable[Row], floor: Key | None) -> None:
        self.keys: list[Key] = []
        self.floor = floor
        """Below it the catalogue must be asked; ``None``: everything is here."""
        self._versions: dict[str, dict[int, int]] = {}
        self.extend(rows, floor)

    def extend(self, rows: Iterable[Row], floor: Key | None) -> None:
        """Take the entries that come next in the catalogue."""
        for row in rows:
            scores = self._versions.setdefault(row.name, {})
            if row.score not in scores:
                scores[row.score] = row.version
                self.keys.append((row.score, row.name))
        self.keys.sort()
        self.floor = floor

    def above(self, key: Key | None) -> bool:
        """Whether ``key`` lies below the floor."""
        return key is not None and self.floor is not None and key < self.floor

    def add(self, score: int, name: str, version: int) -> bool:
        """Take an entry, unless it belongs below the floor; whether it is new."""
        key = (score, name)
        if self.above(key):
            return False
        scores = self._versions.setdefault(name, {})
        known = scores.get(score)
        scores[score] = version if known is None else max(version, known)
        if known is None:
            insort(self.keys, key)
            if len(self.keys) > _WIDEST:
                self._shrink()
        return known is None

    def discard(self, score: int, name: str) -> None:
        """Forget an entry that turned out to be wrong."""
        scores = self._versions.get(name)
        if scores is not None and scores.pop(score, None) is not None:
            del self.keys[bisect_left(self.keys, (score, name))]
            if not scores:
                del self._versions[name]

    def gone(self, name: str, version: int) -> None:
        """Forget what a removed partition had up to ``version``."""
        for score in [score for score, was in self._versions.get(name, {}).items() if was <= version]:
            self.discard(score, name)

    def _shrink(self) -> None:
        """Give the lower half up."""
        half = len(self.keys) // 2
        for score, name in self.keys[:half]:
            scores = self._versions[name]
            del scores[score]
            if not scores:
                del self._versions[name]
        del self.keys[:half]
        self.floor = self.keys[0]
