"""Edits: the newest version of a message is in its place, every earlier one as it was in a lane of its own.

So reading a conversation and adding to it cost what they always do. Each version says who made it and when, and where
the ones before it are. Which one an earlier version is, its place among those tells, and not the version itself: a first
one may have a client's own field ``edited``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from holdall import sessions
from holdall.contract import Lane, Span
from holdall.errors import Conflict, Invalid, NotFound, TooLarge
from holdall.sessions.appending import check_size, check_version, check_writable
from holdall.sessions.engine import Engine
from holdall.sessions.history import message as read_message
from holdall.sessions.inputs import as_json
from holdall.sessions.names import EDITS, MAIN, branch_of, message_place, messages_lane, totals_lane
from holdall.sessions.reader import Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Message, Page

if TYPE_CHECKING:
    from holdall.sessions.parts.splitting import Value
    from holdall.sessions.parts.storing import Apart
    from holdall.sessions.policy import SessionPolicy

__all__ = ["apart_of", "earlier_of", "edit", "edited_of", "numbered", "restore", "versions"]

_EARLIER, _MOST = 16, (1 << 53) - 1
"""How many earlier versions a version names (each of those names others); the largest number that can be one's."""
_OWNED = ("id", "created_at", "edited", "redacted", "large_parts", "reply_to")
Change = Callable[[Message], Awaitable[dict[str, Any]]]
"""From the newest version, the fields of the next one; asked again when another came meanwhile."""


class Edited(msgspec.Struct, frozen=True):
    """What the field ``edited`` of a message says that is not its first version."""

    version: Annotated[int, msgspec.Meta(ge=2, le=_MOST)]
    at: int
    by: str
    earlier: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=_MOST)]], msgspec.Meta(max_length=_EARLIER)]
    """Where the versions before it are, the newest first."""


class Earlier(msgspec.Struct, frozen=True):
    """An earlier version, where it is."""

    at: int
    """Its position in the lane of edits."""
    number: int
    message: Message


def edited_of(message: Message) -> Edited | None:
    """How a message says that it was edited. A client may have a field of that name, too."""
    try:
        return msgspec.convert(message.get("edited"), Edited)
    except msgspec.ValidationError:
        return None


def changing(changes: Mapping[str, Any]) -> Change:
    """Replace the fields that are given; ``None`` takes one away."""
    for name in _OWNED:
        if name in changes:
            raise Invalid("is given by the store", pointer=f"/{name}")
    if not changes:
        raise Invalid("there is nothing to change")

    async def change(message: Message) -> dict[str, Any]:
        fields = {**message.fields, **changes}
        if "content" in changes:
            fields.pop("large_parts", None)
        return {name: value for name, value in fields.items() if value is not None or name not in changes}

    return change


async def edit(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may say
    engine: Engine, session: str, name: str, change: Change, by: str, expect: int | None, check: Check
) -> tuple[State, Message]:
    """Put another version in a message's place; see ``Store.edit``."""
    from holdall.sessions.validation import NewMessage, validated  # noqa: PLC0415 - reading needs no pydantic

    branch, position = message_place(name)
    place = messages_lane(branch), position
    while True:
        state = await engine.current(session, check)
        check_version(state, expect)
        old = await read_message(engine, session, name, check)
        edited, _ = await _told(engine, session, old, check)
        fields = {key: value for key, value in (await change(old)).items() if key not in ("id", "edited")}
        validated(NewMessage, fields)
        apart = apart_of(fields, engine.policy)
        attempt = partial(
            engine.change, session, _putting(engine, place, old, edited, fields, by, state, expect, apart)
        )
        try:
            if apart is None:
                return await attempt()
            return await sessions.parts.storing.knowing(engine, session, apart, check, attempt)
        except Conflict:
            check_version(await engine.current(session, check), expect)


def apart_of(fields: dict[str, Any], policy: SessionPolicy) -> Apart | None:
    """What of a message is large: new values, taken out of ``fields``, and what it keeps."""
    whole, parts = as_json(fields), sessions.parts
    kept = [reference.hash for reference in parts.joining.references(Message(whole))] if "large_parts" in fields else []
    values: list[Value] = []
    if len(whole) >= min(policy.large_part_bytes, policy.max_message_bytes):
        record, values = parts.splitting.split(whole, policy)
        fields |= msgspec.json.decode(record, type=dict[str, Any])
    return parts.storing.Apart(values, kept) if values or kept else None


def _putting(  # noqa: PLR0913, PLR0917 - one place, before and after
    engine: Engine,
    place: tuple[str, int],
    old: Message,
    edited: Edited | None,
    fields: dict[str, Any],
    by: str,
    seen: State,
    expect: int | None,
    apart: Apart | None,
) -> Callable[[State, int], Any]:
    lane, position = place
    rewritten = seen.head.lanes.get(lane, Lane()).rewritten
    number, earlier = (1, []) if edited is None else (edited.version, edited.earlier)

    def decide(state: State, now: int) -> tuple[SessionStep, Message]:
        check_writable(state, expect)
        found = state.head.lanes.get(lane, Lane())
        if found.rewritten != rewritten or not found.first <= position < found.stop:
            raise Conflict("the message", expected=rewritten, found=found.rewritten)
        step = SessionStep.on(state, now, active=True)
        at = step.lane(EDITS).stop
        step.add(EDITS, [old.raw])
        if apart is not None:
            sessions.parts.storing.keep(step, apart)
        next_ = Edited(number + 1, now // 1000, by, [at, *earlier][:_EARLIER])
        record = as_json({"id": old.id, **fields, "edited": msgspec.to_builtins(next_)})
        if len(record) > engine.policy.max_message_bytes:
            raise TooLarge("a message (bytes)", limit=engine.policy.max_message_bytes, actual=len(record))
        step.rewrite(lane, position, record)
        step.tell("edited", lane, position, position + 1)
        step.size += len(record) - len(old.raw)
        kept = totals_lane(branch_of(lane) or MAIN)
        if kept in state.head.lanes and sessions.totals.changed(old.raw, record):
            step.remove(kept)
        check_size(step.size, engine.policy)
        return step, Message(record, step.version)

    return decide


async def versions(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, name: str, limit: int, below: int | None, check: Check
) -> Page[Message]:
    """Versions of a message, the newest first; see ``Store.versions``."""
    while True:
        newest = await read_message(engine, session, name, check)
        found = await numbered(engine, session, newest, limit + 1, below, check)
        if edited_of(newest) is None or (await read_message(engine, session, name, check)).raw == newest.raw:
            break  # else what came first is of before a redaction or a purge, and what came after of after it
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return Page([message for _, message in found[:limit]], following, version=newest.version)


async def numbered(  # noqa: PLR0913, PLR0917 - as above
    engine: Engine, session: str, newest: Message, most: int, below: int | None, check: Check
) -> list[tuple[int, Message]]:
    """Versions ``below`` a number, ``most`` or some more, the newest first, each with its number."""
    edited, run = await _told(engine, session, newest, check)
    found = [(1 if edited is None else edited.version, newest)]
    if below is not None and found[0][0] >= below:
        found.clear()
    while run and len(found) < most:
        found += [(one.number, one.message) for one in run if below is None or one.number < below]
        run = await _before(engine, session, run[-1], check)
    return found


async def _told(engine: Engine, session: str, newest: Message, check: Check) -> tuple[Edited | None, list[Earlier]]:
    """How a message was edited, and the versions that it names, the newest first.

    What names no version of this message is a client's own field, and says nothing.
    """
    edited = edited_of(newest)
    run = [] if edited is None else await _named(engine, session, newest.id, edited, check)
    return (edited, run) if run else (None, [])


async def _named(engine: Engine, session: str, name: str, edited: Edited, check: Check) -> list[Earlier]:
    """The versions that a version names, as far as they are there."""
    spans = {at: Span(EDITS, at, at + 1) for at in edited.earlier}
    view = await engine.view(session, *spans.values(), check=check)
    ordered = zip(spans.items(), range(edited.version - 1, 0, -1), strict=False)
    return [
        Earlier(at, number, message)
        for (at, span), number in ordered
        for raw in view.run(span)
        if raw.startswith(b'{"id":') and (message := Message(raw)).id == name
    ]


async def _before(engine: Engine, session: str, version: Earlier, check: Check) -> list[Earlier]:
    """The versions that an earlier one names: it was made by an edit, unless it is the first."""
    edited = edited_of(version.message)
    if edited is None or edited.version != version.number or version.number == 1:
        return []
    return await _named(engine, session, version.message.id, edited, check)


async def earlier_of(engine: Engine, session: str, newest: Message, check: Check) -> dict[int, Message]:
    """Every earlier version of a message, the newest first, by its position in the lane of edits."""
    found: dict[int, Message] = {}
    _, run = await _told(engine, session, newest, check)
    while run:
        found |= {one.at: one.message for one in run}
        run = await _before(engine, session, run[-1], check)
    return found


async def restore(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may say
    engine: Engine, session: str, name: str, version: int, by: str, expect: int | None, check: Check
) -> tuple[State, Message]:
    """Make an earlier version the newest one again, as a version of its own; see ``Store.restore_version``."""

    async def change(newest: Message) -> dict[str, Any]:
        found = await numbered(engine, session, newest, 1, version + 1, check)
        if not found or found[0][0] != version:
            raise NotFound("version", f"{name} {version}")
        return found[0][1].fields

    return await edit(engine, session, name, change, by, expect, check)
