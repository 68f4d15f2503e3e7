"""How a branch began: the first record of its lane. With it, and the head, its line is known.

The lane of a branch that leaves a line before position ``n`` begins at ``n - 1``, where no message of its own can be,
with its origin; its messages follow from ``n`` on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec

from holdall.contract import Head, Lane, Span
from holdall.errors import Damaged, NotFound
from holdall.sessions.branches.line import Line, Path
from holdall.sessions.engine import Engine, Unread
from holdall.sessions.names import MAIN, deleted_lane, known_branch, messages_lane, session_partition
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.record import View
from holdall.sessions.state import State

__all__ = [
    "Deletion",
    "Origin",
    "Origins",
    "Under",
    "check_live",
    "encoded",
    "is_live",
    "knowing",
    "line_of",
    "parse_deletion",
    "parse_origin",
    "shown",
]

T = TypeVar("T")


class Under(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sub-conversation was started from."""

    branch: str
    """The branch that the message is of; where there is none, the one that it belongs to as a whole."""
    message: str | None = None
    kind: str | None = None
    """Who or what speaks in it: an agent's name, for instance."""
    call: str | None = None
    """The id of the tool call part that started it."""

    def as_dict(self) -> dict[str, str | None]:
        """Every field."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first record of a branch's lane, in format 1. Times are in milliseconds since 1970, UTC."""

    format: Literal[1] = 1
    branch: str
    path: Path
    """Empty where it begins before the first message."""
    created_at: int
    created_by: str
    title: str | None = None
    left: str | None = None
    """The branch that was reverted, and that this one goes on from."""
    under: Under | None = None
    """What it was started from, if it is a sub-conversation. Its path is empty then."""
    named: tuple[int, int] | None = None
    """The version that last changed the title, and the one that had last overwritten anything else of the lane."""

    def overwritten(self, lane: Lane) -> int:
        """The last version that overwrote a record of ``lane``, which it began, for more than a title."""
        named = self.named
        return lane.rewritten if named is None or named[0] != lane.rewritten else named[1]


class Deletion(msgspec.Struct, frozen=True, omit_defaults=True):
    """The record that is there while a branch is deleted."""

    at: int
    by: str
    along: str | None = None
    """The branch whose deletion took this sub-conversation along, and whose return brings it back."""


Origins = dict[tuple[str, int], Origin]
"""Origins that were read, by branch and the position at which its lane begins: no two branches share both."""

encoded = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Origin).decode
_decode_deletion = msgspec.json.Decoder(Deletion).decode


def parse_origin(data: bytes, name: str) -> Origin:
    """A stored origin; ``name`` is for the error."""
    try:
        return _decode(data)
    except ValueError:
        raise Damaged(name, "it is not how a branch began") from None


def parse_deletion(data: bytes, name: str) -> Deletion:
    """A stored deletion; ``name`` is for the error."""
    try:
        return _decode_deletion(data)
    except ValueError:
        raise Damaged(name, "it is not what was written") from None


def is_live(head: Head, branch: str) -> bool:
    """Whether there is such a branch, and it is not deleted. The head alone tells."""
    lanes = head.lanes
    return branch == MAIN or (messages_lane(branch) in lanes and deleted_lane(branch) not in lanes)


def check_live(head: Head, branch: str) -> None:
    """Raise ``NotFound`` unless the branch is there."""
    if not is_live(head, branch):
        raise NotFound("branch", branch[:64])


def line_of(head: Head, branch: str, origins: Origins) -> Line:
    """The line of a branch, be it deleted; raises ``NotFound`` without one, ``Unread`` for an origin to be read."""
    lane = head.lanes.get(messages_lane(branch), NO_LANE)
    if branch == MAIN:
        return Line(MAIN, (), lane.first, lane.first, lane.stop)
    if lane is NO_LANE:
        raise NotFound("branch", branch[:64])
    origin = origins.get((branch, lane.first))
    if origin is None:
        raise Unread(branch, lane.first)
    root = origin.path[0][0] if origin.path else branch
    first = head.lanes.get(messages_lane(root), NO_LANE).first + (root != MAIN)
    return Line(branch, origin.path, first, lane.first + 1, lane.stop)


def shown(state: State, branch: str | None = None) -> View:
    """What is meant by ``branch``, or where nobody names one; raises ``NotFound`` for one that is not there."""
    view = state.record.view or View(MAIN) if branch is None else View(known_branch(branch))
    check_live(state.head, view.branch)
    return view


async def knowing(  # noqa: PLR0913, PLR0917 - where to read, and what to do with it
    engine: Engine,
    session: str,
    origins: Origins,
    check: Check,
    attempt: Callable[[], Awaitable[T]],
    unread: Unread | None = None,
) -> T:
    """What ``attempt`` returns, tried again with each origin that it turns out to need; ``unread`` is the first."""
    while True:
        if unread is not None:
            await _learn(engine, session, origins, check, unread)
        try:
            return await attempt()
        except Unread as missing:
            unread = missing


async def _learn(engine: Engine, session: str, origins: Origins, check: Check, unread: Unread) -> None:
    branch, first = unread.branch, unread.first
    lane = messages_lane(branch)
    view = await engine.view(session, Span(lane, first, first + 1), check=check)
    record = view.records.get((lane, first))
    if record is None:  # what somebody remembered of the session is old
        engine.states.drop(session_partition(session))
    else:
        origins[branch, first] = parse_origin(record, f"{view.state.head.partition} {lane}[{first}]")
