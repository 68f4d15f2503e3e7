"""From a place in the order of a session's changes to what comes after it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdall.contract import Head, Span
from holdall.sessions.engine import Engine
from holdall.sessions.live.notes import Change, Note, Place, parse_note
from holdall.sessions.names import EVENTS, MAIN, MESSAGES, SESSION, TOOLS, messages_lane, session_partition
from holdall.sessions.reader import NO_LANE, View
from holdall.sessions.state import State
from holdall.sessions.views import Message, ToolRun

__all__ = ["MOST", "Batch", "end_of", "read", "shown"]

MOST = 64
"""Changes that one look brings at the most."""


class Batch(msgspec.Struct, frozen=True):
    """What one look found."""

    changes: list[Change]
    place: Place
    """Behind all of them."""
    branch: str
    """The branch that is shown there, as far as is known."""
    state: State
    """The session as it was then."""
    whole: bool
    """Whether nothing else had happened."""


class _Item(msgspec.Struct, frozen=True):
    """A change to be told: a note, or a record of a lane."""

    place: Place
    """The place behind it."""
    note: Note | None
    lane: str | None = None
    position: int = 0


def shown(state: State) -> str:
    """The branch that a session shows."""
    view = state.record.view
    return MAIN if view is None else view.branch


def end_of(state: State) -> Place:
    """The place behind everything that has happened."""
    lanes = state.head.lanes
    return Place(lanes.get(EVENTS, NO_LANE).stop, lanes.get(messages_lane(shown(state)), NO_LANE).stop)


async def read(engine: Engine, session: str, after: Place, branch: str) -> Batch:
    """What happened after a place, whoever may see it; ``branch`` is the one that is taken to be shown there.

    Where it is, and only messages came, one look is enough. Records are told as they are now; those that are erased
    are not told. Raises ``NotFound`` for a session that is not stored any more.
    """
    partition, lane = session_partition(session), messages_lane(branch)
    asked = Span(EVENTS, after.notes, after.notes + MOST)
    more = Span(lane, after.messages, after.messages + MOST)
    view = engine.opened(await engine.load(session, partition, Span(SESSION, -1), asked, more))
    state, records = view.state, view.run(asked)
    if state.record.status == "deleted":
        return Batch([], after, branch, state, whole=True)
    notes = [note for note in map(parse_note, records) if note is not None]
    reason = _lost(state, after, notes) if len(notes) == len(records) else "damaged"
    if reason is not None:
        end = end_of(state)
        change = Change(str(end), "reset", {"reason": reason, "version": state.head.changed})
        return Batch([change], end, shown(state), state, whole=True)
    items, end = _items(state, after, notes)
    spans = _spans(items)
    if any(span.lane != lane or span.start < more.start or (span.stop or 0) > (more.stop or 0) for span in spans):
        view = engine.opened(await engine.load(session, partition, Span(SESSION, -1), *spans))
        if view.state.record.status == "deleted":
            return Batch([], after, branch, view.state, whole=True)
    changes = [change for item in items if (change := _told(item, view)) is not None]
    return Batch(changes, end, _branch(state, notes, after, end), state, whole=end == end_of(state))


def _lost(state: State, after: Place, notes: Sequence[Note]) -> str | None:
    """Why what came after a place cannot be told; ``None``: it can."""
    lane = state.head.lanes.get(EVENTS, NO_LANE)
    if after.notes < lane.first:
        return "too-old"
    stop = notes[0].stop if notes else end_of(state).messages
    return "unknown" if after.notes > lane.stop or after.messages > stop else None


def _branch(state: State, notes: Sequence[Note], after: Place, place: Place) -> str:
    """The branch that is shown at ``place``, which ``notes`` lead to from ``after``."""
    following = notes[place.notes - after.notes :]
    if following:
        return following[0].shown
    last = notes[-1] if notes else None
    return shown(state) if last is None else last.then or last.shown


def _items(state: State, after: Place, notes: Sequence[Note]) -> tuple[list[_Item], Place]:
    """What follows a place, ``MOST`` items of it, and the place behind them."""
    head, found = state.head, list[_Item]()
    position, part, number = after.messages, after.part, after.notes
    for note in notes:
        found += _messages(head, number, note.shown, position, note.stop)
        behind = Place(number + 1, note.following())
        if note.lane is None:
            found.append(_Item(behind, note))
        else:
            for each in _there(head, note.lane, note.first + part, note.last):
                last = each == note.last - 1
                place = behind if last else Place(number, note.stop, each + 1 - note.first)
                found.append(_Item(place, note, note.lane, each))
        if len(found) > MOST:
            return found[:MOST], found[MOST - 1].place
        position, part, number = behind.messages, 0, behind.notes
    if number == head.lanes.get(EVENTS, NO_LANE).stop:
        stop = end_of(state).messages
        found += _messages(head, number, shown(state), position, stop)
        position = stop
    if len(found) > MOST:
        return found[:MOST], found[MOST - 1].place
    return found, Place(number, position)


def _messages(head: Head, number: int, branch: str, first: int, stop: int) -> list[_Item]:
    """Messages that were told by their lane, before the note ``number``: a few more than there is need of."""
    lane = messages_lane(branch)
    return [_Item(Place(number, each + 1), None, lane, each) for each in _there(head, lane, first, stop)[: MOST + 1]]


def _there(head: Head, lane: str, first: int, stop: int) -> range:
    """The positions of a run of records that are still there; of a branch's, without how it began."""
    run = head.lanes.get(lane, NO_LANE)
    return range(max(first, run.first + (lane not in (MESSAGES, TOOLS))), min(stop, run.stop))


def _spans(items: Sequence[_Item]) -> list[Span]:
    """Where the records of ``items`` are."""
    found: list[Span] = []
    for item in items:
        if item.lane is None:
            continue
        last = found[-1] if found else None
        if last is not None and last.lane == item.lane and last.stop == item.position:
            found[-1] = Span(item.lane, last.start, item.position + 1)
        else:
            found.append(Span(item.lane, item.position, item.position + 1))
    return found


def _told(item: _Item, view: View) -> Change | None:
    """The change as it is told; ``None``: its record was erased meanwhile."""
    note, name = item.note, str(item.place)
    fields = {} if note is None else {"version": note.version, "at": note.at, **note.about}
    if note is not None and note.then is not None:
        fields["current"] = note.then
    kind = "appended" if note is None else note.type
    if item.lane is None:
        return Change(name, kind, fields)
    record = view.records.get((item.lane, item.position))
    if record is None or item.position not in _there(view.state.head, item.lane, item.position, item.position + 1):
        return None
    if item.lane == TOOLS:
        return Change(name, kind, fields, run=ToolRun(record))
    return Change(name, kind, fields, message=Message(record))
