"""What stands in the place of what was redacted, and what of a message stays beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.errors import Invalid
from holdall.sessions.counted import tokens_alone

__all__ = ["MARKER", "SpanOfText", "redacted_content", "staying", "without"]

MARKER = "[redacted]"
_STAYING = (
    "id",
    "role",
    "created_at",
    "name",
    "reply_to",
    "model",
    "usage",
    "cost_usd",
    "latency_ms",
    "original",
    "edited",
)
"""The fields of a message that a redaction of all of it leaves: where it stands, and what it took."""
_WORDS = {"text": "text", "thinking": "text", "tool_result": "content"}
"""Kinds of part that keep their kind, and where their marker goes."""


class SpanOfText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some characters of a text in a message's content."""

    at: str
    """A JSON Pointer to the text: ``/content`` or ``/content/0/text``."""
    start: int
    stop: int


def staying(message: Mapping[str, Any], *, but: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a message that say where it stands and what it took, ``but`` some."""
    few = {name: message[name] for name in _STAYING if name in message and name not in but}
    if "usage" in few:
        few["usage"] = tokens_alone(few["usage"])
    return few


def redacted_content(content: Any) -> Any:
    """Content of the same shape that says nothing: tool calls and their results stay pairs."""
    if isinstance(content, list):
        return [_part(part) for part in cast("list[dict[str, Any]]", content)]
    return MARKER


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "tool_call":
        return {"type": kind, "id": part.get("id"), "name": part.get("name"), "arguments": {}}
    field = _WORDS.get(str(kind))
    if field is None:
        return {"type": "text", "text": MARKER}
    named = {"id": part["id"]} if "id" in part and kind == "tool_result" else {}
    return {"type": kind, **named, field: MARKER}


def without(message: dict[str, Any], parts: Sequence[int], spans: Sequence[SpanOfText]) -> dict[str, Any]:
    """A message with markers in the place of some parts of its content, and of some characters of its texts."""
    copy = msgspec.json.decode(msgspec.json.encode(message), type=dict[str, Any])
    texts: dict[tuple[str, ...], list[SpanOfText]] = {}
    for span in spans:
        texts.setdefault(_steps(span.at), []).append(span)
    for steps, found in texts.items():
        _cut(copy, steps, sorted(found, key=lambda span: span.start))
    for index in parts:
        content = copy["content"]
        if not isinstance(content, list) or not 0 <= index < len(cast("list[Any]", content)):
            raise Invalid("is not the number of a part", pointer="/parts")
        content[index] = _part(cast("list[dict[str, Any]]", content)[index])
    return copy


def _steps(pointer: str) -> tuple[str, ...]:
    """A JSON Pointer into the content, taken apart: a text has only one."""
    empty, *steps = pointer.split("/")
    if empty or steps[:1] != ["content"]:
        raise Invalid("is not a text in the message's content", pointer="/spans")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _cut(message: dict[str, Any], steps: Sequence[str], spans: Sequence[SpanOfText]) -> None:
    """Put markers into one text, in the place of ``spans`` by where they start; where they overlap, one for all."""
    try:
        holder, last = _place(message, steps)
        text: Any = holder[last]
    except (LookupError, TypeError, ValueError):
        raise Invalid("is not a text in the message's content", pointer="/spans") from None
    if not isinstance(text, str):
        raise Invalid("is not a text in the message's content", pointer="/spans")
    pieces: list[str] = []
    behind = 0
    for span in spans:
        if not 0 <= span.start < span.stop <= len(text):
            raise Invalid(f"is outside its text, which has {len(text)} characters", pointer="/spans")
        if span.start >= behind:
            pieces += [text[behind : span.start], MARKER]
        behind = max(behind, span.stop)
    holder[last] = "".join([*pieces, text[behind:]])


def _place(holder: Any, steps: Sequence[str]) -> tuple[Any, Any]:
    """What has a value, and where in it."""
    for step in steps[:-1]:
        holder = holder[_step(holder, step)]
    return holder, _step(holder, steps[-1])


def _step(holder: Any, step: str) -> Any:
    if not isinstance(holder, list):
        return step
    if str(int(step)) != step or step.startswith("-"):
        raise ValueError(step)
    return int(step)
