"""What each request tells the measures, gathered here and handed over now and then: no request waits for their locks.

To gather is to append to a list, which is no call of Python's; a worker hands over every other second.
"""

from __future__ import annotations

import collections
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import Counter, Histogram

__all__ = ["Count", "Spread"]


class Count:
    """What a counter is to be raised by."""

    __slots__ = ("_counter", "_more", "add")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._more: list[int] = []
        self.add = self._more.append
        """Raise it by so many."""

    def hand_over(self) -> None:
        """Tell the counter."""
        more = sum(self._more)
        self._more.clear()  # first: what cannot be told is not kept, and not told twice
        if more:
            self._counter.inc(more)


class Spread:
    """What a histogram, of ``bounds`` in seconds, is to be told; it is asked for when there is something to tell."""

    __slots__ = ("_histogram", "_place", "_seen", "add")

    def __init__(self, histogram: Callable[[], Histogram], bounds: tuple[float, ...]) -> None:
        self._histogram: Callable[[], Any] = histogram
        self._place = partial(bisect_left, bounds)
        self._seen: list[float] = []
        self.add = self._seen.append
        """Observe one duration."""

    def hand_over(self) -> None:
        """Tell the histogram. It takes one observation at a time; its buckets take any number."""
        if not self._seen:
            return
        places, total = collections.Counter(map(self._place, self._seen)), sum(self._seen)
        self._seen.clear()
        histogram = self._histogram()
        for place, count in places.items():
            histogram._buckets[place].inc(count)  # noqa: SLF001
        histogram._sum.inc(total)  # noqa: SLF001
