"""Creating sessions: by itself, or once per caller's key through a claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from holdall.contract import Head, Span
from holdall.errors import Conflict, Invalid, KeyReused
from holdall.sessions.appending import put
from holdall.sessions.engine import Engine
from holdall.sessions.events import Draft
from holdall.sessions.inputs import as_json, content_of, fields_of
from holdall.sessions.keys import checked_key, fingerprint
from holdall.sessions.names import EXPIRES, MAIN, SESSION, checked_owner, hashed, new_id, session_partition
from holdall.sessions.record import SessionRecord
from holdall.sessions.state import SessionStep, State
from holdall.sessions.steps import Step

__all__ = ["claim_partition", "create", "create_once", "draft_of", "find", "get_or_create", "release"]

_LANE = "claim"
_ASKED = ("project", "title", "tags", "metadata", "ttl", "max_lifetime")
TakePart = Callable[[Draft], None]
"""Shows a draft, once, to the plugins that take part in its creation."""


class Claim(msgspec.Struct, frozen=True):
    """Which session a caller's key stands for."""

    session: str
    print: str = ""


def draft_of(owner: str, fields: Mapping[str, Any], messages: Sequence[Any]) -> Draft:
    """What a client asked for, checked, and ready to be shown to plugins."""
    from holdall.sessions.validation import NewSession, validated  # noqa: PLC0415 - reading needs no pydantic

    as_json(dict(fields))
    asked = validated(NewSession, dict(fields))
    given = [fields_of(message) for message in messages]
    return Draft(new_id(), checked_owner(owner), messages=given, **asked.model_dump())


def asked_of(draft: Draft) -> dict[str, Any]:
    """The fields of a draft that a client may ask for."""
    return {name: getattr(draft, name) for name in _ASKED}


async def create(engine: Engine, draft: Draft, take_part: TakePart) -> State:
    """Store the session of ``draft`` with its first messages, in one step."""
    take_part(draft)
    return await engine.create(_first_step(engine, draft, None))


def _first_step(engine: Engine, draft: Draft, key: str | None) -> SessionStep:
    """The step that creates the session of ``draft``; raises for everything that is wrong with it."""
    from holdall.sessions.validation import NewSession, validated  # noqa: PLC0415 - reading needs no pydantic

    fields = asked_of(draft)
    size = len(as_json(fields["metadata"], "/metadata"))
    asked, now = validated(NewSession, fields), engine.clock.now()
    policy = engine.policy
    policy.check_metadata(asked.project, asked.metadata, size)
    ttl, lifetime = policy.lifetimes(asked.project)
    ttl, lifetime = asked.ttl or ttl, _least(asked.max_lifetime, lifetime)
    record = SessionRecord(
        format=1,
        id=draft.id,
        owner=draft.owner,
        key=key,
        project=asked.project,
        title=asked.title,
        tags=list(dict.fromkeys(asked.tags)),
        metadata=asked.model_dump()["metadata"],
        created_at=now // 1000,
        ttl=ttl,
        ends_at=None if lifetime is None else now // 1000 + lifetime * 1000,
    )
    step = SessionStep.first(session_partition(draft.id), record, now)
    content = content_of(policy, now, draft.messages)
    for at, _ in content.replies:
        raise Invalid("is no message of this session", pointer=f"{at}/reply_to")
    put(step, content, policy, MAIN)
    return step


def _least(asked: int | None, allowed: int | None) -> int | None:
    """A client may shorten the configured lifetime, not pass it."""
    given = [limit for limit in (asked, allowed) if limit is not None]
    return min(given) if given else None


async def get_or_create(engine: Engine, draft: Draft, key: str, take_part: TakePart) -> tuple[State, bool]:
    """The session that the owner calls ``key``, and whether it was created now.

    The claim is committed first, so that of two callers one wins; whoever finds a claim without its session
    creates it; a claim on a session that is gone is replaced. What is wrong with the draft is found before that.
    """
    partition, shown = claim_partition(draft.owner, key), False
    while True:
        head, claim = await _find(engine, partition)
        if claim is not None:
            found, alive = await _claimed(engine, claim)
            if found is None:
                draft.id = claim.session
            elif alive:
                return found, False
            else:
                claim, draft.id = None, draft.id if draft.id != claim.session else new_id()
        if not shown:
            take_part(draft)
            shown = True
        step = _first_step(engine, draft, key)
        if claim is None and not await _claim(engine, partition, head, Claim(draft.id), None):
            continue
        try:
            return await engine.create(step), True
        except Conflict:
            continue


async def find(engine: Engine, owner: str, key: str) -> State | None:
    """The live session that the owner calls ``key``, if there is one."""
    _, claim = await _find(engine, claim_partition(checked_owner(owner), key))
    if claim is None:
        return None
    state, alive = await _claimed(engine, claim)
    return state if alive else None


async def _claimed(engine: Engine, claim: Claim) -> tuple[State | None, bool]:
    """The session that a claim names, if it was created, and whether it is neither deleted nor expired."""
    snapshot = await engine.storage.load(session_partition(claim.session), Span(SESSION, -1))
    if snapshot is None:
        return None, False
    state = engine.opened(snapshot).state
    return state, state.record.status != "deleted" and not await engine.expired(state)


async def create_once(engine: Engine, draft: Draft, key: str, take_part: TakePart) -> tuple[State, bool]:
    """Create a session once per idempotency key; a repeat must ask for the same."""
    checked_key(key, "an idempotency key")
    asked = asked_of(draft)
    partition, print_ = hashed("create", draft.owner, key), fingerprint(as_json(asked), as_json(draft.messages))
    now, shown = engine.clock.now() // 1000, False
    until = now + engine.policy.keys_kept_for * 1000
    while True:
        head, claim = await _find(engine, partition)
        if head is None or (head.expires_at or 0) <= now:
            claim = None
        if claim is not None:
            if claim.print != print_:
                raise KeyReused(key)
            if await engine.storage.load(session_partition(claim.session)) is not None:
                return await engine.current(claim.session, _anybody), False
            draft.id = claim.session
        if not shown:
            take_part(draft)
            shown = True
        step = _first_step(engine, draft, None)
        if claim is None and not await _claim(engine, partition, head, Claim(draft.id, print_), until):
            continue
        try:
            return await engine.create(step), True
        except Conflict:
            continue


def _anybody(_: State) -> None:
    """The check of a session that is the caller's own by its key."""


async def release(engine: Engine, state: State) -> None:
    """Drop the claim on a session that is about to go, so that its key can be used again."""
    if state.record.key is None:
        return
    partition = claim_partition(state.record.owner, state.record.key)
    head, claim = await _find(engine, partition)
    if head is not None and claim is not None and claim.session == state.record.id:
        with suppress(Conflict):  # the key stands for another session by now
            await engine.storage.drop(partition, expect=head.version)


def claim_partition(owner: str, key: str) -> str:
    """Where it is kept which session an owner's ``key`` stands for."""
    return hashed("claim", owner, checked_key(key, "a key", "/key"))


async def _find(engine: Engine, partition: str) -> tuple[Head | None, Claim | None]:
    snapshot = await engine.storage.load(partition, Span(_LANE, -1))
    if snapshot is None:
        return None, None
    record = engine.codec.decode(partition, (_LANE, 0), snapshot.records[_LANE, 0])
    return snapshot.head, msgspec.json.decode(record, type=Claim)


async def _claim(engine: Engine, partition: str, head: Head | None, claim: Claim, until: int | None) -> bool:
    """Store ``claim`` in place of ``head``; ``False`` when somebody else was first."""
    step = Step.begin(partition, head, engine.clock.now())
    record = msgspec.json.encode(claim)
    if head is None:
        step.append(_LANE, [record])
    else:
        step.rewrite(_LANE, 0, record)
    step.expires_at = until
    step.mark({} if until is None else {EXPIRES: until})
    try:
        await engine.storage.commit(step.commit(engine.codec))
    except Conflict:
        return False
    return True
