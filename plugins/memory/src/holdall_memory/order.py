"""Partitions ordered by score: cheap to move, sorted only when somebody looks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

__all__ = ["Order"]


class Order:
    """A score per partition. Moves are noted in O(1) and merged into the sorted list by the next walk."""

    def __init__(self) -> None:
        self._scores: dict[str, int] = {}
        self._sorted: list[tuple[int, str]] = []
        self._moved: dict[str, int | None] = {}
        """Where each moved partition stands in the sorted list (``None``: it is not there yet)."""

    def __len__(self) -> int:
        return len(self._scores)

    def set(self, partition: str, score: int | None) -> None:
        """Give ``partition`` a score, or with ``None`` take it out."""
        old = self._scores.get(partition)
        if old == score:
            return
        self._moved.setdefault(partition, old)
        if score is None:
            del self._scores[partition]
        else:
            self._scores[partition] = score

    def walk(self, after: tuple[int, str] | None, limit: int, *, descending: bool) -> list[str]:
        """The next ``limit`` partitions behind ``after``."""
        self._merge()
        if descending:
            end = len(self._sorted) if after is None else bisect_left(self._sorted, after)
            return [name for _, name in reversed(self._sorted[max(end - limit, 0) : end])]
        start = 0 if after is None else bisect_right(self._sorted, after)
        return [name for _, name in self._sorted[start : start + limit]]

    def _merge(self) -> None:
        if len(self._moved) * 8 > len(self._scores):
            self._sorted = sorted((score, name) for name, score in self._scores.items())
        else:
            for name, old in self._moved.items():
                if old is not None:
                    del self._sorted[bisect_left(self._sorted, (old, name))]
                if name in self._scores:
                    insort(self._sorted, (self._scores[name], name))
        self._moved.clear()
