"""The events of a session from the newest to the oldest, read a page at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from google.adk.events.event import Event

from holdall import Message, NotFound, Store
from holdall_google_adk.events import event_of

__all__ = ["events", "latest"]

_PAGE = 500


async def latest(store: Store, session: str) -> tuple[Message, int]:
    """The newest message of a session that says what its state is, and the session's version.

    It is the newest one, unless somebody appended another way. Raises ``NotFound`` when the session was cleared.
    """
    version, before, limit = 0, None, 1
    while True:
        page = await store.history(session, limit=limit, before=before)
        version = version or page.version or 0
        for message in reversed(page.items):
            if "state" in message or "state_at" in message:
                return message, version
        before, limit = page.previous, 50
        if before is None:
            raise NotFound("message", session)


async def events(store: Store, session: str, most: int | None = None) -> AsyncIterator[Event]:
    """The events of a session, the newest first; those of messages that came otherwise are left out."""
    messages = _messages(store, session, _PAGE if most is None else min(most + 1, _PAGE))
    async for message in messages:
        if "pieces" in message:
            texts = [(await anext(messages))["content"][0]["data"] for _ in range(message["pieces"])]
            whole: Mapping[str, Any] = json.loads("".join(reversed(texts)))
            yield event_of(whole)
        elif "adk" in message:
            yield event_of(message)


async def _messages(store: Store, session: str, limit: int) -> AsyncIterator[Message]:
    before = None
    while True:
        page = await store.history(session, limit=limit, before=before)
        for message in reversed(page.items):
            yield message
        before = page.previous
        if before is None:
            return
