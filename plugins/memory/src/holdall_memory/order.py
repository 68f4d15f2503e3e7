"""Partitions ordered by score: cheap to move, sorted only when somebody looks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping

from holdall.contract import Head, Scan

__all__ = ["Order", "scores"]


def scores(head: Head | None) -> Mapping[str | None, int]:
    """The scores of a partition by mark; the walk by name is that of ``None``."""
    return {} if head is None else {None: 0, **head.marks}


class Order:
    """Moves are noted in O(1) and merged into the sorted list by the next walk, which asks what the scores are now."""

    __slots__ = ("_moved", "_sorted", "count")

    def __init__(self) -> None:
        self.count = 0
        """Partitions that are in it."""
        self._sorted: list[tuple[int, str]] = []
        self._moved: dict[str, int | None] = {}
        """Where each moved partition stands in the sorted list (``None``: it is not there)."""

    def moved(self, partition: str, old: int | None, new: int | None) -> None:
        """Note that a score changed; ``None``: the partition has none."""
        if old == new or (old is not None and new is not None and partition in self._moved):
            return
        self.count += (old is None) - (new is None)
        if self._moved.setdefault(partition, old) is None and new is None:
            del self._moved[partition]

    def walk(self, heads: Mapping[str, Head], scan: Scan) -> list[str]:
        """The partitions that ``scan`` asks for; ``heads`` tells the scores."""
        self._merge(heads, scan.mark)
        if scan.descending:
            end = len(self._sorted) if scan.after is None else bisect_left(self._sorted, scan.after)
            return [name for _, name in reversed(self._sorted[max(end - scan.limit, 0) : end])]
        start = 0 if scan.after is None else bisect_right(self._sorted, scan.after)
        return [name for _, name in self._sorted[start : start + scan.limit]]

    def _merge(self, heads: Mapping[str, Head], mark: str | None) -> None:
        moved, self._moved = self._moved, {}
        marks = {name: heads[name].marks for name in moved if name in heads}
        now = {name: 0 if mark is None else of[mark] for name, of in marks.items() if mark is None or mark in of}
        if len(moved) * 8 > self.count:
            kept = (item for item in self._sorted if item[1] not in moved)
            self._sorted = sorted([*kept, *((score, name) for name, score in now.items())])
            return
        for name, old in moved.items():
            if old is not None:
                del self._sorted[bisect_left(self._sorted, (old, name))]
            if name in now:
                insort(self._sorted, (now[name], name))
