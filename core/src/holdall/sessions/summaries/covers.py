"""Which messages a record stands for, and whether they still say what they said when it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdall.contract import Head, Span
from holdall.errors import NotFound
from holdall.sessions.branches.line import Line
from holdall.sessions.engine import Engine
from holdall.sessions.names import EDITS, message_id, message_place, messages_lane
from holdall.sessions.reader import NO_LANE, Check

__all__ = ["Cover", "Covers", "covers_of", "id_at", "stale"]


class Cover(msgspec.Struct, frozen=True, array_like=True):
    """Messages of one branch's lane, and the version that had last overwritten one of the lane when they were read."""

    branch: str
    start: int
    stop: int
    rewritten: int


class Covers(msgspec.Struct, frozen=True):
    """What a record stands for: a run of a conversation, through the lanes that it has messages in."""

    runs: tuple[Cover, ...]
    edits: int
    """How many edits the session had seen."""


def covers_of(head: Head, line: Line, start: int, stop: int) -> Covers:
    """The messages of ``line`` at positions ``start`` to ``stop``, as they are at the moment of ``head``."""
    runs = tuple(
        Cover(branch, max(first, start), min(end, stop), head.lanes.get(messages_lane(branch), NO_LANE).rewritten)
        for branch, first, end in line.segments()
        if max(first, start) < min(end, stop)
    )
    return Covers(runs, head.lanes.get(EDITS, NO_LANE).stop)


def id_at(covers: Covers, position: int) -> str:
    """The id of the message at a position that is covered."""
    for run in covers.runs:
        if run.start <= position < run.stop:
            return message_id(position, run.branch)
    raise ValueError(f"{position} is not covered")


async def stale(engine: Engine, session: str, head: Head, records: Sequence[Covers], check: Check) -> list[bool]:
    """Of each, whether a message that it stands for was changed since, or is gone.

    The heads of lanes tell, nearly always; where a lane was written to, the edits since are looked through.
    """
    moved = [_moved(head, covers) for covers in records]
    if not any(moved):
        return moved
    since = min(covers.edits for covers, has in zip(records, moved, strict=True) if has)
    edited = await _edited(engine, session, since, check)
    return [has and _touched(covers, edited) for covers, has in zip(records, moved, strict=True)]


def _moved(head: Head, covers: Covers) -> bool:
    lanes = ((run, head.lanes.get(messages_lane(run.branch), NO_LANE)) for run in covers.runs)
    return any(lane.rewritten != run.rewritten or lane.first > run.start for run, lane in lanes)


def _touched(covers: Covers, edited: Mapping[int, tuple[str, int]]) -> bool:
    """Whether one of the edits since is of a message covered. Where there were none, something else changed a lane."""
    since = [place for at, place in edited.items() if at >= covers.edits]
    return not since or any(_holds(covers.runs, *place) for place in since)


def _holds(runs: Iterable[Cover], branch: str, position: int) -> bool:
    return any(run.branch == branch and run.start <= position < run.stop for run in runs)


async def _edited(engine: Engine, session: str, since: int, check: Check) -> dict[int, tuple[str, int]]:
    """The places of the messages that were edited, by the edits' positions."""
    view = await engine.view(session, Span(EDITS, since), check=check)
    found: dict[int, tuple[str, int]] = {}
    for (lane, at), raw in view.records.items():
        if lane == EDITS:
            try:
                found[at] = message_place(msgspec.json.decode(raw, type=_Named).id)
            except (msgspec.DecodeError, NotFound):  # what others keep there
                continue
    return found


class _Named(msgspec.Struct):
    id: str
