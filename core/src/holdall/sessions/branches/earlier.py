"""What branches have from before their forks, as it was read last: so that a page across a fork is read once."""

from __future__ import annotations

from typing import Any

import msgspec

from holdall.caching import Cache
from holdall.contract import Head
from holdall.sessions.branches.asked import Asked, built
from holdall.sessions.branches.line import Line
from holdall.sessions.engine import Engine
from holdall.sessions.names import messages_lane
from holdall.sessions.reader import NO_LANE, Part
from holdall.sessions.record import View
from holdall.sessions.views import Message, Page

__all__ = ["from_kept", "keep"]

_WEIGHT, _RECORD_WEIGHT = 600, 60
"""Bytes that what is kept of a line, and one record of it, take beside the record's own."""


class Earlier(msgspec.Struct, frozen=True):
    """The messages that a branch has from others, up to its fork, as they were read last."""

    line: Line
    start: int
    records: list[bytes]
    rewritten: list[int]
    """What the heads of their lanes said: while that stays, they are what they were."""


def _rewritten(line: Line, head: Head) -> list[int]:
    return [head.lanes.get(messages_lane(branch), NO_LANE).rewritten for branch, _ in line.path]


def keep(engine: Engine, line: Line, head: Head, start: int, records: list[bytes]) -> None:
    """Keep what was read of a page, as far as it comes before the branch's own first message and reaches it."""
    earlier, rewritten = records[: max(line.base - start, 0)], _rewritten(line, head)
    if earlier and len(earlier) == line.base - start and all(rewritten):
        weight = _WEIGHT + sum(map(len, earlier)) + _RECORD_WEIGHT * len(earlier)
        name = (head.partition, messages_lane(line.branch), "earlier")
        kept: Cache[Any] = engine.states
        kept.put(name, Earlier(line, start, earlier, rewritten), weight)


def from_kept(engine: Engine, view: View, asked: Asked, line: Line, part: Part) -> Page[Message] | None:
    """The page from what is kept of before the fork, and what ``part`` has of after it, if that is all of it."""
    head = part.state.head
    kept: Cache[Any] = engine.states
    found: Earlier | None = kept.get((head.partition, messages_lane(line.branch), "earlier"))
    start, stop = asked.window(view.stop)
    start, end = (start + line.stop, line.stop) if stop is None else (start, min(stop, line.stop))
    start = max(start, line.first)
    if found is None or not found.start <= start or found.line.path != line.path or found.line.base != line.base:
        return None
    if found.rewritten != _rewritten(line, head):
        return None
    own = part.records[1:] if part.positions.start == part.lane.first else part.records
    records = [*found.records[start - found.start : max(end - found.start, 0)], *own]
    whole = line.stop if view.stop is None else view.stop
    return built(records, start, line.first, whole, head)
