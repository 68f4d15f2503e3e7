"""Reading a session's lanes by page, in both directions, and clearing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from holdall import sessions
from holdall.contract import Span
from holdall.errors import Invalid, NotFound
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import (
    CHUNKS,
    COMPACTIONS,
    EDITS,
    MAIN,
    MESSAGES,
    ORIGINALS,
    PARTS,
    PLACES,
    REDACTED,
    REPLIES,
    SUMMARIES,
    THREADS,
    TOOLS,
    branch_of,
    is_of_branch,
    is_of_main,
    is_of_totals,
    message_id,
    message_place,
    message_position,
    messages_lane,
)
from holdall.sessions.reader import Check, Part
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message, Page

__all__ = [
    "Around",
    "around",
    "clearing",
    "history",
    "message",
    "originals",
    "page_of",
    "reading",
    "record_at",
    "span_of",
    "whole_message",
]

_REFERS = b'"large_parts":'
"""What is in every message that has large parts, and in few others."""
T = TypeVar("T")
P = TypeVar("P", int, str)
Around = tuple[int | None, int | None]
"""The positions that a page ends before and begins after; at most one of them is given."""


def span_of(lane: str, limit: int, place: Around) -> Span:
    """Where a page of ``limit`` records lies: at the end of the lane, unless ``place`` says otherwise."""
    before, after = place
    if before is not None:
        return Span(lane, max(before - limit, 0), before)
    if after is not None:
        return Span(lane, after + 1, after + 1 + limit)
    return Span(lane, -limit)


def page_of(part: Part, make: Callable[[bytes], T], cursor: Callable[[int], str]) -> Page[T]:
    """A part of a lane as a page: its items, and the cursors to go on with."""
    lane, positions, head = part.lane, part.positions, part.state.head
    items = [make(raw) for raw in part.records]
    if not positions:
        return Page(items, version=head.changed)
    following = cursor(positions[-1]) if positions.stop < lane.stop else None
    preceding = cursor(positions[0]) if positions.start > lane.first else None
    return Page(items, following, preceding, head.changed, PARTS in head.lanes)


def around(before: P | None, after: P | None, position: Callable[[P], int]) -> Around:
    """The positions that two cursors name; at most one may be given."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    return None if before is None else position(before), None if after is None else position(after)


async def reading(engine: Engine, session: str, span: Span, place: Around, check: Check) -> Part:
    """The moment that a page shows; raises ``NotFound`` for a cursor that no record has had yet."""
    part = await engine.part(session, span, check)
    before, after = place
    end = before if before is not None else -1 if after is None else after + 1
    if end > part.lane.stop:
        raise NotFound("cursor", str(end))
    return part


async def history(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine,
    session: str,
    limit: int,
    before: str | None,
    after: str | None,
    check: Check,
    branch: str | None = None,
) -> Page[Message]:
    """A page of messages, oldest first; see ``Store.history``."""
    if (branch is None or branch == MAIN) and is_of_main(before) and is_of_main(after):
        place = around(before, after, message_position)
        part = await reading(engine, session, span_of(MESSAGES, limit, place), place, check)
        if branch == MAIN or part.state.record.view is None:
            return page_of(part, Message, message_id)
    return await sessions.branches.pages.page(engine, session, branch, limit, before, after, check)


async def message(engine: Engine, session: str, name: str, check: Check) -> Message:
    """The message called ``name``, found by its position."""
    branch, position = message_place(name)
    lane = messages_lane(branch)
    state, raw = await record_at(engine, session, lane, position, check)
    if raw is None or (branch != MAIN and position == state.head.lanes[lane].first):
        raise NotFound("message", name)
    return Message(raw, state.head.changed)


async def whole_message(engine: Engine, session: str, name: str, check: Check) -> Message:
    """The message called ``name``, with its large parts."""
    read = partial(message, engine, session, name, check)
    found = await read()
    if _REFERS not in found.raw:
        return found
    joining = sessions.parts.joining
    (full,) = await joining.settled(
        [found], lambda: _alone(read), lambda one: joining.whole(engine, session, one, check)
    )
    return full


async def _alone(read: Callable[[], Awaitable[Message]]) -> list[Message]:
    return [await read()]


async def record_at(engine: Engine, session: str, lane: str, position: int, check: Check) -> tuple[State, bytes | None]:
    """One record of a session's lane, if it is there, and the moment that it is of."""
    part = await engine.part(session, Span(lane, position, position + 1), check)
    return part.state, part.records[0] if part.records else None


async def originals(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, limit: int, before: int | None, after: int | None, check: Check
) -> Page[str]:
    """A page of original records; see ``Store.originals``."""
    place = around(before, after, _original_position)
    span = span_of(ORIGINALS, limit, place)
    return page_of(await reading(engine, session, span, place, check), bytes.decode, str)


def _original_position(position: int) -> int:
    if position < 0:
        raise Invalid("is not a position", pointer="/before")
    return position


def clearing(expect: int | None) -> Decision[int]:
    """Erase the conversation: messages, originals, tool runs, branches, summaries. Positions, and so ids, are not used again."""

    def decide(state: State, now: int) -> tuple[SessionStep, int]:
        sessions.appending.check_writable(state, expect)
        step, lanes = SessionStep.on(state, now), state.head.lanes
        for lane in (ORIGINALS, TOOLS, EDITS, REDACTED, PARTS, CHUNKS, SUMMARIES, COMPACTIONS):
            step.trim(lane, step.lane(lane).stop)
        step.trim(MESSAGES, max((lanes[lane].stop for lane in lanes if branch_of(lane) is not None), default=0))
        for lane in lanes:
            if is_of_branch(lane) or is_of_totals(lane) or lane in (THREADS, REPLIES, PLACES):
                step.remove(lane)
        if state.record.branches or state.record.view is not None:
            step.save(view=None, branches=0)
        step.size = 0
        step.touch()
        step.tell("cleared")
        return step, state.counts.messages

    return decide
