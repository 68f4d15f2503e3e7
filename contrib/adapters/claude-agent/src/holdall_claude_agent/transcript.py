"""What a process knows of one transcript: which lines it has. Read once, and then only what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from claude_agent_sdk import SessionKey, SessionStoreEntry, SessionSummaryEntry, fold_session_summary

from holdall import Conflict, Message, Store, TooLarge
from holdall_claude_agent.entries import entries_of, message_of, pieces

__all__ = ["Transcript", "everything"]

_PAGE = 500


async def everything(store: Store, session: str) -> list[Message]:
    """Every message of a session, oldest first."""
    pages: list[Sequence[Message]] = []
    before = None
    while True:
        page = await store.history(session, limit=_PAGE, before=before)
        pages.append(page.items)
        before = page.previous
        if before is None:
            return [message for items in reversed(pages) for message in items]


@dataclass(slots=True)
class Transcript:
    """The session of one key, as of ``version``."""

    store: Store
    key: SessionKey
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: str | None = None
    version: int = -1
    last: str | None = None
    count: int = 0
    uuids: set[str] = field(default_factory=set[str])
    summary: dict[str, Any] | None = None

    def forget(self) -> None:
        """Know nothing, not even which session it is."""
        self.session, self.version, self.last, self.count, self.summary = None, -1, None, 0, None
        self.uuids.clear()

    async def add(self, session: str, entries: Sequence[SessionStoreEntry]) -> None:
        """Append those of ``entries`` that are not there yet, in one atomic step."""
        if self.session != session:
            self.forget()
            self.session = session
            await self._catch_up()
        while True:
            fresh = self._fresh(entries)
            if not fresh:
                if await self.store.version(session) == self.version:
                    return
                await self._catch_up()  # it may have been cleared
                continue
            try:
                await self._append(session, fresh)
            except Conflict:  # another process wrote to it
                await self._catch_up()
                continue
            return

    async def _append(self, session: str, fresh: list[SessionStoreEntry]) -> None:
        messages = [message_of(entry) for entry in fresh]
        folded = self._folded(fresh)
        try:
            messages[-1] |= folded
            added = await self.store.append(session, messages, expect=self.version)
        except TooLarge:
            split = [message for entry in fresh for message in pieces(entry)]
            if len(split) == len(fresh):
                raise
            split[-1] |= folded
            added = await self.store.append(session, split, expect=self.version)
        self.version = added.state.head.changed
        self._see(added.messages)

    def _folded(self, fresh: list[SessionStoreEntry]) -> dict[str, Any]:
        """The summary after ``fresh``, for the last of their messages; a subagent's transcript has none."""
        if self.key.get("subpath") is not None:
            return {}
        before: SessionSummaryEntry | None = None
        if self.summary is not None:
            before = {"session_id": self.key["session_id"], "mtime": 0, "data": self.summary}
        return {"summary": fold_session_summary(before, self.key, fresh)["data"]}

    def _fresh(self, entries: Sequence[SessionStoreEntry]) -> list[SessionStoreEntry]:
        """Those that have no uuid, or one that did not come before."""
        seen = set(self.uuids)
        fresh: list[SessionStoreEntry] = []
        for entry in entries:
            uuid = entry.get("uuid")
            if uuid is None or uuid not in seen:
                fresh.append(entry)
            if uuid is not None:
                seen.add(uuid)
        return fresh

    async def _catch_up(self) -> None:
        assert self.session is not None  # noqa: S101 - for the type checker
        while True:
            found = await self.store.get(self.session)
            before = found.version
            if found.counts.messages < self.count:  # it was cleared
                self.last, self.summary, self.count = None, None, 0
                self.uuids.clear()
            if self.last is None:
                self._see(await everything(self.store, self.session))
            while self.last is not None:
                page = await self.store.history(self.session, limit=_PAGE, after=self.last)
                self._see(page.items)
                if page.next is None:
                    break
            if (await self.store.get(self.session)).version == before:
                self.version = before
                return

    def _see(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.last = message.id
            self.count += 1
            self.summary = message.get("summary", self.summary)
        self.uuids |= {entry["uuid"] for entry in entries_of(messages) if isinstance(entry.get("uuid"), str)}
