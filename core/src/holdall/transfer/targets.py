"""Where an import goes: the few things that it needs of a store, open here or behind a running server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from holdall.contract import Lane
from holdall.sessions.names import MAIN, MESSAGES, ORIGINALS, TOOLS
from holdall.sessions.session import Session
from holdall.sessions.state import State
from holdall.sessions.store import Store

__all__ = ["Place", "Request", "StoreTarget", "Target", "Wanted"]

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session that an import goes to. Without a ``key`` it is a new one."""

    owner: str | None
    key: str | None
    fields: Mapping[str, Any]
    """Fields of ``NewSession``, for when it is created."""


@dataclass(frozen=True, slots=True)
class Place:
    """A session at one version: where its lanes begin, and where the next record of each goes."""

    session: str
    version: int
    messages: Lane
    tools: Lane
    originals: Lane
    new: bool = False
    ended: bool = False

    def after(self, request: Request, version: int) -> Place:
        """The place that ``request`` leaves."""
        return replace(
            self,
            version=version,
            messages=_longer(self.messages, request.messages),
            tools=_longer(self.tools, request.tools),
            originals=_longer(self.originals, request.originals),
        )


def _longer(lane: Lane, added: Sequence[Any]) -> Lane:
    return Lane(lane.first, lane.stop + len(added))


@dataclass(frozen=True, slots=True)
class Request:
    """What one step appends."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    originals: Sequence[str]

    def __len__(self) -> int:
        return len(self.messages) + len(self.tools) + len(self.originals)


class Target(Protocol):
    """A store as an import sees it. Errors are Holdall's own; ``Invalid`` points into the request."""

    async def open(self, wanted: Wanted) -> Place:
        """The session ``wanted``, created if need be."""
        ...

    async def look(self, place: Place) -> Place:
        """The same session as it is now."""
        ...

    def originals(self, place: Place) -> AsyncIterator[Sequence[str]]:
        """Every original, page by page, oldest first."""
        ...

    def running(self, place: Place) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Every tool run that has not ended, page by page."""
        ...

    async def append(self, place: Place, request: Request, key: str) -> Place:
        """Store ``request`` in one step, once per ``key``; raises ``Conflict`` when ``place`` is out of date."""
        ...

    async def finish(self, place: Place, run: str, end: Mapping[str, Any]) -> None:
        """Record how the tool run ``run`` ended."""
        ...

    async def end(self, place: Place, reason: str | None) -> None:
        """End the session."""
        ...


class StoreTarget:
    """A store that is open in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, wanted: Wanted) -> Place:
        """See ``Target.open``."""
        fields: dict[str, Any] = dict(wanted.fields)
        if wanted.key is None:
            return _place(await self._store.create(owner=wanted.owner, **fields))
        return _place(await self._store.get_or_create(owner=wanted.owner, key=wanted.key, **fields))

    async def look(self, place: Place) -> Place:
        """See ``Target.look``."""
        return _place(await self._store.get(place.session))

    async def originals(self, place: Place) -> AsyncIterator[Sequence[str]]:
        """See ``Target.originals``."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        for start in range(place.originals.first, place.originals.stop, size):
            stop = min(start + size, place.originals.stop)
            page = await self._store.originals(place.session, limit=stop - start, before=stop)
            yield page.items

    async def running(self, place: Place) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """See ``Target.running``."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        before: str | None = None
        while True:
            page = await self._store.tool_runs(place.session, status="running", limit=size, before=before)
            yield page.items
            before = page.previous
            if before is None:
                return

    async def append(self, place: Place, request: Request, key: str) -> Place:
        """See ``Target.append``."""
        appended = await self._store.append(
            place.session,
            request.messages,
            tools=request.tools,
            originals=request.originals,
            key=key,
            expect=place.version,
            branch=MAIN,
        )
        return place.after(request, appended.state.head.changed)

    async def finish(self, place: Place, run: str, end: Mapping[str, Any]) -> None:
        """See ``Target.finish``."""
        await self._store.finish_tool_run(place.session, run, **end)

    async def end(self, place: Place, reason: str | None) -> None:
        """See ``Target.end``."""
        await self._store.end(place.session, reason=reason)


def _place(session: Session) -> Place:
    state: State = session.state
    lanes = state.head.lanes
    messages, tools, originals = (lanes.get(name, Lane()) for name in (MESSAGES, TOOLS, ORIGINALS))
    return Place(
        session.id, session.version, messages, tools, originals, new=session.new, ended=session.status == "ended"
    )
