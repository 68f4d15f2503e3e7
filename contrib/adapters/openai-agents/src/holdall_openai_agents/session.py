"""A session of the SDK: the protocol ``agents.memory.Session`` over one session of Holdall."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from agents import SessionSettings, TResponseInputItem

from holdall import Conflict, NotFound, Store, TooLarge
from holdall_openai_agents.items import message_of
from holdall_openai_agents.walking import Walk, pieces, taken_back

__all__ = ["HoldallSession"]

T = TypeVar("T")
_BATCH = 1000
"""Messages in one atomic step, as Holdall allows by default."""


class HoldallSession:
    """One conversation: the session that ``owner`` calls ``session_id``, created with its first items.

    ``store`` is an open one, of the event loop that this is used in; without an ``owner`` it acts as one
    (``store.acting_as``). ``fields`` (project, title, tags, metadata, ttl, …) are for the session when it is created.
    """

    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        store: Store,
        *,
        owner: str | None = None,
        session_settings: SessionSettings | None = None,
        **fields: Any,
    ) -> None:
        self.session_id = session_id
        self.session_settings = session_settings or SessionSettings()
        self._store = store
        self._owner = owner
        self._fields = fields
        self._found: str | None = None

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The newest ``limit`` items, or as many as ``session_settings.limit`` says, or all; oldest first."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        most = None if limit is None or limit < 0 else limit

        async def read(session: str) -> list[TResponseInputItem]:
            return await Walk(self._store, session, most).items(most)

        return [] if most == 0 else await self._on(read) or []

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add ``items`` in one atomic step; more than 1,000 in several.

        Like the other writes it goes on to its end when the caller is cancelled, and is settled when this returns.
        """
        if items:
            await _settled(self._on(lambda session: self._append(session, items), create=True))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the newest item back and return it. It stays in the session's history, and is not read as an item."""
        return await _settled(self._on(self._pop))

    async def clear_session(self) -> None:
        """Erase the conversation."""
        await _settled(self._on(self._store.clear))

    async def _append(self, session: str, items: Sequence[Any]) -> None:
        for at in range(0, len(items), _BATCH):
            batch = items[at : at + _BATCH]
            messages = [message_of(item) for item in batch]
            try:
                await self._store.append(session, messages)
            except TooLarge:
                parts = [list(pieces(item)) for item in batch]
                split = [[made] if len(some) == 1 else some for made, some in zip(messages, parts, strict=True)]
                if all(len(some) == 1 for some in split):
                    raise
                await self._store.append(session, [message for some in split for message in some])

    async def _pop(self, session: str) -> Any:
        while True:
            walk = Walk(self._store, session, 20)
            entry = await walk.item()
            if entry is None:
                return None
            item, first = entry
            with suppress(Conflict):  # somebody added or took an item meanwhile
                await self._store.append(session, [taken_back(first)], expect=walk.version)
                return item

    async def _on(self, act: Callable[[str], Awaitable[T]], *, create: bool = False) -> T | None:
        """What ``act`` gives for the session; ``None`` if there is none and it is not to be created."""
        if self._found is not None:
            try:
                return await act(self._found)
            except NotFound:  # deleted or expired since
                self._found = None
        key = self.session_id
        if create:
            session = await self._store.get_or_create(owner=self._owner, key=key, **self._fields)
        else:
            session = await self._store.find(owner=self._owner, key=key)
        if session is None:
            return None
        self._found = session.id
        return await act(session.id)


async def _settled(work: Coroutine[Any, Any, T]) -> T:
    """What comes of ``work``, which is not stopped when the caller is cancelled: the cancellation waits for its end."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            raise cancelled from error
        raise
