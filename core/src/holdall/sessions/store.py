"""The store: what applications hold. Every operation on a session is one round trip to its storage."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall import sessions
from holdall.errors import Forbidden, Invalid, TooLarge
from holdall.sessions import history
from holdall.sessions.access import Principal
from holdall.sessions.branching import Branching
from holdall.sessions.condensing import Condensing
from holdall.sessions.counting import Counting
from holdall.sessions.editing import Editing
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.exporting import Exporting
from holdall.sessions.following import Following
from holdall.sessions.names import checked_text
from holdall.sessions.parting import Parting
from holdall.sessions.reader import Check
from holdall.sessions.redacting import Redacting
from holdall.sessions.replying import Replying
from holdall.sessions.searching import Searching
from holdall.sessions.selecting import Selecting
from holdall.sessions.session import Session
from holdall.sessions.state import State
from holdall.sessions.views import Message, Page, ToolRun

if TYPE_CHECKING:
    from holdall.sessions.appending import Appended
    from holdall.sessions.events import Draft, Event
    from holdall.sessions.sweeping import Swept

__all__ = ["Store"]


def _ignore(_: Any) -> None:
    return None


class Store(
    Branching, Condensing, Counting, Editing, Exporting, Following, Parting, Redacting, Replying, Searching, Selecting
):
    """Sessions in one storage, acted on by one principal or, without one, by trusted code."""

    def __init__(
        self,
        engine: Engine,
        *,
        creating: Callable[[Draft], None] = _ignore,
        observe: Callable[[Event], None] = _ignore,
        principal: Principal | None = None,
    ) -> None:
        self.engine = engine
        self.principal = principal
        self.by = "system" if principal is None else principal.owner
        self._check: Check = _ignore if principal is None else principal.check
        self._creating = creating
        self._observe = observe

    def acting_as(self, principal: Principal) -> Store:
        """The same store with every access checked: it is all that a server should use."""
        return Store(self.engine, creating=self._creating, observe=self._observe, principal=principal)

    async def create(
        self,
        *,
        owner: str | None = None,
        messages: Sequence[Mapping[str, Any]] = (),
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Session:
        """Create a session with its first ``messages``.

        ``fields`` are those of ``NewSession``: project, title, tags, metadata, ttl, max_lifetime. With an
        ``idempotency_key`` a repeat gives back the session that the first call created.
        """
        draft = self._draft(owner, fields, messages)
        if idempotency_key is None:
            return self._created(await sessions.creating.create(self.engine, draft, self._creating))
        state, new = await sessions.creating.create_once(self.engine, draft, idempotency_key, self._creating)
        return self._created(state) if new else self._session(state)

    async def get_or_create(
        self, *, key: str, owner: str | None = None, messages: Sequence[Mapping[str, Any]] = (), **fields: Any
    ) -> Session:
        """The session that the owner calls ``key``; created as by ``create`` when there is none."""
        draft = self._draft(owner, fields, messages)
        state, new = await sessions.creating.get_or_create(self.engine, draft, key, self._creating)
        return self._created(state) if new else self._session(state)

    async def find(self, *, key: str, owner: str | None = None) -> Session | None:
        """The live session that the owner calls ``key``; ``None`` when there is none. Nothing is created."""
        state = await sessions.creating.find(self.engine, self._whose(owner), key)
        if state is None:
            return None
        await self._caught_up([state])
        return self._session(state)

    async def get(self, session: str) -> Session:
        """A live session; raises ``NotFound`` when there is none that the caller may see."""
        state = await self.engine.current(session, self._check)
        await self._caught_up([state])
        return self._session(state)

    async def version(self, session: str) -> int:
        """The version of a live session, and nothing else of it: what read it at this version need not read it again.

        Raises ``NotFound`` when there is none that the caller may see.
        """
        return (await self.engine.current(session, self._check)).head.changed

    async def list(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        *,
        owner: str | None = None,
        project: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Session]:
        """Sessions, most recently active first. ``cursor`` is the ``next`` of the page before."""
        if self.principal is not None:
            owner = self.principal.owner_for(owner)
        asked = {"owner": owner, "project": project, "status": status, "tag": tag}
        for name, value in asked.items():
            if value is not None:
                checked_text(value, name, f"/{name}")
        filters = sessions.listing.Filters(**asked)
        page = await sessions.listing.list_sessions(self.engine, filters, self._limit(limit), cursor)
        await self._caught_up(page.items)
        return Page([self._session(state) for state in page.items], page.next, page.previous)

    async def update(self, session: str, *, expect: int | None = None, **changes: Any) -> Session:
        """Change project, title, tags, metadata or ttl; ``expect`` is the version that must still stand."""
        return await self._step(session, "updated", sessions.lifecycle.updating(self.engine.policy, changes, expect))

    async def extend(self, session: str, *, ttl: int | None = None, expect: int | None = None) -> Session:
        """Restart the idle time, with a new ``ttl`` if one is given. The absolute limit is never passed."""
        return await self._step(session, "extended", sessions.lifecycle.extending(ttl, expect))

    async def end(
        self, session: str, *, reason: str | None = None, force: bool = False, expect: int | None = None
    ) -> Session:
        """End the session after the writes that wait here, or with ``force`` before them. It stays readable."""
        if reason is not None:
            checked_text(reason, "a reason", "/reason")
        decide = sessions.lifecycle.ending(self.by, reason, forced=force, expect=expect)
        return await self._step(session, "ended", decide, urgent=force)

    async def delete(self, session: str, *, expect: int | None = None) -> None:
        """Delete the session and its content; its name stays taken until the sweeper comes."""
        decide = sessions.lifecycle.deleting(self.engine.policy, expect, shreds=self.engine.shreds)
        state, _ = await self.engine.change(session, self._guarded(decide), urgent=True)
        self._tell("deleted", state)

    async def heartbeat(self, session: str) -> Session:
        """Keep the session alive without writing to it. Acknowledged when stored, within about a second."""
        engine = self.engine
        state = await engine.current(session, self._check)
        sessions.appending.check_writable(state, None)
        await engine.presence.beat(state)
        if state.head.expires_at is not None and state.head.expires_at <= engine.clock.now() // 1000:
            state = await engine.current(session, self._check)  # storing it took long: is it still there?
        return self._session(state)

    def append(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        originals: Sequence[str] = (),
        key: str | None = None,
        expect: int | None = None,
        branch: str | None = None,
    ) -> Coroutine[Any, Any, Appended]:
        """Store messages, tool runs and original records in one atomic step.

        With ``key`` a repeat within a day stores nothing and gives back what the first call stored. Without
        ``expect`` it is an unconditional append, so that two writers both succeed. Messages go to the end of ``branch``;
        without one, of what the session shows: where that was reverted, to a new branch that it shows from then on.
        """
        engine, check, appending = self.engine, self._check, sessions.appending
        request = appending.AppendRequest(
            engine, session, check, self.by, messages, tools, originals, key, expect, branch
        )
        appending_ = appending.append(request, None)
        return appending_ if self._observe is _ignore else self._told(appending_)

    async def history(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        session: str,
        *,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
        branch: str | None = None,
        whole: bool = True,
        role: str | None = None,
        tool: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: int | str | None = None,
        until: int | str | None = None,
    ) -> Page[Message]:
        """A page of messages, oldest first: the latest, or those ``before`` or ``after`` a message id.

        They are those of ``branch``, whole, back to the first message of the session; without one, what the session
        shows: its current branch, up to where it was reverted to. Unless they are to be ``whole``, references stand for
        large parts (``large_parts``, see ``part``). A page of whole messages ends early where it would have more than
        8 MiB of these.

        Only those of a ``role``, that call a ``tool``, whose ``metadata`` has these values, that come after ``since`` and
        before ``until``: each is the id of a message, or a time (ms; from then on, to before then), which is exact
        where times grow along the conversation. Such a page looks at 2,000 messages at most, so it may be short, or
        empty, and still have cursors to go on with.
        """
        limit = self._limit(limit)
        if role is tool is metadata is since is until is None:
            read = partial(history.history, self.engine, session, limit, before, after, self._check, branch)
        else:
            where = sessions.selection.Where(role, tool, metadata or {}, since, until)
            selected = sessions.selection.selected
            read = partial(selected, self.engine, session, branch, where, limit, before, after, self._check)
        page = await read()
        if not page.large or not whole:
            return page
        return await sessions.parts.joining.whole_page(
            self.engine, session, page, self._check, forwards=after is not None, read=read
        )

    async def message(self, session: str, message: str, *, whole: bool = True) -> Message:
        """One message by its id; unless it is to be ``whole``, with references in the place of its large parts."""
        read = history.whole_message if whole else history.message
        return await read(self.engine, session, message, self._check)

    async def clear(self, session: str, *, expect: int | None = None) -> int:
        """Erase the messages, originals, tool runs and branches; returns how many messages there were."""
        state, count = await self.engine.change(session, self._guarded(history.clearing(expect)))
        self._tell("cleared", state)
        return count

    async def originals(
        self, session: str, *, limit: int = 50, before: int | None = None, after: int | None = None
    ) -> Page[str]:
        """A page of the records that an import kept verbatim; positions are the cursors."""
        return await history.originals(self.engine, session, self._limit(limit), before, after, self._check)

    async def tool_runs(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        session: str,
        *,
        tool: str | None = None,
        status: str | None = None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
    ) -> Page[ToolRun]:
        """A page of the tool execution log, oldest first; cursors as in ``history``."""
        return await sessions.toolruns.tool_runs(
            self.engine, session, self._limit(limit), before, after, self._check, tool=tool, status=status
        )

    async def tool_run(self, session: str, run: str) -> ToolRun:
        """One tool run by its id."""
        return await sessions.toolruns.tool_run(self.engine, session, run, self._check)

    async def finish_tool_run(self, session: str, run: str, *, expect: int | None = None, **end: Any) -> ToolRun:
        """Record how a running tool ended: ``status``, ``result``, ``error``, ``duration_ms``."""
        state, found = await sessions.toolruns.finish(self.engine, session, run, end, expect, self._check)
        self._tell("updated", state)
        return found

    async def sweep(self, *, most: int = 10_000) -> Swept:
        """Drop what has expired. The open store does it by itself; see ``[sessions] sweep_every``."""
        if self.principal is not None and not self.principal.admin:
            raise Forbidden("only an admin may sweep")
        swept = await sessions.sweeping.sweep(self.engine, most=most)
        for state in swept.expired:
            self._tell("expired", state)
        return swept

    def health(self) -> str | None:
        """What keeps the storage from working as it should, in one line, or ``None``: a failed sync, a full disk."""
        return self.engine.storage.health()

    def _draft(self, owner: str | None, fields: Mapping[str, Any], messages: Sequence[Any]) -> Draft:
        return sessions.creating.draft_of(self._whose(owner), fields, messages)

    def _whose(self, owner: str | None) -> str:
        if self.principal is not None:
            asked = self.principal.owner_for(owner)
            owner = self.principal.owner if asked is None else asked
        return owner or ""

    async def _caught_up(self, states: Sequence[State]) -> None:
        """Know of every process's heartbeats before ``expires_at`` is shown."""
        if any(state.record.ttl is not None for state in states):
            await self.engine.presence.catch_up()

    def _limit(self, limit: int) -> int:
        most = self.engine.policy.max_page
        if limit > most:
            raise TooLarge("limit", limit=most, actual=limit, pointer="/limit")
        if limit < 1:
            raise Invalid("is at least 1", pointer="/limit")
        return limit

    async def _step(self, session: str, kind: Any, decide: Decision[None], *, urgent: bool = False) -> Session:
        state, _ = await self.engine.change(session, self._guarded(decide), urgent=urgent)
        self._tell(kind, state)
        return self._session(state)

    def _guarded(self, decide: Decision[Any]) -> Decision[Any]:
        def guarded(state: State, now: int) -> Any:
            self._check(state)
            return decide(state, now)

        return decide if self.principal is None else guarded

    async def _told(self, appending_: Coroutine[Any, Any, Appended]) -> Appended:
        appended = await appending_
        if not appended.replayed:
            self._tell("appended", appended.state, appended.messages)
        return appended

    def _created(self, state: State) -> Session:
        self._tell("created", state)
        return Session(self, state, new=True)

    def _session(self, state: State) -> Session:
        return Session(self, state)

    def _tell(self, kind: Any, state: State, messages: Sequence[Message] = ()) -> None:
        if self._observe is not _ignore:
            now = self.engine.clock.now() // 1000
            ids = [message.id for message in messages]
            self._observe(
                sessions.events.Event(kind, state.record.id, state.record.owner, state.head.changed, now, ids)
            )
