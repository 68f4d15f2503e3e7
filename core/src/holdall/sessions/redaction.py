"""Redaction: a message says that it was redacted, and what it said is kept apart, for few to read, until it is purged.

What it said in earlier versions, and in the record that an import read, goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from holdall import sessions
from holdall.contract import Span
from holdall.errors import Conflict, Damaged, Invalid, TooLarge
from holdall.sessions.appending import check_size, check_version, check_writable
from holdall.sessions.edits import apart_of, earlier_of
from holdall.sessions.engine import Engine
from holdall.sessions.entitling import begins_so, title_of
from holdall.sessions.history import message as read_message
from holdall.sessions.inputs import as_json
from holdall.sessions.markers import SpanOfText, redacted_content, staying, without
from holdall.sessions.names import EDITS, REDACTED, message_place, messages_lane
from holdall.sessions.parts.joining import references, settled, whole
from holdall.sessions.parts.storing import Apart, hide, keep, knowing
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.standins import Records, records_of
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message

__all__ = ["Ask", "Everything", "Kept", "before", "found_of", "kept_at", "redact", "redacted", "spans_of"]


class Ask(msgspec.Struct, frozen=True):
    """What is to be redacted of a message: some of it, or all."""

    by: str
    reason: str | None = None
    parts: Sequence[int] = ()
    spans: Sequence[SpanOfText] = ()
    expect: int | None = None


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of the lane ``redacted``: one version of a message, or the record that it was imported from."""

    of: str
    at: int
    by: str
    kind: Literal["message", "original"]
    data: msgspec.Raw
    """The message as it was stored, or the original as a text."""
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        said = {"message": self.of, "at": self.at, "by": self.by, "reason": self.reason}
        return {**said, "kind": self.kind, "said": msgspec.json.decode(self.data)}


class Everything(msgspec.Struct, frozen=True):
    """All of a message that a redaction has to do with, at one moment."""

    state: State
    message: Message
    earlier: Mapping[int, Message]
    """Earlier versions by their positions in the lane of edits, the newest first."""
    imported: Records
    title: str | None = None
    """What the session is called, where that is of the message's words."""

    @property
    def versions(self) -> list[Message]:
        """The newest version and every earlier one."""
        return [self.message, *self.earlier.values()]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode


def spans_of(given: Sequence[Mapping[str, Any]]) -> list[SpanOfText]:
    """Spans as a client gives them, checked."""
    try:
        return msgspec.convert([dict(each) for each in given], list[SpanOfText])
    except (msgspec.ValidationError, TypeError, ValueError):
        raise Invalid("each must have at, start and stop, and nothing else", pointer="/spans") from None


async def redact(engine: Engine, session: str, name: str, ask: Ask, check: Check) -> tuple[State, Message]:
    """Put markers in a message's place, and what it said apart; see ``Store.redact``."""
    while True:
        try:
            found = await found_of(engine, session, name, check)
            check_version(found.state, ask.expect)
            fields = await _marked(engine, session, found, ask, check)
            apart = apart_of(fields, engine.policy)
            decide = _redacting(engine, found, fields, ask, apart)
            attempt = partial(engine.change, session, decide)
            return await (attempt() if apart is None else knowing(engine, session, apart, check, attempt))
        except Conflict:
            check_version(await engine.current(session, check), ask.expect)


async def found_of(engine: Engine, session: str, name: str, check: Check) -> Everything:
    """A message with all that it ever said, as far as that is not redacted already."""
    state = await engine.current(session, check)
    message = await read_message(engine, session, name, check)
    earlier = await earlier_of(engine, session, message, check)
    versions = [message, *earlier.values()]
    imported = await records_of(engine, session, state, versions, check)
    return Everything(state, message, earlier, imported, await title_of(engine, session, state, versions, check))


async def _marked(engine: Engine, session: str, found: Everything, ask: Ask, check: Check) -> dict[str, Any]:
    """The fields of the message as it is from now on."""
    if not ask.parts and not ask.spans:
        return _few(found.message, edited=bool(found.earlier))
    (full,) = await whole(engine, session, [found.message], check)
    return without(dict(full), ask.parts, ask.spans)


def _few(version: Message, *, edited: bool) -> dict[str, Any]:
    """What is left of a version all of which is redacted; of one that is the first, ``edited`` is a client's field."""
    return {**staying(version, but=() if edited else ("edited",)), "content": redacted_content(version["content"])}


def _redacting(
    engine: Engine, found: Everything, fields: dict[str, Any], ask: Ask, apart: Apart | None
) -> Callable[[State, int], Any]:
    branch, position = message_place(found.message.id)
    lane, lanes = messages_lane(branch), found.state.head.lanes
    seen = {name: lanes.get(name, NO_LANE).rewritten for name in (lane, EDITS)}

    def decide(state: State, now: int) -> tuple[SessionStep, Message]:
        check_writable(state, ask.expect)
        for name, rewritten in seen.items():
            run = state.head.lanes.get(name, NO_LANE)
            if run.rewritten != rewritten or (name == lane and not run.first <= position < run.stop):
                raise Conflict("the message", expected=rewritten, found=run.rewritten)
        found.imported.check(state)
        step, at = SessionStep.on(state, now), now // 1000
        step.touch()
        begin = step.lane(REDACTED).stop
        step.add(REDACTED, list(_kept(found, ask, at)))
        if apart is not None:
            keep(step, apart)
        hide(step, [reference.hash for version in found.versions for reference in references(version)])
        places = [[begin, step.lane(REDACTED).stop], *before(found.message)]
        told = {"at": at, "by": ask.by, "reason": ask.reason, "kept": places}
        record = as_json({**fields, "redacted": told})
        if len(record) > engine.policy.max_message_bytes:
            raise TooLarge("a message (bytes)", limit=engine.policy.max_message_bytes, actual=len(record))
        _replace(step, lane, position, found.message.raw, record)
        first = next(reversed(found.earlier), None)
        for place, version in found.earlier.items():
            marked = {**_few(version, edited=place != first), "redacted": told}
            _replace(step, EDITS, place, version.raw, as_json(marked))
        found.imported.replace(step, found.versions[-1])
        if (
            found.title is not None
            and found.title == state.record.title
            and not begins_so(fields["content"], found.title)
        ):
            step.save(title=None)
        step.tell("redacted", lane, position, position + 1)
        check_size(step.size, engine.policy)
        return step, Message(record, step.version)

    return decide


def _replace(step: SessionStep, lane: str, position: int, old: bytes, new: bytes) -> None:
    step.rewrite(lane, position, new)
    step.size += len(new) - len(old)


def _kept(found: Everything, ask: Ask, at: int) -> Any:
    """The records of the lane ``redacted``: the newest version first."""
    for version in found.versions:
        yield _encode(Kept(found.message.id, at, ask.by, "message", msgspec.Raw(version.raw), ask.reason))
    for original in found.imported.originals.values():
        text = msgspec.Raw(_encode(original.decode()))
        yield _encode(Kept(found.message.id, at, ask.by, "original", text, ask.reason))


def before(message: Message) -> list[list[int]]:
    """Where the lane ``redacted`` has what earlier redactions of a message put there."""
    try:
        told = msgspec.convert(message.get("redacted"), dict[str, Any])
        return msgspec.convert(told.get("kept"), list[list[int]])
    except msgspec.ValidationError:
        return []


async def redacted(engine: Engine, session: str, name: str, check: Check) -> list[Kept]:
    """What a message said before it was redacted, the newest first; nothing of what was purged."""

    async def read() -> list[Kept]:
        message = await read_message(engine, session, name, check)
        found = [*(await kept_at(engine, session, message, check)).values()]
        await read_message(engine, session, name, check)  # which says whether it was cleared meanwhile
        return found

    async def fill(found: list[Kept]) -> list[Kept]:
        return [full for kept in found if (full := await _whole(engine, session, kept, check)) is not None]

    return await settled(await read(), read, fill)


async def kept_at(engine: Engine, session: str, message: Message, check: Check) -> dict[int, Kept]:
    """What is kept of a message that was redacted, the newest first, by its position in the lane."""
    spans = [Span(REDACTED, *place) for place in before(message) if len(place) == 2]  # noqa: PLR2004
    view = await engine.view(session, *spans, check=check)
    found: dict[int, Kept] = {}
    for _, at in view.state.head.addresses(spans):
        record = view.records[REDACTED, at]
        if record != b"null":
            try:
                kept = _decode(record)
            except msgspec.ValidationError:
                raise Damaged(f"{view.state.head.partition} {REDACTED}[{at}]", "it is not what was written") from None
            if kept.of == message.id:
                found[at] = kept
    return found


async def _whole(engine: Engine, session: str, kept: Kept, check: Check) -> Kept | None:
    """The same with large parts; ``None`` when the message was purged meanwhile."""
    if kept.kind != "message":
        return kept
    (full,) = await whole(engine, session, [Message(bytes(kept.data))], check)
    if sessions.purging.is_purged(full):
        return None
    return msgspec.structs.replace(kept, data=msgspec.Raw(full.raw))
