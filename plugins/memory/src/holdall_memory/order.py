"""Partitions ordered by score: cheap to move, sorted only when somebody looks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable

__all__ = ["Order"]


class Order:
    """Moves are noted in O(1) and merged into the sorted list by the next walk, which asks what the scores are now."""

    __slots__ = ("_count", "_moved", "_score", "_sorted")

    def __init__(self, score: Callable[[str], int | None]) -> None:
        self._score = score
        self._count = 0
        self._sorted: list[tuple[int, str]] = []
        self._moved: dict[str, int | None] = {}
        """Where each moved partition stands in the sorted list (``None``: it is not there)."""

    def __len__(self) -> int:
        return self._count

    def moved(self, partition: str, old: int | None, new: int | None) -> None:
        """Note that a score changed; ``None``: the partition has none."""
        if old == new or (old is not None and new is not None and partition in self._moved):
            return
        self._count += (old is None) - (new is None)
        if self._moved.setdefault(partition, old) is None and new is None:
            del self._moved[partition]

    def walk(self, after: tuple[int, str] | None, limit: int, *, descending: bool) -> list[str]:
        """The next ``limit`` partitions behind ``after``."""
        self._merge()
        if descending:
            end = len(self._sorted) if after is None else bisect_left(self._sorted, after)
            return [name for _, name in reversed(self._sorted[max(end - limit, 0) : end])]
        start = 0 if after is None else bisect_right(self._sorted, after)
        return [name for _, name in self._sorted[start : start + limit]]

    def _merge(self) -> None:
        moved, self._moved = self._moved, {}
        if len(moved) * 8 > self._count:
            kept = [item for item in self._sorted if item[1] not in moved]
            kept += [(score, name) for name in moved if (score := self._score(name)) is not None]
            kept.sort()
            self._sorted = kept
            return
        for name, old in moved.items():
            if old is not None:
                del self._sorted[bisect_left(self._sorted, (old, name))]
            score = self._score(name)
            if score is not None:
                insort(self._sorted, (score, name))
