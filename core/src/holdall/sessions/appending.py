"""Appending to a conversation: messages, tool runs and originals in one atomic step, once per key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from holdall import sessions
from holdall.contract import Span
from holdall.errors import Conflict, Damaged, Ended, Invalid, NotFound, TooLarge
from holdall.sessions.engine import Decision, Engine, Unread
from holdall.sessions.inputs import Content, content_of, fields_of, stamped
from holdall.sessions.keys import Key, KeyMap, checked_key, fingerprint, key_record
from holdall.sessions.names import (
    KEYS,
    MAIN,
    MESSAGE_WITH_ID,
    MESSAGES,
    ORIGINALS,
    PARTS,
    TOOL_RUN_WITH_ID,
    TOOLS,
    message_form,
    message_id,
    messages_lane,
    session_partition,
    tool_run_id,
)
from holdall.sessions.reader import Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message, ToolRun

if TYPE_CHECKING:
    from holdall.sessions.parts.storing import Apart
    from holdall.sessions.policy import SessionPolicy

__all__ = ["AppendRequest", "Appended", "append", "check_size", "check_version", "check_writable", "put"]

T = TypeVar("T")
_step_on = SessionStep.on


class Appended(msgspec.Struct, frozen=True):
    """What one append stored, or had stored when its key came the first time."""

    messages: Sequence[Message]
    tools: Sequence[ToolRun]
    state: State
    """The session after it."""
    replayed: bool = False
    """Whether the key had come before, so that nothing was stored now."""


class AppendRequest(msgspec.Struct, frozen=True):
    """What a client asks to append, as it came."""

    messages: Sequence[Any]
    tools: Sequence[Any] = ()
    originals: Sequence[str] = ()
    key: str | None = None
    expect: int | None = None
    branch: str | None = None
    """``None``: what the session shows."""
    by: str = "system"
    origins: dict[tuple[str, int], Any] = {}
    """How branches began, as far as that had to be read; see ``branches/origins.py``."""


def check_writable(state: State, expect: int | None) -> None:
    """Raise unless the session is active and, where ``expect`` is given, at that version."""
    if state.record.status == "ended":
        raise Ended(state.record.id)
    if expect is not None:
        check_version(state, expect)


def check_version(state: State, expect: int | None) -> None:
    """Raise ``Conflict`` unless the session is at version ``expect``, where that is given."""
    if expect is not None and state.head.changed != expect:
        raise Conflict(f"session {state.record.id}", expected=expect, found=state.head.changed)


async def append(
    engine: Engine, session: str, request: AppendRequest, check: Check, content: Content | None = None
) -> Appended:
    """Store all of ``request`` in one step, after ``check``; see ``Store.append``. Its ``content`` may be known."""
    if not request.messages and not request.tools and not request.originals:
        raise Invalid("there is nothing to append", pointer="/messages")
    policy, keyed = engine.policy, request.key is not None
    if content is None:
        content = content_of(policy, engine.clock.now(), request.messages, request.tools, request.originals)
        if content.used:
            await _keep_totals(engine, session, request, check)
        if content.apart is not None:
            return await _apart(engine, session, request, check, content, content.apart)
    simple = _Simple(content, policy, request, check)
    decide = _once(simple) if keyed else simple.decide
    try:
        state, found = await (
            _linked(engine, session, request, content, decide, check)
            if content.replies
            else engine.change(session, decide, keyed)
        )
    except Unread as unread:
        state, found = await _again(engine, session, request, check, decide, unread)
    if type(found) is Key:
        return await _replayed(engine, session, found, check)
    messages, runs = found
    return Appended([Message(raw) for raw in messages], [ToolRun(raw) for raw in runs] if runs else (), state)


async def _apart(  # noqa: PLR0913, PLR0917 - as above
    engine: Engine, session: str, request: AppendRequest, check: Check, content: Content, apart: Apart
) -> Appended:
    """Append what has large parts, knowing which of them are there already; the answer has them, too."""
    storing, joining = sessions.parts.storing, sessions.parts.joining
    attempt = partial(append, engine, session, request, check, content)
    appended = await storing.knowing(engine, session, apart, check, attempt)
    texts = {value.hash: value.data for value in apart.values}
    return msgspec.structs.replace(appended, messages=[joining.filled(each, texts) for each in appended.messages])


async def _keep_totals(engine: Engine, session: str, request: AppendRequest, check: Check) -> None:
    """Sum up the messages that are there, if enough came since that was done; see ``totals.py``."""
    state = engine.states.peek(session_partition(session))
    if state is None:
        return
    branch = request.branch or (MAIN if state.record.view is None else state.record.view.branch)
    if sessions.totals.behind(state.head, branch):
        with suppress(Damaged):  # no reason not to append: those who read are told, and a repair puts it right
            await sessions.totals.follow(engine, session, branch, check)


Stored = tuple[Sequence[bytes], Sequence[bytes]]
"""The message and tool run records that a step stores."""


async def _again(  # noqa: PLR0913, PLR0917 - each is a thing that a change needs
    engine: Engine, session: str, request: AppendRequest, check: Check, decide: Decision[T], unread: Unread
) -> tuple[State, T]:
    """Make a change that depends on how a branch began, after reading that."""
    known, keyed = request.origins, request.key is not None
    knowing = sessions.branches.origins.knowing
    return await knowing(engine, session, known, check, lambda: engine.change(session, decide, keyed=keyed), unread)


async def _linked(  # noqa: PLR0913, PLR0917 - each is a thing that a change needs
    engine: Engine, session: str, request: AppendRequest, content: Content, decide: Decision[T], check: Check
) -> tuple[State, T]:
    """Make a change with messages that reply; see ``threads/``."""

    async def change(linked: Decision[T]) -> tuple[State, T]:
        try:
            return await engine.change(session, linked, keyed=request.key is not None)
        except Unread as unread:
            return await _again(engine, session, request, check, linked, unread)

    linking, replies = sessions.threads.appending.linking, content.replies
    return await linking(engine, session, replies, decide, change, check, expected=request.expect is not None)


def _target(step: SessionStep, state: State, request: AppendRequest, policy: SessionPolicy) -> str:
    """The branch that messages go to."""
    if request.branch is None and (state.record.view is None or not request.messages):
        return MAIN
    return sessions.branches.forking.target(step, state, request, policy)


class _Simple(msgspec.Struct):
    """What decides an append without a key, whose method it passes on: cheaper than a function around four values."""

    content: Content
    policy: SessionPolicy
    request: AppendRequest
    check: Check

    def decide(self, state: State, now: int) -> tuple[SessionStep, Stored | Key]:
        self.check(state)
        request, policy = self.request, self.policy
        check_writable(state, request.expect)
        step = _step_on(state, now, active=True, plain=True)
        if request.branch is None and state.record.view is None:
            return step, put(step, self.content, policy)
        return step, put(step, self.content, policy, _target(step, state, request, policy))


def _once(simple: _Simple) -> Decision[Stored | Key]:
    content, policy, request, check = simple.content, simple.policy, simple.request, simple.check
    key = checked_key(request.key or "", "an idempotency key")
    given: list[Any] = [[fields_of(value) for value in values] for values in (request.messages, request.tools)]
    if request.branch is not None:
        given.append(request.branch)
    print_ = fingerprint(msgspec.json.encode(given), *content.originals)

    def decide(state: State, now: int) -> tuple[SessionStep | None, Stored | Key]:
        check(state)
        keys = state.keys or KeyMap(0)
        oldest = now // 1000 - policy.keys_kept_for * 1000
        found = keys.find(key, print_, oldest)
        if found is not None:
            return None, found
        check_writable(state, request.expect)
        step = SessionStep.on(state, now, active=True, plain=True)
        branch = _target(step, state, request, policy)
        lane = messages_lane(branch)
        first, first_run = step.lane(lane).stop, step.lane(TOOLS).stop
        stored = put(step, content, policy, branch)
        added = (first, step.lane(lane).stop), (first_run, step.lane(TOOLS).stop)
        step.remember(key_record(key, print_, now // 1000, *added, branch))
        step.trim(KEYS, keys.stale(oldest))
        return step, stored

    return decide


def put(step: SessionStep, content: Content, policy: SessionPolicy, branch: str = MAIN) -> Stored:
    """Put ``content`` at the end of the session's lanes, its messages on ``branch``, within the session's limits."""
    lane = main = step.lane(MESSAGES)
    name, form = MESSAGES, MESSAGE_WITH_ID
    if branch != MAIN:
        name, form = messages_lane(branch), message_form(branch)
        lane = step.lane(name)
    messages, runs = stamped(content.messages, form, lane.stop), ()
    stop = lane.stop + len(messages)
    if stop - main.first > policy.max_messages:
        actual = stop - main.first
        raise TooLarge("the number of messages in the conversation", limit=policy.max_messages, actual=actual)
    if content.apart is not None:
        sessions.parts.storing.keep(step, content.apart)
    if messages:
        step.size += step.append(name, messages, lane)
        view = step.record.view
        if branch != (MAIN if view is None else view.branch):
            step.tell("appended", name, lane.stop, stop)
    if content.tools:
        runs = stamped(content.tools, TOOL_RUN_WITH_ID, step.lane(TOOLS).stop)
        first = step.lane(TOOLS).stop
        step.add(TOOLS, runs)
        step.tell("logged", TOOLS, first, first + len(runs))
    if content.originals:
        step.add(ORIGINALS, content.originals)
    check_size(step.size, policy)
    return messages, runs


def check_size(size: int, policy: SessionPolicy) -> None:
    """Raise ``TooLarge`` when a session of ``size`` bytes would pass the limit."""
    if size > policy.max_session_bytes:
        raise TooLarge("the session (bytes)", limit=policy.max_session_bytes, actual=size)


async def _replayed(engine: Engine, session: str, key: Key, check: Check) -> Appended:
    """What the first request with this key stored, as it stands now; raises ``NotFound`` when it was cleared since."""
    messages, tools = Span(messages_lane(key.branch), *key.messages), Span(TOOLS, *key.tools)
    view = await engine.view(session, messages, tools, check=check)
    found, runs = view.run(messages), view.run(tools)
    if len(found) < key.messages[1] - key.messages[0]:
        raise NotFound("message", message_id(key.messages[0], key.branch))
    if len(runs) < key.tools[1] - key.tools[0]:
        raise NotFound("tool run", tool_run_id(key.tools[0]))
    stored = [Message(raw) for raw in found]
    if PARTS in view.state.head.lanes:
        stored = await sessions.parts.joining.whole(engine, session, stored, check)
    return Appended(stored, [ToolRun(raw) for raw in runs], view.state, replayed=True)
