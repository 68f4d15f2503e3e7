"""Messages as a chat completion takes them: what a model is asked with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdall.formats.openai_export import messages_of
from holdall.sessions.views import Message

__all__ = ["chat_of"]

_OWN = ("role", "content", "name", "tool_calls", "tool_call_id")


def chat_of(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """OpenAI messages; those that were stored in that form already are as they were."""
    made: list[dict[str, Any]] = []
    for message in messages:
        if message.get("tool_calls") or message.get("tool_call_id"):
            made.append({name: message[name] for name in _OWN if name in message})
        else:
            made += messages_of(message)
    return made
