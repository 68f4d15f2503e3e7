"""Holdall's own JSONL: the session, then its messages, tool runs and originals, one a line, each in an envelope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.errors import NotFound
from holdall.formats.records import About, Entry, Fault, Record, Run
from holdall.formats.single import OneSession
from holdall.formats.stretches import Stretch
from holdall.formats.walking import Walk
from holdall.sessions.branches.line import Line, Path
from holdall.sessions.names import MAIN, ORIGINALS, TOOLS, message_place
from holdall.sessions.views import Message

__all__ = ["READER", "VERSION", "write"]

VERSION, EVERY = 1, 2
"""The version of an export of one branch, and of one of every branch."""
_ENDLESS = 1 << 53
_FIELDS = ("project", "title", "tags", "metadata", "ttl")


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The session, of one branch or of every one, so that importing it makes the same again."""
    line = walk.line
    first = {"messages": line.first, "tools": walk.first(TOOLS), "originals": walk.first(ORIGINALS)}
    header: dict[str, Any] = {"type": "session", "format": "holdall", "version": VERSION, "first": first}
    if walk.every:
        header["version"] = EVERY
    elif line.branch != MAIN:
        header["branch"], header["path"] = line.branch, line.path
    yield msgspec.json.encode(header | {"session": walk.session.as_dict()}) + b"\n"
    for stretch in walk.stretches:
        if stretch.origin is not None:
            yield _begun(stretch)
        async for messages in walk.messages_of(stretch):
            async for piece in _said(walk, messages):
                yield piece
    async for runs in walk.tool_runs():
        yield b"".join(b'{"type":"tool","tool":%b}\n' % run.raw for run in runs)
    async for originals in walk.originals():
        yield b"".join(b'{"type":"original","original":%b}\n' % msgspec.json.encode(text) for text in originals)


async def _said(walk: Walk, messages: Sequence[Message]) -> AsyncIterator[bytes]:
    """A page of messages; of every branch each behind what it said before it was edited."""
    lines: list[bytes] = []
    for message in messages:
        if walk.every and "edited" in message:
            async for versions in walk.versions_of(message):
                lines += [b'{"type":"version","version":%b}\n' % version.raw for version in versions]
                yield b"".join(lines)
                lines = []
        lines.append(b'{"type":"message","message":%b}\n' % message.raw)
    yield b"".join(lines)


def _begun(stretch: Stretch) -> bytes:
    """The line of a branch, whose own messages follow."""
    told: dict[str, Any] = {"type": "branch", "branch": stretch.origin}
    return msgspec.json.encode(told | ({} if stretch.deletion is None else {"deleted": stretch.deletion})) + b"\n"


def matches(record: Record) -> bool:
    """Whether a record is the header of an export."""
    return record.value.get("format") == "holdall" and record.value.get("type") == "session"


def about(head: Sequence[Record]) -> About:
    """What the header says of the session."""
    header = next(filter(matches, head), None)
    session = {} if header is None else _object(header.value, "session")
    ended = _object(session, "ended")
    return About(
        id=session.get("id"),
        owner=session.get("owner"),
        key=session.get("key"),
        fields={name: session[name] for name in _FIELDS if session.get(name) is not None},
        ended=None if session.get("status") != "ended" else str(ended.get("reason") or ""),
        every=header.value if header is not None and header.value.get("version") == EVERY else None,
    )


def entries(lines: Iterable[Record | Fault]) -> Iterator[Entry | Fault]:
    """Every record but the header, with positions counted from the session's first."""
    first: Mapping[str, Any] | None = None
    where, every = Line(MAIN, (), 0, 0, _ENDLESS), False
    for line in lines:
        if isinstance(line, Fault):
            yield line
        elif matches(line):
            if first is not None:
                yield Fault(line.line, "begins another session; import it as a file of its own")
                return
            if line.value.get("version") not in (VERSION, EVERY):
                yield Fault(
                    line.line, f"is of version {line.value.get('version')}; this reads version {EVERY} and before"
                )
                return
            every = line.value["version"] == EVERY
            first, where = _object(line.value, "first"), _line(line.value)
        elif first is None:
            yield Fault(line.line, "comes before the line of the session that it belongs to")
        else:
            yield _told(line) if every else _entry(line, first, where)


def _told(record: Record) -> Entry | Fault:
    """A line of an export of every branch."""
    kind = record.value.get("type")
    original = record.value.get("original")
    if kind == "original" and isinstance(original, str):
        return Entry(record.line, kind, original, told=record.value)
    if kind not in ("branch", "message", "version", "tool") or not isinstance(record.value.get(kind), dict):
        return Fault(record.line, f"is of type {kind!r}, which this version does not know")
    return Entry(record.line, str(kind), told=record.value)


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _line(header: Mapping[str, Any]) -> Line:
    """Where the messages of an export were."""
    try:
        path = msgspec.convert(header.get("path", ()), Path)
        branch = msgspec.convert(header.get("branch", MAIN), str)
    except msgspec.ValidationError:
        path, branch = (), ""
    return Line(branch, path, 0, path[-1][1] if path else 0, _ENDLESS)


def _entry(record: Record, first: Mapping[str, Any], line: Line) -> Entry | Fault:
    kind = record.value.get("type")
    if kind == "message":
        message = _object(record.value, "message")
        message.pop("id", None)
        if "earlier" in _object(message, "edited"):
            del message["edited"]  # where its earlier versions are, in the session that it comes from
        original = message.pop("original", None)
        link = original - int(first.get("originals", 0)) if isinstance(original, int) else None
        to = _position(message.pop("reply_to", None), line)
        reply = None if to is None else to - int(first.get("messages", 0))
        return Entry(record.line, kind, message=message, link=link, reply=reply)
    if kind == "tool":
        fields = _object(record.value, "tool")
        fields.pop("id", None)
        asked_by = _position(fields.pop("message", None), line)
        ordinal = None if asked_by is None else asked_by - int(first.get("messages", 0))
        return Entry(record.line, kind, runs=[Run(fields, ordinal)])
    original = record.value.get("original")
    if kind == "original" and isinstance(original, str):
        return Entry(record.line, kind, original)
    return Fault(record.line, f"is of type {kind!r}, which this version does not know")


def _position(message: Any, line: Line) -> int | None:
    """The position of a message that was exported; ``None`` for one of another branch."""
    try:
        branch, position = message_place(message) if isinstance(message, str) else ("", 0)
    except NotFound:
        return None
    return position if line.holds(branch, position) else None


READER = OneSession(matches, about, entries, "order")
"""Reads them."""
