"""Making messages whole again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from holdall import sessions
from holdall.contract import Span
from holdall.errors import Conflict, NotFound
from holdall.sessions.names import message_place, messages_lane
from holdall.sessions.parts.index import chunk_of, learned
from holdall.sessions.parts.splitting import FIELD, Reference
from holdall.sessions.views import Message, Page

if TYPE_CHECKING:
    from holdall.sessions.reader import Check, Reader

__all__ = ["MOST", "filled", "groups", "references", "settled", "whole", "whole_page"]

MOST = 8 << 20
"""Bytes of large parts that a page has when it is read whole, unless one message alone has more."""
_ATTEMPTS = 10
_MARK = b'"' + FIELD.encode() + b'":'
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")
R = TypeVar("R")


def references(message: Message) -> list[Reference]:
    """What a stored message says is kept apart."""
    if _MARK not in message.raw:
        return []
    try:
        return msgspec.convert(message.get(FIELD, []), list[Reference])
    except msgspec.ValidationError:
        return []


def _weight(message: Message) -> int:
    return sum(reference.bytes for reference in references(message))


def filled(message: Message, texts: Mapping[str, bytes]) -> Message:
    """A message with the values that are in ``texts``, by hash; a reference to any other stays one."""
    found = references(message)
    if not found:
        return message
    fields = msgspec.json.decode(message.raw, type=dict[str, Any])
    left: list[Any] = []
    for reference, told in zip(found, fields[FIELD], strict=True):
        data = texts.get(reference.hash)
        if data is None or not _put(fields, reference.at, data, json=reference.kind == "json"):
            left.append(told)
    if left:
        fields[FIELD] = left
    else:
        del fields[FIELD]
    return Message(_encode(fields), message.version)


def _put(fields: Any, pointer: str, data: bytes, *, json: bool) -> bool:
    """Put a value in its place; ``False`` when there is no such place."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    holder = fields
    try:
        for step in steps[:-1]:
            holder = holder[int(step) if isinstance(holder, list) else step]
        last: Any = int(steps[-1]) if isinstance(holder, list) else steps[-1]
        holder[last] = msgspec.json.decode(data) if json else data.decode()
    except (LookupError, TypeError, ValueError):
        return False
    return True


async def whole(engine: Reader, session: str, messages: Sequence[Message], check: Check) -> list[Message]:
    """Messages with their large parts, each part read once; one that was purged meanwhile as the purge left it.

    Raises ``Conflict`` when the session was cleared since they were read, and what they refer to is gone with them. A part
    that is not there otherwise, of a message that says it is, is damage: it stays a reference.
    """
    wanted = {reference.hash for message in messages for reference in references(message)}
    if not wanted:
        return list(messages)
    while True:
        index = await learned(engine, session, check)
        entries = [entry for entry in map(index.get, sorted(wanted)) if entry is not None]
        view = await engine.view(session, *(entry.chunks() for entry in entries), check=check)
        if index.fits(view.state.head):
            break
    texts: dict[str, bytes] = {}
    for entry in entries:
        pieces = [chunk_of(record) for record in view.run(entry.chunks())]
        if [len(piece or b"") for piece in pieces] == entry.sizes:
            texts[entry.hash] = b"".join(filter(None, pieces))
    full = [filled(message, texts) for message in messages]
    lacking = {message.id for message in full if references(message)}
    purged = await _purged(engine, session, lacking, check) if lacking else {}
    return [_instead(message, purged) if lacking else message for message in full]


def _instead(message: Message, purged: Mapping[str, Message]) -> Message:
    """What is shown of ``message``, when some were ``purged`` meanwhile; its version is told where it was before."""
    now = purged.get(message.id)
    return message if now is None or not references(message) else Message(now.raw, message.version and now.version)


async def _purged(engine: Reader, session: str, names: set[str], check: Check) -> dict[str, Message]:
    """Those of the messages that are purged by now, as they are now; raises ``Conflict`` when some are not there.

    Only a purge takes a part away, and a clearing, and each does it in the same step to the message: one that is there,
    and not purged, was so when its parts were looked for.
    """
    spans = {name: span for name in names if (span := _place(name)) is not None}
    view = await engine.view(session, *spans.values(), check=check)
    head, runs = view.state.head, [view.run(span) for span in spans.values()]
    if not all(runs):
        raise Conflict(f"session {session}", expected=head.changed - 1, found=head.changed)
    now = (Message(raw, head.changed) for run in runs for raw in run)
    return {message.id: message for message in now if sessions.purging.is_purged(message)}


def _place(name: str) -> Span | None:
    """Where the message of that name is; ``None`` when it is not the name of one."""
    try:
        branch, position = message_place(name)
    except NotFound:
        return None
    return Span(messages_lane(branch), position, position + 1)


async def settled(found: T, read: Callable[[], Awaitable[T]], fill: Callable[[T], Awaitable[R]]) -> R:
    """What ``fill`` makes of what was ``found`` by ``read``, with large parts; read again where it was cleared meanwhile.

    Raises ``Conflict`` where that happens again and again.
    """
    for _ in range(_ATTEMPTS):
        try:
            return await fill(found)
        except Conflict:
            found = await read()
    return await fill(found)


def groups(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """``messages`` in groups that are not too large when they are whole."""
    start = size = 0
    for at, message in enumerate(messages):
        weight = _weight(message)
        if at > start and size + weight > MOST:
            yield messages[start:at]
            start, size = at, 0
        size += weight
    yield messages[start:]


async def whole_page(  # noqa: PLR0913 - each is a thing that a caller may ask
    engine: Reader,
    session: str,
    page: Page[Message],
    check: Check,
    *,
    forwards: bool,
    read: Callable[[], Awaitable[Page[Message]]] | None = None,
) -> Page[Message]:
    """A page of whole messages: as much of ``page`` as is not too large, and at least one.

    Where the session was cleared since it was read, ``read`` reads it again; without that, it raises ``Conflict``.
    """

    async def fill(page: Page[Message]) -> Page[Message]:
        page = _fitting(page, forwards=forwards)
        return Page(await whole(engine, session, page.items, check), page.next, page.previous, page.version)

    return await (fill(page) if read is None else settled(page, read, fill))


def _fitting(page: Page[Message], *, forwards: bool) -> Page[Message]:
    """As much of a page as is not too large."""
    items, following, preceding = list(page.items), page.next, page.previous
    size = sum(map(_weight, items))
    while size > MOST and len(items) > 1:
        gone = items.pop() if forwards else items.pop(0)
        size -= _weight(gone)
        if forwards:
            following = items[-1].id
        else:
            preceding = items[0].id
    return Page(items, following, preceding, page.version)
