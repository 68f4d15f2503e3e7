"""Between the lines of a transcript and Holdall's messages: one message for each line, readable, and the same line back.

What was said, thought, called and answered goes where Holdall has a word for it; everything else of a line stays beside
it in a field ``claude``. A line that says nothing is kept whole there, and so is one that would not come back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

__all__ = ["entries_of", "entry_of", "message_of", "pieces"]

_PARTS = {
    "text": ("text", {"text": "text"}),
    "thinking": ("thinking", {"thinking": "text"}),
    "tool_use": ("tool_call", {"id": "id", "name": "name", "input": "arguments"}),
    "tool_result": ("tool_result", {"tool_use_id": "id", "content": "content"}),
}
"""For each block of a message: Holdall's type, and which field becomes which."""
_BLOCKS = dict(_PARTS.values())
_TEXTS = ("text", "id", "name")
"""Fields that Holdall wants to be text."""
_PIECE = 96 << 10
"""Characters of a line in one message; escaped twice, they stay below the default limit of a message."""


def message_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A line as a message from which ``entry_of`` makes the same line again."""
    message = _readable(entry)
    if message is not None and entry_of(message) == entry:
        return message
    return {"role": "system", "content": "", "claude": dict(entry)}


def _readable(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = entry.get("message")
    if entry.get("type") not in ("user", "assistant") or not isinstance(inner, dict):
        return None
    fields = cast("dict[str, Any]", inner)
    content = fields.get("content")
    if not isinstance(content, str | list):
        return None
    said = content if isinstance(content, str) else [_part(block) for block in cast("list[Any]", content)]
    answers = not isinstance(said, str) and bool(said) and all(part["type"] == "tool_result" for part in said)
    rest = {name: value for name, value in fields.items() if name != "content"}
    return {"role": "tool" if answers else entry["type"], "content": said, "claude": {**entry, "message": rest}}


def _part(block: Any) -> dict[str, Any]:
    source = cast("dict[str, Any]", block) if isinstance(block, dict) else {}
    kind = source.get("type")
    if not isinstance(kind, str) or kind not in _PARTS:
        return {"type": "data", "data": block}
    ours, fields = _PARTS[kind]
    part: dict[str, Any] = {"type": ours}
    for name, field in fields.items():
        if name not in source or (field in _TEXTS and not isinstance(source[name], str)):
            return {"type": "data", "data": block}
        part[field] = source[name]
    return part | {"claude": {name: value for name, value in source.items() if name not in fields}}


def entry_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The line that ``message`` was made from."""
    kept, content = message["claude"], message["content"]
    if message["role"] == "system":
        return kept
    said = content if isinstance(content, str) else [_block(part) for part in content]
    return {**kept, "message": {**kept["message"], "content": said}}


def _block(part: Mapping[str, Any]) -> Any:
    if part["type"] == "data":
        return part["data"]
    return {name: part[field] for name, field in _BLOCKS[part["type"]].items()} | part["claude"]


def pieces(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line as several messages in a row, each with a part of its JSON; as one, if it is short enough."""
    text = json.dumps(entry)
    if len(text) <= _PIECE:
        return [message_of(entry)]
    starts = range(0, len(text), _PIECE)
    return [
        {
            "role": "system",
            "content": [{"type": "data", "data": text[at : at + _PIECE]}],
            "piece": [number, len(starts)],
        }
        for number, at in enumerate(starts, 1)
    ]


def entries_of(messages: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The lines that ``messages`` were made from; those that were made otherwise are no lines."""
    texts: list[str] = []
    for message in messages:
        if "piece" in message:
            number, count = message["piece"]
            texts = [*texts, message["content"][0]["data"]] if number > 1 else [message["content"][0]["data"]]
            if number == count:
                yield json.loads("".join(texts))
        elif "claude" in message:
            yield entry_of(message)
