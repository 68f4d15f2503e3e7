"""Between the kit's events and Holdall's messages: one message for each event, readable, and the same event back.

What was said, called and answered goes where Holdall has a word for it; everything else of an event stays beside it in a
field ``adk``. An event that would not come back as it was is kept whole there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from google.adk.events.event import Event

__all__ = ["event_of", "message_of", "pieces"]

_PARTS = {
    "function_call": ("tool_call", {"id": "id", "name": "name", "args": "arguments"}),
    "function_response": ("tool_result", {"id": "id", "response": "content"}),
}
"""For each field of a part: Holdall's type, and which field of its becomes which."""
_BLOCKS = {ours: (name, fields) for name, (ours, fields) in _PARTS.items()}
_PIECE = 96 << 10
"""Characters of an event in one message; escaped twice, they stay below the default limit of a message."""


def message_of(event: Event) -> dict[str, Any]:
    """An event as a message from which ``event_of`` makes the same event again."""
    fields = event.model_dump(mode="json", exclude_none=True)
    message = _readable(fields)
    if message is not None and _fields_of(message) == fields:
        return message
    return {"role": "system", "content": "", "adk": fields}


def _readable(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    content: dict[str, Any] = fields.get("content") or {}
    parts = content.get("parts")
    if not parts:
        return None
    said = [_part(part) for part in parts]
    role = "user" if fields.get("author") == "user" else "assistant"
    if all(part["type"] == "tool_result" for part in said):
        role = "tool"
    rest = {name: value for name, value in content.items() if name != "parts"}
    return {"role": role, "content": said, "adk": {**fields, "content": rest}}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("text"), str):
        kind = "thinking" if part.get("thought") else "text"
        return {"type": kind, "text": part["text"], "adk": {name: part[name] for name in part if name != "text"}}
    for name, (ours, fields) in _PARTS.items():
        inner = cast("dict[str, Any]", part.get(name) or {})
        if all(field in inner for field in fields) and isinstance(inner["id"], str):
            beside = {"inner": {field: inner[field] for field in inner if field not in fields}}
            rest = {"rest": {field: part[field] for field in part if field != name}}
            return {"type": ours, **{new: inner[old] for old, new in fields.items()}, "adk": {**beside, **rest}}
    return {"type": "data", "data": dict(part)}


def _fields_of(message: Mapping[str, Any]) -> dict[str, Any]:
    kept = message["adk"]
    if message["role"] == "system":
        return kept
    return {**kept, "content": {**kept["content"], "parts": [_back(part) for part in message["content"]]}}


def _back(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "data":
        return part["data"]
    if part["type"] not in _BLOCKS:
        return {"text": part["text"], **part["adk"]}
    name, fields = _BLOCKS[part["type"]]
    return {name: {**{old: part[new] for old, new in fields.items()}, **part["adk"]["inner"]}, **part["adk"]["rest"]}


def event_of(message: Mapping[str, Any]) -> Event:
    """The event that ``message`` was made from."""
    return Event.model_validate(_fields_of(message))


def pieces(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message that is too large as several in a row: parts of its JSON, and a short one with what is not the event."""
    whole = {name: message[name] for name in ("role", "content", "adk")}
    text = json.dumps(whole)
    starts = range(0, len(text), _PIECE)
    parts = [{"type": "data", "data": text[at : at + _PIECE]} for at in starts]
    beside = {name: value for name, value in message.items() if name not in whole}
    last = {"role": "system", "content": "", "pieces": len(parts), **beside}
    return [*({"role": "system", "content": [part], "piece": True} for part in parts), last]
