"""Making branches: when somebody asks, and when something is appended to a view that was reverted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdall.errors import Invalid, NotFound, TooLarge
from holdall.sessions.appending import check_size, check_writable
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origin, Origins, encoded, line_of, shown
from holdall.sessions.engine import Decision
from holdall.sessions.names import MAIN, SUB, checked_branch, checked_text, is_sub, message_place, messages_lane
from holdall.sessions.record import View
from holdall.sessions.state import SessionStep, State

if TYPE_CHECKING:
    from holdall.sessions.appending import AppendRequest
    from holdall.sessions.policy import SessionPolicy

__all__ = ["Fork", "begin", "checked_title", "forking", "free_name", "target"]

_TITLE = 500


class Fork(msgspec.Struct, frozen=True):
    """What somebody asks for who makes a branch."""

    at: str | None = None
    before: str | None = None
    name: str | None = None
    title: str | None = None
    switch: bool = False
    by: str = "system"
    expect: int | None = None


def checked_title(title: str) -> str:
    """``title``, if a branch can be called so."""
    if len(checked_text(title, "a title", "/title")) > _TITLE:
        raise Invalid(f"has more than {_TITLE} characters", pointer="/title")
    return title


def forking(fork: Fork, policy: SessionPolicy, origins: Origins) -> Decision[tuple[Line, Origin]]:
    """Make a branch; the answer is where its messages lie, and how it began."""
    if fork.at is not None and fork.before is not None:
        raise Invalid("give at or before, not both", pointer="/before")
    if fork.name is not None and is_sub(checked_branch(fork.name)):
        raise Invalid(f"only the names of sub-conversations begin with {SUB}", pointer="/name")
    if fork.title is not None:
        checked_title(fork.title)

    def decide(state: State, now: int) -> tuple[SessionStep, tuple[Line, Origin]]:
        check_writable(state, fork.expect)
        line, stop = _place(state, fork, origins)
        step = SessionStep.on(state, now, active=True)
        name = free_name(step, fork.name)
        at = now // 1000
        origin = Origin(branch=name, path=line.cut(stop), created_at=at, created_by=fork.by, title=fork.title)
        return step, (begin(step, origin, line, stop, policy, View(name) if fork.switch else step.record.view), origin)

    return decide


def _place(state: State, fork: Fork, origins: Origins) -> tuple[Line, int]:
    """The line that a fork leaves, and the position before which it does."""
    asked = fork.at or fork.before
    if asked is None:
        view = shown(state)
        line = line_of(state.head, view.branch, origins)
        return line, line.stop if view.stop is None else view.stop
    branch, position = message_place(asked)
    if branch != MAIN and messages_lane(branch) not in state.head.lanes:
        raise NotFound("message", asked)
    line = line_of(state.head, branch, origins)
    if not line.base <= position < line.stop:
        raise NotFound("message", asked)
    return line, position + (fork.at is not None)


def begin(  # noqa: PLR0913, PLR0917 - a fork, and what it leaves
    step: SessionStep, origin: Origin, line: Line, stop: int, policy: SessionPolicy, view: View | None
) -> Line:
    """Begin the branch of ``origin``, which leaves ``line`` before ``stop``, and show ``view``; returns its line."""
    count = step.record.branches + 1
    if count > policy.max_branches:
        raise TooLarge("the number of branches in the session", limit=policy.max_branches, actual=count)
    first = max(stop - 1, 0)
    step.size += step.start(messages_lane(origin.branch), first, encoded(origin))
    step.save(branches=count, view=view)
    step.tell("forked", branch=origin.branch)
    check_size(step.size, policy)
    return Line(origin.branch, origin.path, line.first if origin.path else first + 1, first + 1, first + 1)


def free_name(step: SessionStep, asked: str | None, begin: str = "b") -> str:
    """The name asked for, or one that no branch ever had: ``begin`` and a number."""
    if asked is not None:
        if asked == MAIN or step.lane(messages_lane(asked)):
            raise Invalid(f"there is, or was, a branch {asked!r}; take another name", pointer="/name")
        return asked
    number = step.record.branches + 1
    while step.lane(messages_lane(f"{begin}{number}")):
        number += 1
    return f"{begin}{number}"


def target(step: SessionStep, state: State, request: AppendRequest, policy: SessionPolicy) -> str:
    """The branch that an append goes to. Where the view ends early, that is a new one, which the step begins."""
    view = shown(state, request.branch)
    if view.stop is None:
        return view.branch
    line = line_of(state.head, view.branch, request.origins or {})
    name, at = free_name(step, None), step.now // 1000
    path = line.cut(view.stop)
    origin = Origin(branch=name, path=path, created_at=at, created_by=request.by, left=view.branch)
    begin(step, origin, line, view.stop, policy, View(name))
    return name
