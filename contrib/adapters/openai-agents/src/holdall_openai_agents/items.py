"""Between the SDK's items and Holdall's messages: one message for each item, readable, and the same item back.

What Holdall has a word for goes there (words, images, tool calls and results); everything else of an item stays beside
it in a field ``openai``. An item that would not come back as it was is kept whole, as a data part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

__all__ = ["item_of", "message_of", "role_of"]

_ROLES = ("system", "developer", "user", "assistant")
_PARTS = {
    "input_text": ("text", {"text": "text"}),
    "output_text": ("text", {"text": "text"}),
    "input_image": ("image", {"image_url": "url"}),
}
"""For each part of a message: Holdall's type, and which field becomes which."""
_ITEMS = {
    "function_call": ("tool_call", {"call_id": "id", "name": "name", "arguments": "arguments"}),
    "function_call_output": ("tool_result", {"call_id": "id", "output": "content"}),
}
_WHOLE = ("tool_call", "tool_result", "thinking", "data")
"""Parts that are an item by themselves."""
_TEXTS = ("text", "url", "id", "name")
"""Fields that Holdall wants to be text."""


def message_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` as a message from which ``item_of`` makes the same item again."""
    message = _readable(item)
    if message is not None and item_of(message) == item:
        return message
    return {"role": role_of(item), "content": [{"type": "data", "data": dict(item)}]}


def role_of(item: Mapping[str, Any]) -> str:
    """Who speaks in an item; the assistant, where it does not say."""
    if item.get("type") == "function_call_output":
        return "tool"
    return item["role"] if item.get("role") in _ROLES else "assistant"


def _readable(item: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, content = item.get("type", "message"), item.get("content")
    if not isinstance(kind, str):
        return None
    if kind in _ITEMS:
        part = _renamed(item, *_ITEMS[kind])
        return part and {"role": role_of(item), "content": [part]}
    if kind == "reasoning":
        return {"role": "assistant", "content": [{"type": "thinking", "text": _summary(item), "openai": dict(item)}]}
    if kind != "message" or item.get("role") not in _ROLES or not isinstance(content, str | list):
        return None
    said = content if isinstance(content, str) else [_part(part) for part in cast("list[Any]", content)]
    rest = {name: value for name, value in item.items() if name not in ("role", "content")}
    return {"role": item["role"], "content": said} | ({"openai": rest} if rest else {})


def _part(part: Any) -> dict[str, Any]:
    fields = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    kind = fields.get("type")
    made = _renamed(fields, *_PARTS[kind]) if isinstance(kind, str) and kind in _PARTS else None
    return made or {"type": "data", "data": part}


def _renamed(source: Mapping[str, Any], kind: str, fields: Mapping[str, str]) -> dict[str, Any] | None:
    """A part with ``fields`` of ``source`` under Holdall's names, and the rest beside them; ``None`` if it cannot be."""
    part: dict[str, Any] = {"type": kind}
    for name, ours in fields.items():
        if name not in source or (ours in _TEXTS and not isinstance(source[name], str)):
            return None
        part[ours] = source[name]
    return part | {"openai": {name: value for name, value in source.items() if name not in fields}}


def _summary(item: Mapping[str, Any]) -> str:
    summary = item.get("summary")
    parts = cast("list[Any]", summary) if isinstance(summary, list) else []
    texts = (cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def item_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The item that ``message`` was made from; of a message that was made otherwise, what the SDK has words for."""
    role, content = message["role"], message["content"]
    if not isinstance(content, str):
        if len(content) == 1 and content[0]["type"] in _WHOLE:
            return _item(content[0])
        content = [_back(part, role) for part in content if part["type"] in ("text", "image", "data")]
    return {"role": role, "content": content} | message.get("openai", {})


def _item(part: Mapping[str, Any]) -> Any:
    for kind, (ours, fields) in _ITEMS.items():
        if part["type"] == ours:
            rest = part.get("openai", {"type": kind})
            return {name: part.get(field) for name, field in fields.items()} | rest
    return part["data"] if part["type"] == "data" else part.get("openai", {"type": "reasoning", "summary": []})


def _back(part: Mapping[str, Any], role: str) -> Any:
    if part["type"] == "data":
        return part.get("data")
    if part["type"] == "image":
        return {"image_url": part.get("url")} | part.get("openai", {"type": "input_image", "detail": "auto"})
    return {"text": part["text"]} | part.get("openai", {"type": "output_text" if role == "assistant" else "input_text"})
