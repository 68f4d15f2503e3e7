"""What else a session has of a message that is purged: runs of tools, and what tells its request from others.

Those are the runs that it asked for or brings the end of, and fingerprints, by which a guess could be checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.contract import Lane, Span
from holdall.errors import Conflict, NotFound
from holdall.sessions.engine import Engine
from holdall.sessions.inputs import as_json
from holdall.sessions.keys import without_print
from holdall.sessions.names import KEYS, TOOLS, message_place
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message, ToolRun

__all__ = ["Leftovers", "leftovers_of"]

_PAGE = 200
_ASKED, _ENDED = ("arguments", "result", "error", "metadata"), ("result", "error")
"""What a tool run says: of a message that asked for it, and of one that brings its end."""


class Leftovers(msgspec.Struct, frozen=True):
    """Records that go with a message, by position, before and after."""

    tools: Lane
    keys: Lane
    runs: Mapping[int, tuple[bytes, bytes]]
    prints: Mapping[int, bytes]

    def check(self, state: State) -> None:
        """Raise ``Conflict`` unless these are all."""
        for name, seen, whole in ((TOOLS, self.tools, True), (KEYS, self.keys, False)):
            here = state.head.lanes.get(name, NO_LANE)
            if here.rewritten != seen.rewritten or (whole and (here.first, here.stop) != (seen.first, seen.stop)):
                raise Conflict(f"the lane {name}", expected=seen.rewritten, found=here.rewritten)

    def erase(self, step: SessionStep) -> None:
        """Have them say nothing any more."""
        for place, (old, new) in self.runs.items():
            step.rewrite(TOOLS, place, new)
            step.size = max(step.size + len(new) - len(old), 0)
            step.tell("purged", TOOLS, place, place + 1)
        for place, record in self.prints.items():
            if place >= step.lane(KEYS).first:  # old ones go, and nobody waits for that
                step.rewrite(KEYS, place, record)


async def leftovers_of(
    engine: Engine, session: str, state: State, versions: Sequence[Message], check: Check
) -> Leftovers:
    """What goes with the message of these versions."""
    lanes = state.head.lanes
    tools, keys = lanes.get(TOOLS, NO_LANE), lanes.get(KEYS, NO_LANE)
    branch, position = message_place(versions[0].id)
    view = await engine.view(session, Span(KEYS), check=check)
    prints = {
        at: record
        for (lane, at), old in view.records.items()
        if lane == KEYS and (record := without_print(old, branch, position)) is not None
    }
    return Leftovers(tools, keys, await _runs(engine, session, tools, versions, check), prints)


async def _runs(
    engine: Engine, session: str, lane: Lane, versions: Sequence[Message], check: Check
) -> dict[int, tuple[bytes, bytes]]:
    name, ended = versions[0].id, {call for version in versions for call in _results(version)}
    found: dict[int, tuple[bytes, bytes]] = {}
    last: dict[str, tuple[int, ToolRun]] = {}
    for start in range(lane.first, lane.stop, _PAGE):
        span = Span(TOOLS, start, min(start + _PAGE, lane.stop))
        for at, run in enumerate(map(ToolRun, (await engine.view(session, span, check=check)).run(span)), start):
            call = run.get("call")
            if run.get("message") == name:
                found[at] = run.raw, _silent(run, _ASKED)
            elif call in ended and _is_before(run.get("message"), name):
                last[call] = at, run  # a call's name may be used again: it is the last one before
    return {
        at: (run.raw, _silent(run, _ENDED)) for at, run in last.values() if any(run.get(one) for one in _ENDED)
    } | found


def _results(message: Message) -> list[str]:
    """The calls that a message brings the end of."""
    content: Any = message.get("content")
    parts = cast("list[dict[str, Any]]", content) if isinstance(content, list) else []
    return [part["id"] for part in parts if part.get("type") == "tool_result" and isinstance(part.get("id"), str)]


def _is_before(asked_by: Any, message: str) -> bool:
    """Whether a run that the message ``asked_by`` asked for can have ended in ``message``."""
    try:
        (branch, position), (other, place) = message_place(str(asked_by)), message_place(message)
    except NotFound:  # a client may say anything
        return True
    return branch != other or position < place


def _silent(run: ToolRun, names: Sequence[str]) -> bytes:
    return as_json({name: value for name, value in run.fields.items() if name not in names})
