"""Reading a session's lanes by page, in both directions, and clearing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from holdall.contract import Lane, Span
from holdall.errors import Invalid, NotFound
from holdall.sessions.appending import check_writable
from holdall.sessions.engine import Decision, Engine, View
from holdall.sessions.names import MESSAGES, ORIGINALS, TOOLS, message_id, message_position
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message, Page

__all__ = ["Around", "clearing", "history", "message", "originals", "page_of", "span_of"]

T = TypeVar("T")
Around = tuple[int | None, int | None]
"""The positions that a page ends before and begins after; at most one of them is given."""


def span_of(lane: str, limit: int, around: Around) -> Span:
    """Where a page of ``limit`` records lies: at the end of the lane, unless ``around`` says otherwise."""
    before, after = around
    if before is not None:
        return Span(lane, max(before - limit, 0), before)
    if after is not None:
        return Span(lane, after + 1, after + 1 + limit)
    return Span(lane, -limit)


def page_of(view: View, span: Span, make: Callable[[bytes], T], cursor: Callable[[int], str]) -> Page[T]:
    """The page at ``span``: its items, and the cursors to go on with."""
    lane = view.state.head.lanes.get(span.lane, Lane())
    positions = span.within(lane)
    items = [make(raw) for raw in view.run(span)]
    version = view.state.head.changed
    if not positions:
        return Page(items, version=version)
    following = cursor(positions[-1]) if positions.stop < lane.stop else None
    preceding = cursor(positions[0]) if positions.start > lane.first else None
    return Page(items, following, preceding, version)


async def history(
    engine: Engine, session: str, limit: int, before: str | None, after: str | None
) -> tuple[State, Page[Message]]:
    """A page of messages, oldest first; see ``Store.history``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    around = (
        None if before is None else message_position(before),
        None if after is None else message_position(after),
    )
    span = span_of(MESSAGES, limit, around)
    view = await engine.view(session, span)
    return view.state, page_of(view, span, Message, message_id)


async def message(engine: Engine, session: str, name: str) -> tuple[State, Message]:
    """The message called ``name``, found by its position."""
    position = message_position(name)
    span = Span(MESSAGES, position, position + 1)
    view = await engine.view(session, span)
    found = view.run(span)
    if not found:
        raise NotFound("message", name)
    return view.state, Message(found[0], view.state.head.changed)


async def originals(
    engine: Engine, session: str, limit: int, before: int | None, after: int | None
) -> tuple[State, Page[str]]:
    """A page of original records; see ``Store.originals``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    span = span_of(ORIGINALS, limit, (before, after))
    view = await engine.view(session, span)
    return view.state, page_of(view, span, bytes.decode, str)


def clearing(expect: int | None) -> Decision[int]:
    """Erase the conversation: messages, originals and tool runs. Positions, and so ids, are not used again."""

    def decide(state: State, now: int) -> tuple[SessionStep, int]:
        check_writable(state, expect)
        step = SessionStep.on(state, now)
        for lane in (MESSAGES, ORIGINALS, TOOLS):
            step.trim(lane, step.lane(lane).stop)
        step.size = 0
        return step, len(state.head.lanes.get(MESSAGES, Lane()))

    return decide
