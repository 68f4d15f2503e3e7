"""Where an import goes: the few things that it needs of a store, open here or behind a running server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from holdall.contract import Lane
from holdall.errors import NotFound
from holdall.formats.values import fields_of
from holdall.sessions.names import MAIN, MESSAGES, ORIGINALS, TOOLS, message_id, message_place, messages_lane
from holdall.sessions.session import Session
from holdall.sessions.state import State
from holdall.sessions.store import Store

__all__ = ["Lineage", "Place", "Request", "StoreTarget", "Target", "Wanted", "forked", "lane_of", "node_of"]

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
    branches: Mapping[str, Lane] = field(default_factory=dict[str, Lane])
    """The messages of branches that were looked at, by name."""

    def lane(self, branch: str) -> Lane:
        """The messages of ``main``, or of a branch that was looked at."""
        return self.messages if branch == MAIN else self.branches[branch]

    def after(self, request: Request, version: int) -> Place:
        """The place that ``request`` leaves."""
        lane, branches = _longer(self.lane(request.branch), request.messages), self.branches
        if request.branch != MAIN:
            branches = {**branches, request.branch: lane}
        return replace(
            self,
            version=version,
            messages=lane if request.branch == MAIN else self.messages,
            branches=branches,
            tools=_longer(self.tools, request.tools),
            originals=_longer(self.originals, request.originals),
        )


@dataclass(frozen=True, slots=True)
class Lineage:
    """A branch of a session: where its own messages lie."""

    name: str
    at: str | None
    """The last message that it has from another branch."""
    own: Lane
    live: bool = True
    """Whether it is there, and not deleted."""

    @classmethod
    def of(cls, branch: Mapping[str, Any], first: int) -> Lineage:
        """What a branch says of itself, as the HTTP API shows it; ``first`` is where ``main`` begins."""
        name, at, last = branch["name"], branch["at"], branch["last"]
        nothing = first if name == MAIN else max(first, 1)
        base = nothing if at is None else message_place(at)[1] + 1
        stop = base if last is None else message_place(last)[1] + 1
        base = stop - branch["messages"] if at is None else base
        return cls(name, at, Lane(base, stop), branch["deleted_at"] is None)

    def ids(self) -> list[str]:
        """The ids of its own messages."""
        return [message_id(position, self.name) for position in range(self.own.first, self.own.stop)]


def _longer(lane: Lane, added: Sequence[Any]) -> Lane:
    return Lane(lane.first, lane.stop + len(added))


@dataclass(frozen=True, slots=True)
class Request:
    """What one step appends."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    originals: Sequence[str]
    branch: str = MAIN
    """Where the messages go."""

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

    def originals(self, place: Place) -> AsyncIterator[tuple[int, Sequence[str]]]:
        """Every original, page by page, each with the position of its first; the pages in any order."""
        ...

    def runs(self, place: Place, status: str | None = None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Every tool run, or those that have a ``status``, page by page."""
        ...

    async def subs(self, place: Place, under: str) -> Sequence[Mapping[str, Any]]:
        """The sub-conversations under a message or a branch."""
        ...

    async def sub(self, place: Place, name: str, under: str, fields: Mapping[str, str]) -> Place:
        """The same session with the sub-conversation ``name`` looked at, which is started ``under`` that if need be.

        Raises ``NotFound`` for one that was deleted, ``Conflict`` when ``place`` is out of date.
        """
        ...

    def lineages(self, place: Place) -> AsyncIterator[Lineage]:
        """Every branch but sub-conversations; those that were deleted, too."""
        ...

    def nodes(self, place: Place, branch: Lineage) -> AsyncIterator[tuple[str, Any]]:
        """Of each message of ``branch`` itself its id, and the node that its metadata names."""
        ...

    async def fork(self, place: Place, name: str, *, at: str | None = None, before: str | None = None) -> Place:
        """The same session with a new branch ``name``; raises ``Conflict`` when ``place`` is out of date."""
        ...

    async def title(self, place: Place, branch: str, title: str) -> Place:
        """Call ``branch`` by a title."""
        ...

    async def remove(self, place: Place, branch: str) -> Place:
        """Delete ``branch``, if it is there."""
        ...

    async def message(self, place: Place, message: str) -> Mapping[str, Any]:
        """A message as it is now."""
        ...

    async def edit(self, place: Place, message: str, changes: Mapping[str, Any]) -> Place:
        """Change fields of a message; what said before is kept as its earlier version."""
        ...

    async def show(self, place: Place, branch: str, to: str | None) -> Place:
        """Let the session show ``branch``, as far as the message ``to``."""
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
        found = await self._store.get(place.session)
        lanes = found.state.head.lanes
        known = {name: lanes.get(messages_lane(name)) for name in place.branches}
        branches = {name: Lane(lane.first + 1, lane.stop) for name, lane in known.items() if lane is not None}
        return replace(_place(found), branches=branches)

    async def originals(self, place: Place) -> AsyncIterator[tuple[int, Sequence[str]]]:
        """See ``Target.originals``."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        for start in range(place.originals.first, place.originals.stop, size):
            stop = min(start + size, place.originals.stop)
            page = await self._store.originals(place.session, limit=stop - start, before=stop)
            yield start, page.items

    async def runs(self, place: Place, status: str | None = None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """See ``Target.runs``."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        before: str | None = None
        while True:
            page = await self._store.tool_runs(place.session, status=status, limit=size, before=before)
            yield page.items
            before = page.previous
            if before is None:
                return

    async def subs(self, place: Place, under: str) -> Sequence[Mapping[str, Any]]:
        """See ``Target.subs``."""
        return [one.as_dict() for one in await self._store.branches(place.session, under=under)]

    async def sub(self, place: Place, name: str, under: str, fields: Mapping[str, str]) -> Place:
        """See ``Target.sub``."""
        version = place.version
        try:
            found = await self._store.branch(place.session, name)
        except NotFound:
            found = await self._store.start_sub(place.session, under, name=name, expect=version, **fields)
            version = found.state.head.changed
        return replace(place, version=version, branches={**place.branches, name: lane_of(found.as_dict())})

    async def lineages(self, place: Place) -> AsyncIterator[Lineage]:
        """See ``Target.lineages``."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        for deleted in (False, True):
            cursor: str | None = None
            while True:
                page = await self._store.branches(place.session, limit=size, cursor=cursor, deleted=deleted)
                for branch in page.items:
                    yield Lineage.of(branch.as_dict(), place.messages.first)
                cursor = page.next
                if cursor is None:
                    break

    async def nodes(self, place: Place, branch: Lineage) -> AsyncIterator[tuple[str, Any]]:
        """See ``Target.nodes``."""
        if not branch.live:
            for name in branch.ids():
                yield name, node_of(await self._store.message(place.session, name))
            return
        left, before = len(branch.own), None
        while left > 0:
            limit = min(left, _PAGE, self._store.engine.policy.max_page)
            page = await self._store.history(place.session, limit=limit, before=before, branch=branch.name)
            for message in page.items:
                yield message.id, node_of(message)
            before, left = page.previous, left - len(page)

    async def fork(self, place: Place, name: str, *, at: str | None = None, before: str | None = None) -> Place:
        """See ``Target.fork``."""
        branch = await self._store.fork(place.session, at=at, before=before, name=name, expect=place.version)
        return forked(place, branch.as_dict(), branch.state.head.changed)

    async def title(self, place: Place, branch: str, title: str) -> Place:
        """See ``Target.title``."""
        found = await self._store.update_branch(place.session, branch, title=title)
        return replace(place, version=found.state.head.changed)

    async def remove(self, place: Place, branch: str) -> Place:
        """See ``Target.remove``."""
        found = await self._store.branch(place.session, branch)
        if found.deleted_at is None:
            await self._store.delete_branch(place.session, branch)
        return await self.look(place)

    async def message(self, place: Place, message: str) -> Mapping[str, Any]:
        """See ``Target.message``."""
        return await self._store.message(place.session, message)

    async def edit(self, place: Place, message: str, changes: Mapping[str, Any]) -> Place:
        """See ``Target.edit``."""
        await self._store.edit(place.session, message, changes)
        return await self.look(place)

    async def show(self, place: Place, branch: str, to: str | None) -> Place:
        """See ``Target.show``."""
        if to is None:
            session = await self._store.switch(place.session, branch)
        else:
            session = await self._store.revert(place.session, to, branch=branch)
        return replace(place, version=session.version)

    async def append(self, place: Place, request: Request, key: str) -> Place:
        """See ``Target.append``."""
        appended = await self._store.append(
            place.session,
            request.messages,
            tools=request.tools,
            originals=request.originals,
            key=key,
            expect=place.version,
            branch=request.branch,
        )
        return place.after(request, appended.state.head.changed)

    async def finish(self, place: Place, run: str, end: Mapping[str, Any]) -> None:
        """See ``Target.finish``."""
        await self._store.finish_tool_run(place.session, run, **end)

    async def end(self, place: Place, reason: str | None) -> None:
        """See ``Target.end``."""
        await self._store.end(place.session, reason=reason)


def lane_of(branch: Mapping[str, Any]) -> Lane:
    """Where the messages of a sub-conversation lie, by what is told of it; raises ``NotFound`` if it was deleted."""
    if branch["deleted_at"] is not None:
        raise NotFound("branch", branch["name"])
    if branch["last"] is not None:
        stop = message_place(branch["last"])[1] + 1
        return Lane(stop - branch["messages"], stop)
    message: str | None = branch["under"]["message"] if branch["under"] else None
    first = 1 if message is None else message_place(message)[1] + 1
    return Lane(first, first)


def node_of(message: Any) -> Any:
    """The node that the metadata of a message names."""
    metadata: Any = message.get("metadata")
    return fields_of(metadata).get("node")


def forked(place: Place, branch: Mapping[str, Any], version: int) -> Place:
    """The place behind a fork."""
    made = Lineage.of(branch, place.messages.first)
    return replace(place, version=version, branches={**place.branches, made.name: made.own})


def _place(session: Session) -> Place:
    state: State = session.state
    lanes = state.head.lanes
    messages, tools, originals = (lanes.get(name, Lane()) for name in (MESSAGES, TOOLS, ORIGINALS))
    return Place(
        session.id, session.version, messages, tools, originals, new=session.new, ended=session.status == "ended"
    )
