"""Messages as a text that a model can be shown, in pieces of a bounded length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.sessions.compaction.parts import large_of
from holdall.sessions.views import Message

__all__ = ["joined", "rendered"]

_OUTPUT = 2_000
"""Characters that are shown of what a tool gave back: its beginning and its end."""
_ARGUMENTS = 500
_UNTOLD = ("thinking",)


def rendered(messages: Sequence[Message], room: int) -> list[str]:
    """``messages`` in their order, in pieces of at most ``room`` characters; there is always one."""
    return joined([part for message in messages for part in _split(message, room)], room)


def joined(texts: Sequence[str], room: int) -> list[str]:
    """``texts`` a line each, as many together as fit into ``room`` characters."""
    pieces: list[list[str]] = [[]]
    size = 0
    for text in texts:
        if pieces[-1] and size + len(text) + 1 > room:
            pieces.append([])
            size = 0
        pieces[-1].append(text)
        size += len(text) + 1
    return ["\n".join(piece) for piece in pieces]


def _split(message: Message, room: int) -> Iterator[str]:
    """A message, cut where it is longer than a piece."""
    who, text = f"[{message.role}] ", "\n".join([*_told(message.fields), *_apart(message)]).strip()
    step = room - len(who)
    for start in range(0, max(len(text), 1), step):
        yield who + text[start : start + step]


def _apart(message: Message) -> Iterator[str]:
    """That there is more, where a part of the message is kept apart from it."""
    size = sum(large_of(message).values())
    if size:
        yield f"({size:,} bytes more, not shown)"


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    """What a message says, and what was called and given back in it."""
    content = message.get("content")
    if isinstance(content, str):
        yield content if message.get("role") != "tool" else _cut(content, _OUTPUT)
    elif isinstance(content, list):
        for part in cast("list[Any]", content):
            yield from _part(part)
    calls = message.get("tool_calls")
    if calls:
        yield f"(calls {_cut(_json(calls), _ARGUMENTS)})"


def _part(part: Any) -> Iterator[str]:
    if not isinstance(part, dict):
        yield _cut(_json(part), _ARGUMENTS)
        return
    fields = cast("dict[str, Any]", part)
    kind = fields.get("type")
    if kind == "text":
        yield str(fields.get("text") or "")
    elif kind == "tool_call":
        yield f"(calls {_cut(str(fields.get('name')), _ARGUMENTS)}: {_cut(_json(fields.get('arguments')), _ARGUMENTS)})"
    elif kind == "tool_result":
        yield f"(result: {_cut(_output(fields.get('content')), _OUTPUT)})"
    elif kind not in _UNTOLD:
        yield f"({_cut(str(kind), _ARGUMENTS)})"


def _output(content: Any) -> str:
    """What a tool gave back, as text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(line for part in cast("list[Any]", content) for line in _part(part))
    return "" if content is None else _json(content)


def _cut(text: str, most: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
