"""Purging: real erasure, of one message, of a deleted branch or of a session, and saying whether it is certain.

First the records are overwritten, in commits that can be made again; then the storage, the search index and this
process's memory give up what they have of before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import msgspec

from holdall.contract import Lane, Span
from holdall.errors import Conflict, Invalid, NotFound, StorageBusy
from holdall.sessions.branches.origins import Origin, check_live, encoded, is_live, parse_origin
from holdall.sessions.engine import Engine
from holdall.sessions.inputs import as_json
from holdall.sessions.leftovers import Leftovers, leftovers_of
from holdall.sessions.markers import staying
from holdall.sessions.names import (
    COMPACTIONS,
    EDITS,
    MAIN,
    PARTS,
    REDACTED,
    SUMMARIES,
    branch_of,
    known_branch,
    message_id,
    message_place,
    messages_lane,
    session_partition,
)
from holdall.sessions.parts.joining import references
from holdall.sessions.parts.storing import Apart, collect, knowing
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.redaction import Everything, Kept, found_of, kept_at
from holdall.sessions.state import SessionStep, State
from holdall.sessions.summaries.erasing import erase
from holdall.sessions.views import Message

__all__ = ["Purged", "delete_once", "forget", "is_purged", "purge_branch", "purge_message"]

Delete = Callable[[str], Awaitable[None]]
_SAID = "[purged]"
_GONE = ("name", "edited", "original")


class Purged(msgspec.Struct, frozen=True):
    """What was erased, and whether anything may be left of it."""

    messages: int
    """How many messages were erased by this call."""
    checked: list[str]
    """What has given up all that it had of before."""
    left: list[str]
    """What may still have some, and why; ask again when that is put right."""

    @property
    def verified(self) -> bool:
        """Whether nothing is left."""
        return not self.left

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        return {"messages": self.messages, "checked": self.checked, "left": self.left, "verified": self.verified}


async def purge_message(engine: Engine, session: str, name: str, by: str, check: Check) -> int:
    """Overwrite a message, its versions, what was redacted of it and its original; how many messages that was."""
    while True:
        try:
            found = await found_of(engine, session, name, check)
        except Conflict:  # it was cleared meanwhile
            continue
        if is_purged(found.message):
            return 0
        summaries = found.state.head.lanes.get(SUMMARIES, NO_LANE)
        if summaries:
            summaries = await erase(engine, session, name, check)  # first: what is purged is not looked at again
        kept, apart = await kept_at(engine, session, found.message, check), Apart()
        said = [*found.versions, *(Message(bytes(one.data)) for one in kept.values() if one.kind == "message")]
        left = await leftovers_of(engine, session, found.state, said, check)
        attempt = partial(engine.change, session, _erasing(found, kept, left, summaries, apart, by))
        try:
            await (knowing(engine, session, apart, check, attempt) if PARTS in found.state.head.lanes else attempt())
        except Conflict:
            continue
        return 1


def is_purged(message: Message) -> bool:
    """Whether it is what a purge leaves. A client may have a field of that name, too: that alone says nothing."""
    told: Any = message.get("purged")
    if not isinstance(told, dict) or set(cast("dict[str, Any]", told)) != {"at", "by"}:
        return False
    return message.raw == _marker(message, cast("dict[str, Any]", told))


def _erasing(  # noqa: PLR0913, PLR0917 - all that there is of a message
    found: Everything, kept: dict[int, Kept], left: Leftovers, summaries: Lane, apart: Apart, by: str
) -> Callable[[State, int], Any]:
    branch, position = message_place(found.message.id)
    lane, lanes = messages_lane(branch), found.state.head.lanes
    seen = {name: lanes.get(name, NO_LANE) for name in (lane, EDITS, REDACTED)}
    shown = [each.hash for version in found.versions for each in references(version)]
    hidden = [
        each.hash for one in kept.values() if one.kind == "message" for each in references(Message(bytes(one.data)))
    ]

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        for name, run in seen.items():
            here = state.head.lanes.get(name, NO_LANE)
            if (here.first, here.rewritten) != (run.first, run.rewritten):
                raise Conflict("the message", expected=run.rewritten, found=here.rewritten)
        found.imported.check(state)
        left.check(state)
        if (here := state.head.lanes.get(SUMMARIES, NO_LANE)) != summaries:  # one was made of it meanwhile
            raise Conflict("the summaries", expected=summaries.stop, found=here.stop)
        step = SessionStep.on(state, now)
        told: dict[str, Any] = {"at": now // 1000, "by": by}
        record = _marker(found.message, told)
        _replace(step, lane, position, len(found.message.raw), record)
        for place, version in found.earlier.items():
            _replace(step, EDITS, place, len(version.raw), record)
        found.imported.replace(step, found.versions[-1])
        left.erase(step)
        if found.title is not None and found.title == state.record.title:
            step.save(title=None)
        for place, one in kept.items():
            _replace(step, REDACTED, place, len(one.data), b"null")
        if COMPACTIONS in state.head.lanes:
            step.add(EDITS, [record])  # by which those that decided about the message are seen to be stale
        if shown or hidden:
            collect(step, apart, shown, hidden)
        step.tell("purged", lane, position, position + 1)
        return step, None

    return decide


def _marker(message: Message, told: dict[str, Any]) -> bytes:
    return as_json({**staying(message, but=_GONE), "content": _SAID, "purged": told})


def _replace(step: SessionStep, lane: str, position: int, old: int, new: bytes) -> None:
    step.rewrite(lane, position, new)
    step.size = max(step.size + len(new) - old, 0)


async def purge_branch(engine: Engine, session: str, branch: str, by: str, check: Check) -> int:
    """Purge every message of a deleted branch that is its own; how many."""
    state = await engine.current(session, check)
    lane = state.head.lanes.get(messages_lane(known_branch(branch)))
    if branch == MAIN or lane is None or is_live(state.head, branch):
        check_live(state.head, branch)
        raise Invalid("delete the branch first; main goes with its session", pointer="/branch")
    names = [name for each in state.head.lanes if (name := branch_of(each)) is not None and name != MAIN]
    spans = [
        Span(name, run.first, run.first + 1) for name in map(messages_lane, names) if (run := state.head.lanes[name])
    ]
    view = await engine.view(session, *spans, check=check)
    origins = {name: parse_origin(raw, name) for name, span in zip(names, spans, strict=True) for raw in view.run(span)}
    for name, origin in origins.items():
        if branch in dict(origin.path):
            raise Invalid(f"the branch {name!r} has messages of it", pointer="/branch")
    count = 0
    for position in range(lane.first + 1, lane.stop):
        count += await purge_message(engine, session, message_id(position, branch), by, check)
    await engine.change(session, _nameless(lane.first, msgspec.structs.replace(origins[branch], title=None)))
    return count


def _nameless(at: int, origin: Origin) -> Callable[[State, int], Any]:
    """Take the title away."""

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        step = SessionStep.on(state, now)
        step.rewrite(messages_lane(origin.branch), at, encoded(origin))
        return step, None

    return decide


async def delete_once(engine: Engine, session: str, check: Check, delete: Delete) -> int:
    """Delete a session, if it is still there; how many messages it had."""
    try:
        state = await engine.current(session, check)
        await delete(session)
    except NotFound:
        return 0
    return state.counts.messages


async def forget(engine: Engine, session: str, messages: int) -> Purged:
    """Have storage, search index and memory give up what they have of before."""
    partition = session_partition(session)
    left, checked = [*await engine.storage.purge(partition)], list[str]()
    if not left:
        checked.append("the storage")
    if engine.keeper is not None:
        try:
            await engine.keeper.index.purge(session)
            checked.append("the search index")
        except StorageBusy as error:
            left.append(f"the search index: {error}")
    snapshot, known = await engine.storage.load(partition), engine.states.peek(partition)
    heads = [each.head for each in (snapshot, known) if each is not None]
    engine.states.drop(partition)
    for lane in {PARTS, *(lane for head in heads for lane in head.lanes)}:
        context = (partition, "compaction", branch_of(lane))
        for name in ((partition, lane), (partition, lane, "earlier"), (partition, lane, "index"), context):
            engine.states.drop(name)
    checked.append("the memory of this process")
    return Purged(messages, checked, left)
