"""Writing notes: what a step adds to the lane ``events``, so that its change is told exactly where it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.contract import Head, Lane
from holdall.sessions.live.notes import Note, encoded
from holdall.sessions.names import EVENTS, MAIN, messages_lane

if TYPE_CHECKING:
    from holdall.sessions.record import SessionRecord
    from holdall.sessions.state import SessionStep

__all__ = ["KEPT", "Tale", "note"]

KEPT = 1000
"""The notes that are kept at least, and four fifths of those that are kept at most."""
_NO_LANE = Lane()
Tale = tuple[str, str | None, int, int, dict[str, Any]]
"""What happened, to which records of which lane, and what else is told of it."""


def note(step: SessionStep, head: Head) -> None:
    """Add a note for each thing that a finished ``step`` on ``head`` tells of."""
    then = _shown(step.record)
    shown = then if step.before is None else _shown(step.before)
    at, stop = step.now // 1000, _stop(step, head, shown)
    records: list[bytes] = []
    for kind, lane, first, last, about in step.tales or (("changed", None, 0, 0, {}),):
        moves = shown != then
        made = Note(
            type=kind,
            version=step.version,
            at=at,
            shown=shown,
            stop=stop,
            then=then if moves else None,
            start=_start(step, head, then) if moves else 0,
            lane=lane,
            first=first,
            last=last,
            about={name: value for name, value in about.items() if value is not None},
        )
        records.append(encoded(made))
        if moves:
            shown, stop = then, _stop(step, head, then)
    step.append(EVENTS, records)
    kept = step.lane(EVENTS)
    if len(kept) > KEPT + KEPT // 4:
        step.trim(EVENTS, kept.stop - KEPT)
    if step.active_at < step.now:
        step.touch()


def _shown(record: SessionRecord) -> str:
    return MAIN if record.view is None else record.view.branch


def _stop(step: SessionStep, head: Head, branch: str) -> int:
    """Where a branch's lane ends after ``step``; of one that it removes, where it ended."""
    name = messages_lane(branch)
    lane = step.lanes.get(name)
    return (head.lanes.get(name, _NO_LANE) if lane is None else lane).stop


def _start(step: SessionStep, head: Head, branch: str) -> int:
    """Where what ``step`` adds to a branch begins: behind what was there, or behind how it began."""
    name = messages_lane(branch)
    return head.lanes[name].stop if name in head.lanes else step.lane(name).first + (branch != MAIN)
