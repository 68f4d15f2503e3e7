"""Appending to a conversation: messages, tool runs and originals in one atomic step, once per key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from holdall import sessions
from holdall.contract import Span
from holdall.errors import Conflict, Damaged, Ended, Invalid, NotFound, TooLarge
from holdall.sessions.engine import Decision, Engine, Unread
from holdall.sessions.inputs import Content, content_of, fields_of
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
_step = SessionStep.adding


Stored = tuple[Sequence[bytes], Sequence[bytes]]
"""The message and tool run records that a step stores."""


class Appended(msgspec.Struct, frozen=True, gc=False):
    """What one append stored, or had stored when its key came the first time."""

    messages: Sequence[Message]
    tools: Sequence[ToolRun]
    state: State
    """The session after it."""
    replayed: bool = False
    """Whether the key had come before, so that nothing was stored now."""


class AppendRequest(msgspec.Struct, gc=False):
    """What a client asks to append, as it came, to which session of which store, and what is made of it on the way."""

    engine: Engine
    session: str
    check: Check
    by: str
    messages: Sequence[Any]
    tools: Sequence[Any] = ()
    originals: Sequence[str] = ()
    key: str | None = None
    expect: int | None = None
    branch: str | None = None
    """``None``: what the session shows."""
    origins: dict[tuple[str, int], Any] | None = None
    """How branches began, as far as that had to be read; see ``branches/origins.py``."""
    content: Content = cast("Content", None)
    """What there is to store, once ``append`` has looked at it."""

    def decide(self, state: State, now: int) -> tuple[SessionStep, Stored | Key]:
        """The step on ``state``, for a request without a key."""
        self.check(state)
        if self.expect is not None or state.record.status == "ended":
            check_writable(state, self.expect)
        step, policy = _step(state, now), self.engine.policy
        branch = MAIN
        if self.branch is not None or state.record.view is not None:
            branch = _target(step, state, self, policy)
        return step, put(step, self.content, policy, branch)


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


async def append(request: AppendRequest, content: Content | None) -> Appended:
    """Store all of ``request`` in one step, after its ``check``; see ``Store.append``. ``content``: if it was made already."""
    if not request.messages and not request.tools and not request.originals:
        raise Invalid("there is nothing to append", pointer="/messages")
    engine, keyed, now = request.engine, request.key is not None, None
    if content is None:
        now = engine.clock.now()
        content = content_of(engine.policy, now, request.messages, request.tools, request.originals)
        request.content = content
        if content.used:
            await _keep_totals(request)
        if content.apart is not None:
            return await _apart(request, content, content.apart)
    decide = _once(request) if keyed else request.decide
    try:
        state, found = await (
            _linked(request, decide) if content.replies else engine.change(request.session, decide, keyed, now, False)
        )
    except Unread as unread:
        state, found = await _again(request, decide, unread)
    if type(found) is Key:
        return await _replayed(request, found)
    messages, runs = found
    return Appended([Message(raw) for raw in messages], [ToolRun(raw) for raw in runs] if runs else (), state)


async def _apart(request: AppendRequest, content: Content, apart: Apart) -> Appended:
    """Append what has large parts, knowing which of them are there already; the answer has them, too."""
    storing, joining = sessions.parts.storing, sessions.parts.joining
    attempt = partial(append, request, content)
    appended = await storing.knowing(request.engine, request.session, apart, request.check, attempt)
    texts = {value.hash: value.data for value in apart.values}
    return msgspec.structs.replace(appended, messages=[joining.filled(each, texts) for each in appended.messages])


async def _keep_totals(request: AppendRequest) -> None:
    """Sum up the messages that are there, if enough came since that was done; see ``totals.py``."""
    engine, session = request.engine, request.session
    state = engine.states.peek(session_partition(session))
    if state is None:
        return
    branch = request.branch or (MAIN if state.record.view is None else state.record.view.branch)
    if sessions.totals.behind(state.head, branch):
        with suppress(Damaged):  # no reason not to append: those who read are told, and a repair puts it right
            await sessions.totals.follow(engine, session, branch, request.check)


async def _again(request: AppendRequest, decide: Decision[T], unread: Unread) -> tuple[State, T]:
    """Make a change that depends on how a branch began, after reading that."""
    engine, session, keyed = request.engine, request.session, request.key is not None
    known = request.origins = request.origins or {}
    knowing = sessions.branches.origins.knowing
    return await knowing(engine, session, known, request.check, lambda: engine.change(session, decide, keyed), unread)


async def _linked(request: AppendRequest, decide: Decision[T]) -> tuple[State, T]:
    """Make a change with messages that reply; see ``threads/``."""
    engine, session, check = request.engine, request.session, request.check

    async def change(linked: Decision[T]) -> tuple[State, T]:
        try:
            return await engine.change(session, linked, request.key is not None)
        except Unread as unread:
            return await _again(request, linked, unread)

    linking, replies = sessions.threads.appending.linking, request.content.replies
    return await linking(engine, session, replies, decide, change, check, expected=request.expect is not None)


def _target(step: SessionStep, state: State, request: AppendRequest, policy: SessionPolicy) -> str:
    """The branch that messages go to."""
    if request.branch is None and (state.record.view is None or not request.messages):
        return MAIN
    return sessions.branches.forking.target(step, state, request, policy)


def _once(request: AppendRequest) -> Decision[Stored | Key]:
    """The decision of a request with a key: a step once, and from then on what that stored."""
    content, policy, check = request.content, request.engine.policy, request.check
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
        step = SessionStep.adding(state, now)
        branch = _target(step, state, request, policy)
        lane = messages_lane(branch)
        first, first_run = step.lane(lane).stop, step.lane(TOOLS).stop
        stored = put(step, content, policy, branch)
        added = (first, step.lane(lane).stop), (first_run, step.lane(TOOLS).stop)
        step.remember(key_record(key, print_, now // 1000, *added, branch))
        step.trim(KEYS, keys.stale(oldest))
        return step, stored

    return decide


def put(step: SessionStep, content: Content, policy: SessionPolicy, branch: str) -> Stored:
    """Put ``content`` at the end of the session's lanes, its messages on ``branch``, within the session's limits."""
    lane = main = step.lane(MESSAGES)
    name, form = MESSAGES, MESSAGE_WITH_ID
    if branch != MAIN:
        name, form = messages_lane(branch), message_form(branch)
        lane = step.lane(name)
    first = lane.stop
    messages = [form % each for each in enumerate(content.messages, first)]
    stop, runs = first + len(messages), ()
    if stop - main.first > policy.max_messages:
        actual = stop - main.first
        raise TooLarge("the number of messages in the conversation", limit=policy.max_messages, actual=actual)
    if content.apart is not None:
        sessions.parts.storing.keep(step, content.apart)
    if messages:
        step.size += step.append(name, messages, lane)
        step.said = messages
        view = step.record.view
        if branch != (MAIN if view is None else view.branch):
            step.tell("appended", name, first, stop)
    if content.tools:
        first = step.lane(TOOLS).stop
        runs = [TOOL_RUN_WITH_ID % each for each in enumerate(content.tools, first)]
        step.add(TOOLS, runs)
        step.tell("logged", TOOLS, first, first + len(runs))
    if content.originals:
        step.add(ORIGINALS, content.originals)
    if step.size > policy.max_session_bytes:
        check_size(step.size, policy)
    return messages, runs


def check_size(size: int, policy: SessionPolicy) -> None:
    """Raise ``TooLarge`` when a session of ``size`` bytes would pass the limit."""
    if size > policy.max_session_bytes:
        raise TooLarge("the session (bytes)", limit=policy.max_session_bytes, actual=size)


async def _replayed(request: AppendRequest, key: Key) -> Appended:
    """What the first request with this key stored, as it stands now; raises ``NotFound`` when it was cleared since."""
    found = await _stored(request, key)
    if PARTS not in found.state.head.lanes:
        return found

    async def fill(found: Appended) -> Appended:
        whole = await sessions.parts.joining.whole(request.engine, request.session, found.messages, request.check)
        return msgspec.structs.replace(found, messages=whole)

    return await sessions.parts.joining.settled(found, partial(_stored, request, key), fill)


async def _stored(request: AppendRequest, key: Key) -> Appended:
    """The same, with references in the place of large parts."""
    engine, session, check = request.engine, request.session, request.check
    messages, tools = Span(messages_lane(key.branch), *key.messages), Span(TOOLS, *key.tools)
    view = await engine.view(session, messages, tools, check=check)
    found, runs = view.run(messages), view.run(tools)
    if len(found) < key.messages[1] - key.messages[0]:
        raise NotFound("message", message_id(key.messages[0], key.branch))
    if len(runs) < key.tools[1] - key.tools[0]:
        raise NotFound("tool run", tool_run_id(key.tools[0]))
    return Appended([Message(raw) for raw in found], [ToolRun(raw) for raw in runs], view.state, replayed=True)
