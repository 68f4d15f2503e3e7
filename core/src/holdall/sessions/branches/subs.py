"""Sub-conversations: branches that begin before any message, under the message or the branch that they belong to.

The lane of one that was started from a message begins at that message's position. So the head alone tells which can be
under it, and listing them reads no others. One that belongs to a branch as a whole begins at 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from holdall.contract import Head, Span
from holdall.errors import Invalid, NotFound
from holdall.sessions.appending import check_writable
from holdall.sessions.branches.forking import begin, checked_title, free_name
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import (
    Deletion,
    Origin,
    Origins,
    Under,
    check_live,
    is_live,
    parse_deletion,
    parse_origin,
)
from holdall.sessions.engine import Decision, Engine, Unread
from holdall.sessions.names import (
    MAIN,
    SUB,
    branch_of,
    checked_branch,
    checked_text,
    deleted_lane,
    is_sub,
    known_branch,
    message_place,
    messages_lane,
    session_partition,
)
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State

__all__ = [
    "Deletions",
    "Start",
    "Untold",
    "below",
    "check_place",
    "learn",
    "place_of",
    "starting",
    "taken_along",
    "told_deletions",
]

_AT_ONCE = 250
"""How many origins are asked for in one question."""
_MOST = 200


class Untold(Exception):
    """A decision needs to know of a deletion that was not read: it is to be made again."""


Deletions = dict[tuple[str, int], Deletion]
"""Deletions that were read, by branch and the version that it was deleted at."""


class Start(msgspec.Struct, frozen=True):
    """What somebody asks for who starts a sub-conversation."""

    under: str
    """The id of a message, or the name of a branch."""
    kind: str | None = None
    call: str | None = None
    name: str | None = None
    title: str | None = None
    by: str = "system"
    expect: int | None = None


def place_of(under: str) -> tuple[str, int | None]:
    """The branch and the position of the message that ``under`` names, or only the branch that it names."""
    try:
        return message_place(under)
    except NotFound:
        return known_branch(under), None


def starting(start: Start, policy: SessionPolicy) -> Decision[tuple[Line, Origin]]:
    """Start a sub-conversation; the answer is where its messages lie, and how it began."""
    branch, position = place_of(start.under)
    if start.name is not None and not is_sub(checked_branch(start.name)):
        raise Invalid(f"the name of a sub-conversation begins with {SUB}", pointer="/name")
    if start.title is not None:
        checked_title(start.title)
    for name, text in (("kind", start.kind), ("call", start.call)):
        if text is not None and not 0 < len(checked_text(text, f"its {name}", f"/{name}")) <= _MOST:
            raise Invalid(f"has 1 to {_MOST} characters", pointer=f"/{name}")
    under = Under(branch, None if position is None else start.under, start.kind, start.call)

    def decide(state: State, now: int) -> tuple[SessionStep, tuple[Line, Origin]]:
        check_writable(state, start.expect)
        check_place(state.head, start.under)
        check_live(state.head, branch)
        step = SessionStep.on(state, now, active=True)
        name = free_name(step, start.name, SUB)
        at = now // 1000
        origin = Origin(branch=name, path=(), created_at=at, created_by=start.by, title=start.title, under=under)
        first = 0 if position is None else position
        return step, (begin(step, origin, Line(name, (), 0, 0, 0), first + 1, policy, step.record.view), origin)

    return decide


def check_place(head: Head, under: str) -> None:
    """Raise ``NotFound`` unless there is, or was, the branch, and the message, that ``under`` names."""
    branch, position = place_of(under)
    lane = head.lanes.get(messages_lane(branch), NO_LANE)
    if branch != MAIN and lane is NO_LANE:
        raise NotFound("branch", branch) if position is None else NotFound("message", under)
    if position is not None and not lane.first + (branch != MAIN) <= position < lane.stop:
        raise NotFound("message", under)


def _subs(head: Head) -> Iterator[str]:
    return (name for name in map(branch_of, head.lanes) if name is not None and is_sub(name))


def below(head: Head, branch: str, origins: Origins) -> list[str]:
    """The live sub-conversations under messages of ``branch``, those under theirs included.

    Raises ``Unread`` for an origin to be read.
    """
    under: dict[str, list[str]] = {}
    for name in _subs(head):
        if is_live(head, name):
            first = head.lanes[messages_lane(name)].first
            origin = origins.get((name, first))
            if origin is None:
                raise Unread(name, first)
            if origin.under is not None:
                under.setdefault(origin.under.branch, []).append(name)
    found, seen = [branch], {branch}
    for name in found:
        inner = [one for one in under.get(name, ()) if one not in seen]
        seen.update(inner)
        found += inner
    return found[1:]


async def learn(engine: Engine, session: str, origins: Origins, check: Check) -> None:
    """Read the origins of all live sub-conversations, many at a time."""
    head = (await engine.current(session, check)).head
    names = [name for name in _subs(head) if is_live(head, name)]
    for start in range(0, len(names), _AT_ONCE):
        some = {name: head.lanes[messages_lane(name)].first for name in names[start : start + _AT_ONCE]}
        spans = [Span(messages_lane(name), first, first + 1) for name, first in some.items()]
        view = await engine.view(session, *spans, check=check)
        for name, first in some.items():
            record = view.records.get((messages_lane(name), first))
            if record is not None:
                origins[name, first] = parse_origin(record, f"{head.partition} {messages_lane(name)}[{first}]")


async def told_deletions(engine: Engine, session: str, check: Check) -> Deletions:
    """How each sub-conversation that is deleted came to be so, as of now."""
    engine.states.drop(session_partition(session))
    head = (await engine.current(session, check)).head
    names = [name for name in _subs(head) if not is_live(head, name)]
    found: Deletions = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        view = await engine.view(session, *(Span(deleted_lane(name), -1) for name in some), check=check)
        for name in some:
            lane = view.state.head.lanes.get(deleted_lane(name), NO_LANE)
            for record in view.run(Span(deleted_lane(name), -1)):
                found[name, lane.rewritten] = parse_deletion(record, f"{head.partition} {deleted_lane(name)}[0]")
    return found


def taken_along(head: Head, branch: str, deletions: Deletions) -> list[str]:
    """The sub-conversations that the deletion of ``branch`` took along; raises ``Untold`` where more must be read."""
    found: list[str] = []
    for name in _subs(head):
        if not is_live(head, name):
            version = head.lanes[deleted_lane(name)].rewritten
            deletion = deletions.get((name, version))
            if deletion is None:
                raise Untold(name)
            if deletion.along == branch:
                found.append(name)
    return found
