"""What each request tells the measures, gathered here and handed over now and then: no request waits for their locks."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from prometheus_client import Counter, Histogram

__all__ = ["Count", "Spread"]


class Count:
    """What a counter is to be raised by."""

    __slots__ = ("_counter", "_more")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._more = 0

    def add(self, count: int) -> None:
        """Raise it."""
        self._more += count

    def hand_over(self) -> None:
        """Tell the counter."""
        if self._more:
            more, self._more = self._more, 0
            self._counter.inc(more)


class Spread:
    """What a histogram, of ``bounds`` in seconds, is to be told."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_total")

    def __init__(self, histogram: Histogram, bounds: tuple[float, ...]) -> None:
        self._histogram: Any = histogram  # it takes one observation at a time; its buckets take any number
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Observe one duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def hand_over(self) -> None:
        """Tell the histogram."""
        counts, self._counts = self._counts, [0] * len(self._counts)
        total, self._total = self._total, 0.0
        for bucket, count in zip(self._histogram._buckets, counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        if total:
            self._histogram._sum.inc(total)  # noqa: SLF001
