"""The session store of the SDK: a transcript is a session, a subagent's transcript another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from hashlib import sha256
from json import dumps
from typing import Any

from claude_agent_sdk import (
    SessionKey,
    SessionListSubkeysKey,
    SessionStore,
    SessionStoreEntry,
    SessionStoreListEntry,
    SessionSummaryEntry,
)

from holdall import NotFound, Session, Store
from holdall_claude_agent.entries import entries_of
from holdall_claude_agent.transcript import Transcript, everything

__all__ = ["HoldallSessionStore"]

_PAGE = 500
_KNOWN = 256
_BATCH = 500


class HoldallSessionStore(SessionStore):
    """Transcripts in an open ``store``, as sessions of ``owner``; ``ttl`` is how many idle seconds they are kept."""

    def __init__(self, store: Store, *, owner: str | None = None, ttl: int | None = None) -> None:
        self._store = store
        self._owner = owner
        self._ttl = ttl
        self._known: OrderedDict[str, Transcript] = OrderedDict()

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add lines to a transcript, those with a uuid once; 500 in one atomic step, durable when this returns."""
        transcript = self._transcript(key)
        async with transcript.lock:
            for at in range(0, len(entries), _BATCH):
                await self._add(transcript, entries[at : at + _BATCH])

    async def _add(self, transcript: Transcript, entries: list[SessionStoreEntry]) -> None:
        if transcript.session is not None:
            try:
                await transcript.add(transcript.session, entries)
            except NotFound:  # deleted or expired since
                transcript.forget()
            else:
                return
        key = transcript.key
        subpath = key.get("subpath")
        found = await self._store.get_or_create(
            owner=self._owner,
            key=_name(key),
            project=key["project_key"][:200] or None,
            tags=[_tag(key["project_key"]) if subpath is None else _tag(key["project_key"], key["session_id"])],
            metadata={"project_key": key["project_key"], "session_id": key["session_id"], "subpath": subpath},
            ttl=self._ttl,
        )
        await transcript.add(found.id, entries)

    def _transcript(self, key: SessionKey) -> Transcript:
        known, name = self._known, _name(key)
        found = known.setdefault(name, Transcript(self._store, key))
        known.move_to_end(name)
        while len(known) > _KNOWN:
            known.popitem(last=False)
        return found

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Every line of a transcript, or ``None`` if there is none."""
        found = await self._find(key)
        try:
            lines: list[Any] = [] if found is None else list(entries_of(await everything(self._store, found.id)))
        except NotFound:  # it went meanwhile
            lines = []
        return lines or None

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """The transcripts of a project, without those of subagents."""
        listed = self._listed(_tag(project_key))
        return [{"session_id": each.metadata["session_id"], "mtime": each.active_at} async for each in listed]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """What the SDK made of each transcript of a project when it was appended to."""
        found: list[SessionSummaryEntry] = []
        async for session in self._listed(_tag(project_key)):
            try:
                page = await session.history(limit=1)
            except NotFound:  # it went meanwhile
                continue
            data = page.items[0].get("summary") if page.items else None
            if data is not None:
                found.append({"session_id": session.metadata["session_id"], "mtime": session.active_at, "data": data})
        return found

    async def delete(self, key: SessionKey) -> None:
        """Delete a transcript; that of a session with those of its subagents, which go first."""
        if key.get("subpath") is None:
            async for session in self._listed(_tag(key["project_key"], key["session_id"])):
                await self._gone(session)
        await self._gone(await self._find(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """The subpaths of a session's subagents."""
        listed = self._listed(_tag(key["project_key"], key["session_id"]))
        return [session.metadata["subpath"] async for session in listed]

    async def _find(self, key: SessionKey) -> Session | None:
        return await self._store.find(owner=self._owner, key=_name(key))

    async def _gone(self, session: Session | None) -> None:
        try:
            if session is not None:
                await session.delete()
        except NotFound:  # as it should be
            return

    async def _listed(self, tag: str) -> AsyncIterator[Session]:
        cursor = None
        while True:
            page = await self._store.list(owner=self._owner, tag=tag, limit=_PAGE, cursor=cursor)
            for session in page:
                yield session
            cursor = page.next
            if cursor is None:
                return


def _hashed(*parts: str | None) -> str:
    return sha256(dumps(parts).encode()).hexdigest()[:40]


def _name(key: SessionKey) -> str:
    return f"claude/{_hashed(key['project_key'], key['session_id'], key.get('subpath'))}"


def _tag(*parts: str) -> str:
    return f"claude:{_hashed(*parts)}"
