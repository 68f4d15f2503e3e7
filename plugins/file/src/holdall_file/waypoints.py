"""The way to an old record: how far checkpoints say that a lane had come, read once and remembered.

A checkpoint in a log never changes, so what it says holds for as long as the file is open under the same ``State``; a
log that was replaced or cut short gets another one. And a place to begin at is all that is taken from here: the records
are found by the lines that wrote them. A start too early costs time, one too late finds nothing, none finds another's.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from holdall_file.cold import read_at
from holdall_file.faults import Bad
from holdall_file.lines import Short, members_at

__all__ = ["End", "Trails", "Waypoint", "start_of"]

_MOST = 1024
"""Waypoints kept for one log, 24 bytes each."""
_TRAIL = 16
"""A trail takes as much memory as so many waypoints."""
_GUESS = 8192
"""A checkpoint of a few lanes is no longer."""
_AIMED = 6
"""So many steps go to where the record should be; where they do not come near, the steps after them halve."""

Key = tuple[str, int]
"""A lane, and the offset of the line that made it: one that is removed and made again is another."""


class _Signs(msgspec.Struct):
    """What a checkpoint says to one who looks for older records; the rest of it, which is more, is not made objects of."""

    checkpoint: int = 0
    lanes: dict[str, list[int] | None] = {}
    back: list[tuple[int, int]] = []


_decoder = msgspec.json.Decoder(_Signs)


class Waypoint(NamedTuple):
    """A checkpoint's offset, the highest ``stop`` that the lane had had, and the offset of the checkpoint before."""

    offset: int
    peak: int
    before: int


class End(NamedTuple):
    """Where a reading takes a log to end, and what a checkpoint would say there."""

    fd: int
    at: Waypoint
    back: Sequence[int]


class _Trail:
    """The waypoints of one lane in the order of the file, in three columns. Peaks only grow."""

    __slots__ = ("befores", "offsets", "peaks")

    def __init__(self) -> None:
        self.offsets, self.peaks, self.befores = array("Q"), array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self.offsets)

    def at(self, index: int) -> Waypoint:
        return Waypoint(self.offsets[index], self.peaks[index], self.befores[index])

    def add(self, waypoint: Waypoint) -> bool:
        at = bisect_right(self.offsets, waypoint.offset)
        if at and self.offsets[at - 1] == waypoint.offset:
            return False
        self.offsets.insert(at, waypoint.offset)
        self.peaks.insert(at, waypoint.peak)
        self.befores.insert(at, waypoint.before)
        return True

    def thin(self) -> None:
        """Keep every second waypoint."""
        self.offsets, self.peaks, self.befores = self.offsets[1::2], self.peaks[1::2], self.befores[1::2]


class Trails:
    """What is remembered of one log, whichever threads read it."""

    __slots__ = ("_count", "_lock", "_trails")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trails: dict[Key, _Trail] = {}
        self._count = 0

    def around(self, key: Key, position: int) -> tuple[Waypoint | None, Waypoint | None]:
        """The last waypoint at which the lane had not come to ``position``, and the first at which it had."""
        with self._lock:
            trail = self._trails.get(key)
            if trail is None:
                return None, None
            at = bisect_right(trail.peaks, position)
            return trail.at(at - 1) if at else None, trail.at(at) if at < len(trail) else None

    def add(self, key: Key, waypoint: Waypoint) -> None:
        """Remember a waypoint. When they are too many, every second goes."""
        with self._lock:
            trail = self._trails.get(key)
            if trail is None:
                trail = self._trails[key] = _Trail()
                self._count += _TRAIL
            self._count += trail.add(waypoint)
            if self._count > _MOST:
                self._thin()

    def _thin(self) -> None:
        for trail in self._trails.values():
            trail.thin()
        self._trails = {key: trail for key, trail in self._trails.items() if trail.offsets}
        self._count = sum(_TRAIL + len(trail) for trail in self._trails.values())


def start_of(trails: Trails, key: Key, position: int, end: End) -> int:
    """Where to begin to look for a record: at the last checkpoint before it, or where its lane was made.

    A checkpoint that is damaged is passed by: then it is one further back.
    """
    birth, stop = Waypoint(key[1], 0, 0), end.at.offset
    named: dict[int, Sequence[int]] = {stop: end.back}
    """What each checkpoint names that was read here; nothing, if it is damaged. None is tried twice."""
    while True:
        low, high = trails.around(key, position)
        low = low or birth
        if high is None or high.offset > stop:  # what a later reader met
            high = end.at
        if high.before <= low.offset:
            return low.offset
        try:
            if high.offset not in named:
                named[high.offset] = _names(_read(end.fd, high.offset, stop))
        except Bad:
            return low.offset
        between = [at for at in named[high.offset] if low.offset < at < high.offset and at not in named]
        if not between:
            return low.offset
        if len(named) <= _AIMED:
            chosen = between[min(bisect_right(between, _goal(low, high, position)), len(between) - 1)]
        else:
            chosen = between[len(between) // 2]
        named[chosen] = ()
        with suppress(Bad):
            found = _read(end.fd, chosen, stop)
            trails.add(key, _waypoint(chosen, found, key))
            named[chosen] = _names(found)


def _goal(low: Waypoint, high: Waypoint, position: int) -> int:
    """The offset at which a record should be, if the lane grew evenly."""
    return low.offset + (high.offset - low.offset) * (position - low.peak) // (high.peak - low.peak)


def _waypoint(offset: int, found: _Signs, key: Key) -> Waypoint:
    lane = found.lanes.get(key[0])
    if lane is None or lane[3] != key[1]:
        raise Bad(offset, f"the checkpoint does not know {key[0]!r}")
    return Waypoint(offset, lane[4], found.back[-1][1] if found.back else 0)


def _names(found: _Signs) -> Sequence[int]:
    return [at for _, at in found.back]


def _read(fd: int, at: int, end: int) -> _Signs:
    """What the checkpoint at ``at`` says; raises ``Bad``."""
    data = read_at(fd, at, min(at + _GUESS, end))
    try:
        return _signs(data, at)
    except Short as short:
        needs = short.needs
    try:
        return _signs(read_at(fd, at, min(needs, end)), at)
    except Short:
        raise Bad(at, "the line is cut short") from None


def _signs(data: bytes, start: int) -> _Signs:
    """Of the checkpoint at ``start`` of the file, where ``data`` begins; ``Bad``: none stands there."""
    members, _ = members_at(data, 0, start)
    try:
        found = _decoder.decode(members)
    except (ValueError, msgspec.DecodeError) as error:
        raise Bad(start, f"not a checkpoint: {error}") from None
    if not found.checkpoint:
        raise Bad(start, "not a checkpoint")
    return found
