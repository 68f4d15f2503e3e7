"""What of a message is a tool's: its calls, their results, and a result that was elided.

Both ways of saying it are understood: parts (``tool_call``, ``tool_result``), and the fields of an OpenAI message
(``tool_calls``, ``tool_call_id``), which are kept where a client appends one as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.sessions.parts.joining import references
from holdall.sessions.parts.splitting import FIELD
from holdall.sessions.views import Message

__all__ = ["calls_and_results", "elided", "large_of", "output_parts", "parts_of", "says_something"]

Fields = Mapping[str, Any]


def parts_of(message: Fields) -> Sequence[Fields]:
    """The parts of a message; a text is one."""
    content = message.get("content")
    if isinstance(content, list):
        return cast("list[Fields]", content)
    return [{"type": "text", "text": content}] if isinstance(content, str) and content else []


def calls_and_results(message: Fields) -> Iterator[tuple[bool, str]]:
    """The ids of calls (true) and of results (false), in the order of the message."""
    for part in parts_of(message):
        name = part.get("id")
        if part.get("type") in ("tool_call", "tool_result") and isinstance(name, str):
            yield part["type"] == "tool_call", name
    answered = message.get("tool_call_id")
    if isinstance(answered, str):
        yield False, answered
    calls = message.get("tool_calls")
    for call in cast("list[Any]", calls) if isinstance(calls, list) else []:
        name = cast("Fields", call).get("id") if isinstance(call, dict) else None
        if isinstance(name, str):
            yield True, name


def output_parts(message: Fields) -> list[int]:
    """The places of the parts that are a tool's output; the text of a message of the role ``tool`` is at 0."""
    if isinstance(message.get("content"), str):
        return [0] if message.get("role") == "tool" and (message["content"] or FIELD in message) else []
    return [at for at, part in enumerate(parts_of(message)) if part.get("type") == "tool_result"]


def says_something(message: Fields) -> bool:
    """Whether the user speaks here, rather than a tool in the user's name."""
    return message.get("role") == "user" and any(part.get("type") != "tool_result" for part in parts_of(message))


def large_of(message: Message) -> dict[int, int]:
    """By part, the bytes that are kept apart from the message."""
    sizes: dict[int, int] = {}
    for reference in references(message):
        at = _part_at(reference.at)
        sizes[at] = sizes.get(at, 0) + reference.bytes
    return sizes


def _part_at(pointer: str) -> int:
    """The part that a pointer to a large value is in; a text counts as part 0."""
    steps = pointer.split("/")[2:]
    return int(steps[0]) if steps else 0


def elided(message: Message, notes: Mapping[int, str]) -> Message:
    """``message`` with the output of the parts in ``notes`` replaced by these; id and order stay."""
    fields = message.fields
    content: Any = fields.get("content")
    if isinstance(content, str):
        content = notes.get(0, content)
    else:
        content = [_noted(part, notes[at]) if at in notes else part for at, part in enumerate(content)]
    left = {**fields, "content": content}
    if references(message):  # what is left out is not brought back by its reference
        left[FIELD] = [told for told in fields[FIELD] if _part_at(told["at"]) not in notes]
    return Message(msgspec.json.encode(left), message.version)


def _noted(part: Fields, note: str) -> dict[str, Any]:
    return {name: part[name] for name in ("type", "id", "is_error") if name in part} | {"content": note}
