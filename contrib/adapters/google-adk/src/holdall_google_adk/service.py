"""The session service: a session of the kit is a session of Holdall, and an event a message of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.sessions import BaseSessionService, Session
from google.adk.sessions.base_session_service import GetSessionConfig, ListSessionsResponse
from google.adk.sessions.state import State
from pydantic_core import to_jsonable_python

import holdall
from holdall import Conflict, NotFound, Store, TooLarge
from holdall_google_adk.events import event_of, message_of, pieces
from holdall_google_adk.states import States, hashed, tag
from holdall_google_adk.walking import events, latest

__all__ = ["HoldallSessionService"]

_PAGE = 500
_STALE = "the session was changed since it was read: read it again"
_Names = tuple[str, str, str]


class HoldallSessionService(BaseSessionService):
    """Sessions in an open ``store``, all of ``owner``, whoever the kit's users are; ``ttl`` in idle seconds."""

    def __init__(self, store: Store, *, owner: str | None = None, ttl: int | None = None) -> None:
        self._store = store
        self._owner = owner
        self._ttl = ttl
        self._states = States(store, owner)
        self._locks: WeakValueDictionary[_Names, asyncio.Lock] = WeakValueDictionary()

    async def create_session(
        self, *, app_name: str, user_id: str, state: dict[str, Any] | None = None, session_id: str | None = None
    ) -> Session:
        """Create a session; raises ``AlreadyExistsError`` when there is one of that name."""
        name = (session_id or "").strip() or str(uuid4())
        app, user, own = _scopes(state or {})
        made = await self._store.get_or_create(
            owner=self._owner,
            key=_key((app_name, user_id, name)),
            project=app_name[:200] or None,
            tags=[tag(app_name), tag(app_name, user_id)],
            metadata={"app_name": app_name, "user_id": user_id, "session_id": name},
            ttl=self._ttl,
            messages=[{"role": "system", "content": "", "state": own}],
        )
        if not made.new:
            raise AlreadyExistsError(f"Session with id {name} already exists.")
        await self._states.change(app, app_name)
        await self._states.change(user, app_name, user_id)
        return await self._session(made, [])

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: GetSessionConfig | None = None
    ) -> Session | None:
        """A session with its events, or the recent ones that ``config`` asks for, which is all that is read then."""
        found = await self._find((app_name, user_id, session_id.strip()))
        if found is None:
            return None
        most = config.num_recent_events if config else None
        since = config.after_timestamp if config else None
        try:
            while True:
                read: list[Event] = []
                if most != 0:
                    async for event in events(self._store, found.id, most):
                        if since is not None and event.timestamp < since:
                            break
                        read.append(event)
                        if len(read) == most:
                            break
                session = await self._session(found, read[::-1])
                if _marker(session) == str(found.version):
                    return session
                found = await self._store.get(found.id)  # an event came while these were read
        except NotFound:  # it went meanwhile
            return None

    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        """The sessions of a user, or of an app, without their events, the least recently updated first."""
        found: list[Session] = []
        async for each in self._listed(tag(app_name) if user_id is None else tag(app_name, user_id)):
            try:
                found.append(await self._session(each, []))
            except NotFound:  # it went meanwhile
                continue
        return ListSessionsResponse(sessions=sorted(found, key=lambda one: (one.last_update_time, one.user_id, one.id)))

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """Delete a session, if there is one."""
        found = await self._find((app_name, user_id, session_id.strip()))
        if found is not None:
            await found.delete()

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        """The state that the sessions of a user share."""
        return await self._states.read(app_name, user_id)

    async def append_event(self, session: Session, event: Event) -> Event:
        """Store an event with what it changes of the session's state, in one atomic step, and then of shared states.

        Raises ``StaleSessionError`` when somebody else appended since ``session`` was read, and
        ``SessionNotFoundError`` when it is gone. The same event again, directly after itself, is stored once.
        """
        if event.partial:
            return event
        names = session.app_name, session.user_id, session.id
        async with self._locks.setdefault(names, asyncio.Lock()):
            return await self._append(session, event, names)

    async def _append(self, session: Session, event: Event, names: _Names) -> Event:
        found = await self._find(names)
        if found is None:
            raise SessionNotFoundError(f"Session {session.id} not found.")
        before, version = await latest(self._store, found.id)
        if before.get("event") == event.id and "adk" in before and event_of(before) == event:
            return event
        seen = _marker(session)
        if seen is None and before["at" if "at" in before else "created_at"] <= session.last_update_time:
            seen = str(version)  # made by hand, and not older than what is stored
        if seen != str(version):
            raise StaleSessionError(_STALE)
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        app, user, own = _scopes(event.actions.state_delta if event.actions else {})
        state = await self._state(found.id, before, own)
        message = {**message_of(event), "event": event.id, "at": event.timestamp, **state}
        try:
            version = await self._store_event(found.id, message, version)
        except Conflict as conflict:
            raise StaleSessionError(_STALE) from conflict
        await self._states.change(app, session.app_name)
        await self._states.change(user, session.app_name, session.user_id)
        session.last_update_time = event.timestamp
        session._storage_update_marker = str(version)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self._commit_event_to_session(session, event)

    async def _store_event(self, session: str, message: dict[str, Any], version: int) -> int:
        try:
            added = await self._store.append(session, [message], expect=version)
        except TooLarge:
            added = await self._store.append(session, pieces(message), expect=version)
        return added.state.head.changed

    async def _state(self, session: str, before: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        """What a message says of the session's state: all of it, if it changes, or where it was said last."""
        if own:
            return {"state": {**await self._own(session, before), **own}}
        return {"state_at": before["state_at"] if "state_at" in before else before["id"]}

    async def _own(self, session: str, newest: Mapping[str, Any]) -> dict[str, Any]:
        if "state_at" in newest:
            newest = await self._store.message(session, newest["state_at"])
        return newest["state"]

    async def _session(self, found: holdall.Session, read: list[Event]) -> Session:
        newest, version = await latest(self._store, found.id)
        about = found.metadata
        app, user = about["app_name"], about["user_id"]
        state = dict(await self._own(found.id, newest))
        state |= {State.APP_PREFIX + name: value for name, value in (await self._states.read(app)).items()}
        state |= {State.USER_PREFIX + name: value for name, value in (await self._states.read(app, user)).items()}
        at = newest["at"] if "at" in newest else found.created_at / 1000
        session = Session(
            id=about["session_id"], app_name=app, user_id=user, state=state, events=read, last_update_time=at
        )
        session._storage_update_marker = str(version)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return session

    async def _find(self, names: _Names) -> holdall.Session | None:
        return await self._store.find(owner=self._owner, key=_key(names))

    async def _listed(self, wanted: str) -> AsyncIterator[holdall.Session]:
        cursor = None
        while True:
            page = await self._store.list(owner=self._owner, tag=wanted, limit=_PAGE, cursor=cursor)
            for session in page:
                yield session
            cursor = page.next
            if cursor is None:
                return


def _key(names: _Names) -> str:
    return f"adk/{hashed(*names)}"


def _marker(session: Session) -> str | None:
    """The version of the stored session that ``session`` shows."""
    return session._storage_update_marker  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _scopes(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What of a state is the app's, the user's, and the session's own; temporary fields are nobody's."""
    app: dict[str, Any] = {}
    user: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in state.items():
        kept = to_jsonable_python(value, fallback=str)
        if name.startswith(State.APP_PREFIX):
            app[name.removeprefix(State.APP_PREFIX)] = kept
        elif name.startswith(State.USER_PREFIX):
            user[name.removeprefix(State.USER_PREFIX)] = kept
        elif not name.startswith(State.TEMP_PREFIX):
            own[name] = kept
    return app, user, own
