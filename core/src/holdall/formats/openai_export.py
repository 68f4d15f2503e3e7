"""OpenAI messages, one a line: what a chat completion is asked with. What these can't say is left out.

They have roles, words, images, tool calls and results, and what a model thought as ``reasoning_content``; no times, no
ids of messages, no metadata. A result is a message of its own, whoever brought it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.formats.pairing import parts_of
from holdall.formats.walking import Walk
from holdall.sessions.views import Message

__all__ = ["messages_of", "write"]

Parts = Sequence[Mapping[str, Any]]


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The conversation, a page at a time."""
    async for page in walk.messages():
        said = (one for message in page for one in messages_of(message))
        yield b"".join(msgspec.json.encode(one) + b"\n" for one in said)


def messages_of(message: Message) -> Iterator[dict[str, Any]]:
    """One message as OpenAI's: what tools answered first, for it has to follow the calls."""
    parts = parts_of(message)
    results = [part for part in parts if part.get("type") == "tool_result"]
    yield from map(_result, results)
    rest = [part for part in parts if part.get("type") != "tool_result"]
    if rest or not results:
        made = _said(message.role, rest)
        yield made | ({"name": message["name"]} if message.get("name") else {})


def _result(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": part.get("id"), "content": _words(part.get("content"))}


def _words(content: Any) -> str | list[Any]:
    """What a tool answered: as text, or as parts that are text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        texts = [
            cast("dict[str, Any]", item).get("text") for item in cast("list[Any]", content) if isinstance(item, dict)
        ]
        if len(texts) == len(cast("list[Any]", content)) and all(isinstance(text, str) for text in texts):
            return [{"type": "text", "text": text} for text in texts]
    return "" if content is None else msgspec.json.encode(content).decode()


def _said(role: str, parts: Parts) -> dict[str, Any]:
    calls = [_call(part) for part in parts if part.get("type") == "tool_call"]
    thoughts = [str(part.get("text", "")) for part in parts if part.get("type") == "thinking"]
    spoken = [part for part in parts if part.get("type") not in ("tool_call", "thinking")]
    made: dict[str, Any] = {"role": role, "content": _content(spoken)}
    if calls and not spoken:
        made["content"] = None
    if any(thoughts):
        made["reasoning_content"] = "\n\n".join(filter(None, thoughts))
    return made | ({"tool_calls": calls} if calls else {})


def _content(parts: Parts) -> str | list[Any]:
    if all(part.get("type") == "text" for part in parts):
        texts = [str(part.get("text", "")) for part in parts]
        return "".join(texts) if len(texts) < 2 else [{"type": "text", "text": text} for text in texts]  # noqa: PLR2004
    return [_part(part) for part in parts]


def _part(part: Mapping[str, Any]) -> Any:
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "text": part.get("text", "")}
    if kind == "image" and (part.get("url") or part.get("data")):
        data = f"data:{part.get('media_type') or 'image/png'};base64,{part.get('data')}"
        return {"type": "image_url", "image_url": {"url": part.get("url") or data}}
    if kind == "data":
        inner = part.get("data")
        if isinstance(inner, dict) and isinstance(cast("dict[str, Any]", inner).get("type"), str):
            return cast("Any", inner)  # one of OpenAI's own, which came in an import
        return {"type": "text", "text": msgspec.json.encode(inner).decode()}
    return {"type": "text", "text": msgspec.json.encode(part).decode()}


def _call(part: Mapping[str, Any]) -> dict[str, Any]:
    arguments = part.get("arguments")
    asked = (
        arguments
        if isinstance(arguments, str)
        else msgspec.json.encode({} if arguments is None else arguments).decode()
    )
    return {"id": part.get("id"), "type": "function", "function": {"name": part.get("name"), "arguments": asked}}
