"""Lists of LangChain messages: each message is stored once, as a message of the thread, and a list says where they lie.

A list that grows by one costs one message and a few numbers, where a checkpoint that holds the whole list costs all of it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from holdall_langgraph.records import blob

__all__ = ["FIELD", "Place", "Run", "digest", "is_messages", "loaded", "record", "runs_of"]

FIELD = "langgraph"
"""Where a message record keeps the message as LangGraph serialises it."""
_ROLES = {"human": "user", "system": "system", "tool": "tool", "function": "tool"}

Place = tuple[str | None, int]
"""Where a message lies: so many messages behind the one of that id; ``None``: behind the beginning."""
Run = tuple[str | None, int, int]
"""A place, and how many messages lie there in a row."""


def is_messages(value: Any) -> bool:
    """Whether a channel's value is a list of messages."""
    if type(value) is not list:
        return False
    listed = cast("list[Any]", value)
    return bool(listed) and all(isinstance(one, BaseMessage) for one in listed)


def digest(typed: tuple[str, bytes]) -> bytes:
    """What tells a serialised message from another."""
    kind = typed[0].encode()
    return blake2b(len(kind).to_bytes(2, "big") + kind + typed[1], digest_size=16).digest()


def record(message: BaseMessage, typed: tuple[str, bytes], serde: SerializerProtocol) -> dict[str, Any]:
    """A message of Holdall for one of LangChain: readable, unless ``serde`` hides what it serialises."""
    readable = isinstance(serde, JsonPlusSerializer)
    content = _content(message) if readable else ""
    return {"role": _ROLES.get(message.type, "assistant"), "content": content, FIELD: [typed[0], blob(typed[1])]}


def _content(message: BaseMessage) -> str | list[dict[str, Any]]:
    text = str(message.text).encode(errors="replace").decode()
    if isinstance(message, ToolMessage):
        return [{"type": "tool_result", "id": message.tool_call_id, "content": text}]
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    if not calls:
        return text
    parts = [{"type": "tool_call", "id": call["id"] or "", "name": call["name"]} for call in calls]
    return [{"type": "text", "text": text}, *parts] if text else parts


def loaded(stored: Sequence[str]) -> tuple[str, bytes]:
    """The serialised message of a record's ``FIELD``."""
    return stored[0], base64.b64decode(stored[1])


def runs_of(
    places: Sequence[Place], behind: Sequence[Place], begun: Sequence[Run] = (), end: Place | None = None
) -> list[Run]:
    """``places`` as few runs; ``behind`` has, for each of them, the place directly behind it.

    They may follow runs that were ``begun``, behind which is the place ``end``.
    """
    runs, expected = [*begun], end
    for place, following in zip(places, behind, strict=True):
        if place == expected:
            after, skip, count = runs[-1]
            runs[-1] = after, skip, count + 1
        else:
            runs.append((*place, 1))
        expected = following
    return runs
