"""Pages of a branch, in both directions and across its forks: the page, and a read more where it begins."""

from __future__ import annotations

import msgspec

from holdall.contract import Span
from holdall.errors import Conflict, Invalid
from holdall.sessions.branches.asked import Asked, built, no_cursor
from holdall.sessions.branches.earlier import from_kept, keep
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origins, check_live, knowing, line_of, parse_origin, shown
from holdall.sessions.engine import Engine
from holdall.sessions.names import (
    MAIN,
    known_branch,
    message_place,
    messages_lane,
    session_partition,
)
from holdall.sessions.reader import NO_LANE, Check, Part
from holdall.sessions.record import View
from holdall.sessions.state import State
from holdall.sessions.views import Message, Page

__all__ = ["line", "page"]


async def page(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine,
    session: str,
    branch: str | None,
    limit: int,
    before: str | None,
    after: str | None,
    check: Check,
) -> Page[Message]:
    """A page of a branch, or of what the session shows; see ``Store.history``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    if branch is not None:
        known_branch(branch)
    places = (None if cursor is None else message_place(cursor) for cursor in (before, after))
    asked, origins = Asked(branch, limit, *places), Origins()
    while True:
        found = await knowing(engine, session, origins, check, lambda: _page(engine, session, asked, origins, check))
        if found is not None:
            return found


async def _page(engine: Engine, session: str, asked: Asked, origins: Origins, check: Check) -> Page[Message] | None:
    """The page; ``None`` when the session came to show something else meanwhile."""
    if asked.branch is None:
        known = engine.states.peek(session_partition(session)) or await engine.current(session, check)
        view = known.record.view or View(MAIN)
    else:
        view = View(asked.branch)
    part = await engine.part(session, _own(view, asked), check)
    while asked.branch is None and (part.state.record.view or View(MAIN)) != view:
        view = part.state.record.view or View(MAIN)  # what was remembered of the session is old
        part = await engine.part(session, _own(view, asked), check)
    check_live(part.state.head, view.branch)
    cursor = asked.cursor
    if cursor is None or cursor[0] == view.branch:
        found = _within(view, asked, part)
        if found is not None:
            return found
    if part.positions and part.positions.start == part.lane.first and view.branch != MAIN:
        origins[view.branch, part.lane.first] = parse_origin(part.records[0], f"the branch {view.branch}")
    line = line_of(part.state.head, view.branch, origins)
    cursor = asked.cursor
    if cursor is not None and not line.holds(*cursor) and cursor != (line.branch, line.stop):
        raise no_cursor(cursor)
    asked.check(line.stop if view.stop is None else view.stop)
    return from_kept(engine, view, asked, line, part) or await _across(engine, session, view, asked, line, check)


def _own(view: View, asked: Asked) -> Span:
    """The page, as far as it lies in the branch's own lane, and one record before it."""
    start, stop = asked.window(view.stop)
    more = 0 if view.branch == MAIN else 1
    return Span(messages_lane(view.branch), max(start - more, 0) if start >= 0 else start - more, stop)


def _within(view: View, asked: Asked, part: Part) -> Page[Message] | None:
    """The page, if all of it lies in the branch's own lane."""
    lane, positions = part.lane, part.positions
    end = lane.stop if view.stop is None else view.stop
    asked.check(end)
    if view.branch == MAIN:
        return built(part.records, positions.start, lane.first, end, part.state.head)
    if positions.start <= lane.first:
        return None
    start = positions.start + 1
    return built(part.records[1:], start, start - 1, end, part.state.head)


async def _across(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, view: View, asked: Asked, line: Line, check: Check
) -> Page[Message] | None:
    """The page from all the lanes that it lies in, in one moment."""
    start, stop = asked.window(view.stop)
    if stop is None:
        start += line.stop
    spans = line.spans(max(start, line.first), stop)
    moment = await engine.view(session, *spans, check=check)
    head = moment.state.head
    if asked.branch is None and (moment.state.record.view or View(MAIN)) != view:
        return None
    lane = head.lanes.get(messages_lane(line.branch))
    if lane is None or lane.first + (line.branch != MAIN) != line.base:
        return None
    check_live(head, line.branch)
    records = [record for span in spans for record in moment.run(span)]
    keep(engine, line, head, max(start, line.first), records)
    end = lane.stop if view.stop is None else view.stop
    if stop is None:
        records = records[-asked.limit :]
        return built(records, end - len(records), line.first, end, head)
    return built(records, max(start, line.first), line.first, end, head)


async def line(engine: Engine, session: str, branch: str | None, check: Check, at: State | None = None) -> Line:
    """Where the messages of a branch lie, or of what the session shows: now, or as it was ``at`` a moment.

    Raises ``Conflict`` when the session was cleared since.
    """
    origins = Origins()

    async def attempt() -> Line:
        now = await engine.current(session, check)
        state = at or now
        view = shown(state, branch)
        name = messages_lane(view.branch)
        first, there = (each.head.lanes.get(name, NO_LANE).first for each in (state, now))
        if there != first:  # nothing is left of that moment
            raise Conflict(f"session {session}", expected=state.head.changed, found=now.head.changed)
        found = line_of(state.head, view.branch, origins)
        return found if view.stop is None else msgspec.structs.replace(found, stop=view.stop)

    return await knowing(engine, session, origins, check, attempt)
