"""Markdown for people: what was said as text, what tools did as fenced blocks, thoughts folded away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec

from holdall.formats.stretches import Stretch
from holdall.formats.walking import Walk
from holdall.sessions.views import Message

__all__ = ["blocks", "fenced", "write"]

_TICKS = re.compile(r"`{3,}")


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The conversation under the session's title."""
    session = walk.session
    facts = [f"session `{session.id}`", f"started {_time(session.created_at)}"]
    if session.project is not None:
        facts.insert(0, f"project {_line(session.project)}")
    yield f"# {_line(session.title or 'Session')}\n\n{' · '.join(facts)}\n".encode()
    for stretch in walk.stretches:
        if stretch.origin is not None:
            yield _branch(stretch).encode()
        async for page in walk.messages_of(stretch):
            yield "".join(_message(message) for message in page).encode()


def _branch(stretch: Stretch) -> str:
    """The heading of a branch, whose own messages follow."""
    origin, follows = stretch.origin, stretch.follows
    sub = origin is not None and origin.under is not None
    facts = [f"{'under' if sub else 'after'} `{follows}`"] if follows else []
    if stretch.deletion is not None:
        facts.append(f"deleted {_time(stretch.deletion.at)}")
    title = f": {_line(origin.title)}" if origin is not None and origin.title else ""
    heading = f"{'Sub-conversation' if sub else 'Branch'} {stretch.branch}{title}"
    return f"\n# {heading}\n" + (f"\n{' · '.join(facts)}\n" if facts else "")


def fenced(text: str, language: str = "") -> str:
    """``text`` in a fence that is longer than any run of backticks in it."""
    longest = max(map(len, _TICKS.findall(text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def blocks(message: Message) -> list[str]:
    """What a message says, a block for each part that says anything."""
    content = message.content
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block for block in map(_part, parts) if block]


def _message(message: Message) -> str:
    name = f" ({_line(message['name'])})" if message.get("name") else ""
    body = "\n\n".join(blocks(message)) or "_empty_"
    return f"\n## {message.role.capitalize()}{name} · {_time(message.created_at)}\n\n{body}\n"


def _part(part: Mapping[str, Any]) -> str:
    kind = str(part.get("type"))
    write_part = _PARTS.get(kind)
    return f"**{_line(kind)}**\n\n{_value(part)}" if write_part is None else write_part(part)


def _text(part: Mapping[str, Any]) -> str:
    return str(part.get("text", "")).strip()


def _thinking(part: Mapping[str, Any]) -> str:
    text = _text(part)
    return f"<details><summary>Thinking</summary>\n\n{_quoted(text)}\n\n</details>" if text else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _call(part: Mapping[str, Any]) -> str:
    return f"**Tool call** {_code(part.get('name'))} {_code(part.get('id'))}\n\n{_value(part.get('arguments'))}"


def _result(part: Mapping[str, Any]) -> str:
    outcome = "Tool error" if part.get("is_error") else "Tool result"
    return f"**{outcome}** {_code(part.get('id'))}\n\n{_value(part.get('content'))}"


def _image(part: Mapping[str, Any]) -> str:
    url = part.get("url")
    where = f"<{_line(url)}>" if url else f"{len(part.get('data') or ''):,} characters of base64"
    return f"**Image** {_line(part.get('media_type') or '')} {where}"


def _file(part: Mapping[str, Any]) -> str:
    return f"**File** {_line(part.get('name') or '')} {_line(part.get('url') or '')}".rstrip()


def _data(part: Mapping[str, Any]) -> str:
    return _value(part.get("data"))


_PARTS = {
    "text": _text,
    "thinking": _thinking,
    "tool_call": _call,
    "tool_result": _result,
    "image": _image,
    "file": _file,
    "data": _data,
}


def _value(value: Any) -> str:
    """A JSON value, fenced; text and lists of text parts as the text itself."""
    if isinstance(value, str):
        return fenced(value)
    if isinstance(value, list) and value and all(_is_text(item) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return fenced("\n".join(item["text"] for item in value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return fenced(msgspec.json.format(msgspec.json.encode(value), indent=2).decode(), "json")


def _is_text(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("text"), str)  # pyright: ignore[reportUnknownMemberType]


def _code(value: Any) -> str:
    text = _line(value)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _line(value: Any) -> str:
    """``value`` on one line, so that it cannot end a heading."""
    return " ".join(str(value).split())


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")  # noqa: UP017 - 3.11 has both
