"""The latest records of the lanes that are read, decoded once and kept.

A record stays what it is for as long as its lane's ``rewritten`` does, whoever writes to the session. So what is kept
needs no news of changes: a head that says the same ``rewritten`` vouches for it, and for what this process appended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdall.caching import Cache
from holdall.contract import Address, Head, Lane, Span

__all__ = ["MOST", "Recent", "Run"]

MOST = 128
"""Records that one run has when it was trimmed; it grows by half before it is trimmed again."""
_MOST_BYTES = 1 << 20
_WEIGHT, _RECORD_WEIGHT = 600, 60
"""Bytes that a run and one record take beside the record's own."""


class Run(msgspec.Struct):
    """Consecutive records of one lane. They are never changed, only taken off in front and added behind."""

    rewritten: int
    """What the lane's head said when they were read; never 0, which tells nothing."""
    start: int
    records: list[bytes]
    size: int

    @property
    def stop(self) -> int:
        """The position behind the last record."""
        return self.start + len(self.records)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return _WEIGHT + _RECORD_WEIGHT * len(self.records) + self.size

    def part(self, positions: range) -> list[bytes] | None:
        """The records at ``positions``, if all of them are here."""
        if not positions:
            return []
        start = self.start
        if positions.start < start or positions.stop > self.stop:
            return None
        return self.records[positions.start - start : positions.stop - start]

    def extend(self, records: Sequence[bytes]) -> None:
        """Add what follows, and give up the oldest where that is too much."""
        self.records += records
        self.size += sum(map(len, records))
        while len(self.records) > MOST + MOST // 2 or self.size > _MOST_BYTES:
            off = max(len(self.records) - MOST, 1)
            self.size -= sum(map(len, self.records[:off]))
            del self.records[:off]
            self.start += off


class Recent:
    """Runs by partition and lane, in the cache that also keeps the states of sessions."""

    def __init__(self, cache: Cache[Any]) -> None:
        self._runs: Cache[Run] = cache
        self.used = False
        """Whether anybody ever read, so that something may be kept."""

    def run(self, partition: str, span: Span, head: Head) -> Run | None:
        """What is kept of a lane, if it has all of ``span`` by what ``head``, perhaps an old one, says."""
        run = self._runs.get((partition, span.lane))
        if run is None:
            return None
        lane = head.lanes.get(span.lane)
        if lane is None or lane.rewritten != run.rewritten:
            return None
        positions = span.within(lane)
        return run if not positions or positions.start >= run.start else None

    def learn(self, partition: str, name: str, lane: Lane, positions: range, records: list[bytes]) -> None:
        """Keep records that were read, where they reach the lane's end."""
        if positions and positions.stop == lane.stop and lane.rewritten:
            run = Run(lane.rewritten, positions.start, [], 0)
            run.extend(records)
            self._keep(partition, name, run)

    def follow(self, partition: str, name: str, run: Run, first: int, records: Sequence[bytes]) -> None:
        """Add to ``run`` the ``records`` from position ``first`` on, but for those that it got meanwhile.

        Where what lay between was erased before it was read, it stays as it is.
        """
        known = run.stop - first
        news = records[known:] if known >= 0 else ()
        if news:
            run.extend(news)
            self._keep(partition, name, run)

    def wrote(self, partition: str, lanes: Mapping[str, Lane | None], write: Mapping[Address, bytes]) -> None:
        """Keep what this process stored in lanes that somebody reads."""
        for name in lanes:
            run = self._runs.peek((partition, name))
            if run is None:
                continue
            lane = lanes[name]
            if lane is None or lane.rewritten != run.rewritten:
                self._runs.drop((partition, name))
            elif (name, run.stop) in write:
                run.extend([write[name, position] for position in range(run.stop, lane.stop)])
                self._keep(partition, name, run)

    def _keep(self, partition: str, name: str, run: Run) -> None:
        self.used = True
        self._runs.put((partition, name), run, run.weight)
