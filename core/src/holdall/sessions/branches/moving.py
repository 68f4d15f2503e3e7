"""What a session shows: switch, revert and unrevert; and what is said of a branch: its title, that it is deleted."""

from __future__ import annotations

import msgspec

from holdall.errors import Invalid, NotFound
from holdall.sessions.appending import check_size, check_writable
from holdall.sessions.branches.forking import checked_title
from holdall.sessions.branches.origins import Deletion, Origins, check_live, encoded, line_of, shown
from holdall.sessions.branches.subs import Deletions, below, taken_along
from holdall.sessions.engine import Decision
from holdall.sessions.names import MAIN, deleted_lane, known_branch, message_place, messages_lane
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.record import View
from holdall.sessions.state import SessionStep, State

__all__ = ["deleting", "restoring", "reverting", "switching", "titling", "unreverting"]


def _showing(state: State, now: int, view: View, kind: str) -> tuple[SessionStep, None]:
    """The step to a view. It is made also where nothing seems to change, for only a commit knows that it is not old."""
    step = SessionStep.on(state, now)
    step.save(view=None if view == View(MAIN) else view)
    step.tell(kind, branch=view.branch, to=view.to)
    return step, None


def switching(branch: str, expect: int | None) -> Decision[None]:
    """Show all of ``branch`` from now on."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        return _showing(state, now, shown(state, branch), "switched")

    return decide


def reverting(to: str, branch: str | None, expect: int | None, origins: Origins) -> Decision[None]:
    """End the view at the message ``to`` of ``branch``, or of the branch that is shown."""
    place = message_place(to)

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        line = line_of(state.head, shown(state, branch).branch, origins)
        if not line.holds(*place):
            raise NotFound("message", to)
        stop = place[1] + 1
        view = View(line.branch) if stop == line.stop else View(line.branch, stop, to)
        return _showing(state, now, view, "reverted")

    return decide


def unreverting(expect: int | None, origins: Origins) -> Decision[None]:
    """Take the last revert back: show all of the branch that it was a revert of."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        view = state.record.view or View(MAIN)
        if view.stop is not None:
            return _showing(state, now, View(view.branch), "unreverted")
        line = line_of(state.head, view.branch, origins)
        origin = origins.get((line.branch, line.base - 1))
        if origin is None or origin.left is None:
            raise Invalid("nothing was reverted")
        return _showing(state, now, shown(state, origin.left), "unreverted")

    return decide


def titling(
    branch: str, title: str | None, expect: int | None, policy: SessionPolicy, origins: Origins
) -> Decision[None]:
    """Call a branch by another title, or by none."""
    if title is not None:
        checked_title(title)

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        if shown(state, branch).branch == MAIN:
            raise Invalid("main has the session's title", pointer="/title")
        line = line_of(state.head, branch, origins)
        origin = origins[branch, line.base - 1]
        step, lane = SessionStep.on(state, now), messages_lane(branch)
        told = (step.version, origin.overwritten(step.lane(lane)))
        named = msgspec.structs.replace(origin, title=title, named=told)
        step.rewrite(lane, line.base - 1, encoded(named))
        step.tell("branch_updated", branch=branch)
        step.size += len(encoded(named)) - len(encoded(origin))
        check_size(step.size, policy)
        return step, None

    return decide


def deleting(branch: str, by: str, expect: int | None, origins: Origins) -> Decision[None]:
    """Delete a branch, and the sub-conversations under it: they are not listed or written to any more, and are kept."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        if branch == MAIN:
            raise Invalid("main is always there; clear the session to erase everything")
        check_live(state.head, known_branch(branch))
        along, current = below(state.head, branch, origins), shown(state).branch
        if current in (branch, *along):
            raise Invalid(f"{current!r} is the branch that the session shows; switch to another first")
        step = SessionStep.on(state, now)
        step.append(deleted_lane(branch), [encoded(Deletion(now // 1000, by))])
        for name in along:
            step.append(deleted_lane(name), [encoded(Deletion(now // 1000, by, branch))])
        step.tell("branch_deleted", branch=branch, along=along or None)
        return step, None

    return decide


def restoring(branch: str, expect: int | None, deletions: Deletions) -> Decision[None]:
    """Bring a deleted branch back as it was, with what went along; one that is there stays."""
    lane = deleted_lane(known_branch(branch))

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        step = SessionStep.on(state, now)
        if lane in state.head.lanes:
            step.remove(lane)
            along = taken_along(state.head, branch, deletions)
            for name in along:
                step.remove(deleted_lane(name))
            step.tell("branch_restored", branch=branch, along=along or None)
        else:
            check_live(state.head, branch)
        return step, None

    return decide
