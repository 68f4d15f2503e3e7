"""The parts of messages in the words of ATIF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, cast

import msgspec

from holdall.formats.pairing import Answer
from holdall.formats.usage import Usage

__all__ = [
    "OWN",
    "USAGE",
    "call_of",
    "content_of",
    "fields_of",
    "fits",
    "metrics_of",
    "objects_of",
    "result_of",
    "time_of",
]

OWN = "holdall"
"""Where ``extra`` has what is Holdall's own."""
USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
"""What it calls tokens."""
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def fields_of(value: Any) -> dict[str, Any]:
    """An object's fields; none of what is no object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[dict[str, Any]]:
    """The objects in an array; none in what is no array."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in found if isinstance(one, dict)]


def fits(part: Mapping[str, Any], *, agent: bool) -> bool:
    """Whether ATIF has a place for a part."""
    kind = part.get("type")
    if kind == "image":
        return part.get("media_type") in _PICTURES and bool(part.get("url") or part.get("data"))
    return kind == "text" or (agent and kind in ("thinking", "tool_call"))


def content_of(parts: Sequence[Mapping[str, Any]]) -> str | list[Any]:
    """A message's words, and images where there are any."""
    if all(part.get("type") == "text" for part in parts) and len(parts) < 2:  # noqa: PLR2004
        return "".join(str(part.get("text", "")) for part in parts)
    return [
        _image(part) if part.get("type") == "image" else {"type": "text", "text": part.get("text", "")}
        for part in parts
    ]


def _image(part: Mapping[str, Any]) -> dict[str, Any]:
    path = part.get("url") or f"data:{part['media_type']};base64,{part['data']}"
    return {"type": "image", "source": {"media_type": part["media_type"], "path": path}}


def call_of(part: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call."""
    asked = part.get("arguments")
    arguments = cast("dict[str, Any]", asked) if isinstance(asked, dict) else {} if asked is None else {"input": asked}
    return {"tool_call_id": str(part.get("id")), "function_name": str(part.get("name")), "arguments": arguments}


def result_of(part: Mapping[str, Any], answer: Answer | None) -> dict[str, Any]:
    """What a tool answered; without its ``answer`` beside its call, ATIF may not name that."""
    own: dict[str, Any] = {} if answer is None else {"timestamp": time_of(answer.message.created_at)}
    if answer is None:
        own["call"] = part.get("id")
    if part.get("is_error"):
        own["is_error"] = True
    told = {"source_call_id": part.get("id")} if answer is not None else {}
    return {**told, "content": _words(part.get("content")), "extra": {OWN: own}}


def _words(content: Any) -> str | list[Any]:
    """What a tool answered: text, parts of text and images, or JSON."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        made = [_answered(item) for item in cast("list[Any]", content)]
        if None not in made:
            return made
    return "" if content is None else msgspec.json.encode(content).decode()


def _answered(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    part = cast("dict[str, Any]", item)
    if isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    source = part.get("source")
    flat = {**part, **cast("dict[str, Any]", source)} if isinstance(source, dict) else part
    return _image(flat) if part.get("type") == "image" and fits({**flat, "type": "image"}, agent=True) else None


def metrics_of(usage: Usage) -> dict[str, Any]:
    """What a step took."""
    told = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "cached_tokens": usage.cached,
        "cost_usd": usage.cost,
    }
    return {name: number for name, number in told.items() if number is not None}


def time_of(milliseconds: int) -> str:
    """A time in UTC, as ISO 8601 says it."""
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)  # noqa: UP017 - typed
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"
