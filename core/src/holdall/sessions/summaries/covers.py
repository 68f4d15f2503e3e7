"""Which messages a record stands for, and whether they still say what they said when it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from holdall.contract import Head, Span
from holdall.errors import NotFound
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import parse_origin
from holdall.sessions.engine import Engine
from holdall.sessions.names import EDITS, MAIN, REDACTED, message_id, message_place, messages_lane
from holdall.sessions.reader import NO_LANE, Check

__all__ = ["Cover", "Covers", "Since", "covers_of", "id_at", "since"]

_Places = dict[int, tuple[str, int]]
_LATER = 1 << 63
"""Than every version."""


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
    redactions: int = 0
    """How many versions had been redacted."""


class Since(Enum):
    """What has happened since to the messages that a record stands for."""

    NOTHING = 0
    CHANGED = 1
    """One was edited, or is gone."""
    REDACTED = 2
    """What one said is not to be read any more."""


def covers_of(head: Head, line: Line, start: int, stop: int) -> Covers:
    """The messages of ``line`` at positions ``start`` to ``stop``, as they are at the moment of ``head``."""
    runs = tuple(
        Cover(branch, max(first, start), min(end, stop), head.lanes.get(messages_lane(branch), NO_LANE).rewritten)
        for branch, first, end in line.segments()
        if max(first, start) < min(end, stop)
    )
    return Covers(runs, *(head.lanes.get(lane, NO_LANE).stop for lane in (EDITS, REDACTED)))


def id_at(covers: Covers, position: int) -> str:
    """The id of the message at a position that is covered."""
    for run in covers.runs:
        if run.start <= position < run.stop:
            return message_id(position, run.branch)
    raise ValueError(f"{position} is not covered")


async def since(engine: Engine, session: str, head: Head, records: Sequence[Covers], check: Check) -> list[Since]:
    """Of each, what has happened since to the messages that it stands for.

    The heads of lanes tell that nothing has, nearly always; otherwise edits and redactions since are looked through.
    """
    moved = [_moved(head, covers) for covers in records]
    if any(moved):
        before = await _before_titles(engine, session, head, {run.branch for runs in moved for run in runs}, check)
        moved = [[run for run in runs if before.get(run.branch, _LATER) > run.rewritten] for runs in moved]
    if not any(moved):
        return [Since.NOTHING for _ in records]
    few = [covers for covers, has in zip(records, moved, strict=True) if has]
    changed = await _places(engine, session, Span(EDITS, min(covers.edits for covers in few)), check)
    hidden = await _places(engine, session, Span(REDACTED, min(covers.redactions for covers in few)), check)
    return [
        _since(covers, changed, hidden) if has else Since.NOTHING for covers, has in zip(records, moved, strict=True)
    ]


def _moved(head: Head, covers: Covers) -> list[Cover]:
    lanes = ((run, head.lanes.get(messages_lane(run.branch), NO_LANE)) for run in covers.runs)
    return [run for run, lane in lanes if lane.rewritten != run.rewritten or lane.first > run.start]


async def _before_titles(
    engine: Engine, session: str, head: Head, branches: Iterable[str], check: Check
) -> dict[str, int]:
    """By branch, the last version that overwrote a record of its lane for more than its title."""
    names = {branch: messages_lane(branch) for branch in branches if branch != MAIN}
    first = {name: head.lanes[name].first for name in names.values() if name in head.lanes}
    view = await engine.view(session, *[Span(name, at, at + 1) for name, at in first.items()], check=check)
    found: dict[str, int] = {}
    for branch, name in names.items():
        lane = view.state.head.lanes.get(name)
        if lane is not None and lane.first == first.get(name):
            origin = parse_origin(view.records[name, lane.first], f"{session} {name}[{lane.first}]")
            found[branch] = origin.overwritten(lane)
    return found


def _since(covers: Covers, changed: _Places, hidden: _Places) -> Since:
    """Where a lane was written to though nobody edited or redacted anything, what it was counts as a change."""
    edits = [place for at, place in changed.items() if at >= covers.edits]
    redactions = [place for at, place in hidden.items() if at >= covers.redactions]
    if any(_holds(covers.runs, *place) for place in redactions):
        return Since.REDACTED
    touched = any(_holds(covers.runs, *place) for place in edits)
    return Since.CHANGED if touched or not (edits or redactions) else Since.NOTHING


def _holds(runs: Iterable[Cover], branch: str, position: int) -> bool:
    return any(run.branch == branch and run.start <= position < run.stop for run in runs)


async def _places(engine: Engine, session: str, span: Span, check: Check) -> _Places:
    """The places of the messages that records of ``span`` are about, by the records' positions."""
    view = await engine.view(session, span, check=check)
    found: _Places = {}
    for (lane, at), raw in view.records.items():
        if lane == span.lane:
            try:
                named = msgspec.json.decode(raw, type=_Named)
                found[at] = message_place(named.of or named.id)
            except (msgspec.DecodeError, NotFound):  # what a repair may put there
                continue
    return found


class _Named(msgspec.Struct):
    """The id of the message that a record of an edit, or of a redaction, is about."""

    id: str = ""
    of: str = ""
