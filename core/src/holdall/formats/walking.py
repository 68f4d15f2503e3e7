"""Walking a session from its first record to the last that it had when the walk began, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from holdall.contract import Lane, Span
from holdall.errors import Conflict
from holdall.formats.stretches import Stretch, every_branch
from holdall.sessions.branches.line import Line
from holdall.sessions.edits import edited_of
from holdall.sessions.names import EDITS, ORIGINALS, PARTS, TOOLS, messages_lane, tool_run_id
from holdall.sessions.parts.joining import groups
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.sessions.views import Message, Page, ToolRun

__all__ = ["Walk"]

T = TypeVar("T")
_PAGE = 100


class Walk:
    """One session, to be read once through. Works on a store that acts as somebody, too: each page is checked.

    Of its messages those of one branch are read, or those that the session shows; or ``every`` branch's, each once.
    """

    def __init__(self, store: Store, session: Session, line: Line, stretches: Sequence[Stretch] | None = None) -> None:
        self.session = session
        self.line = line
        """Where the messages of the branch lie; those of ``main``, when every branch is read."""
        self.every = stretches is not None
        self.stretches = stretches or [Stretch(line, line.first, line.stop)]
        """What is to be written, in order: one stretch, or one for each branch."""
        self._store = store
        self._lanes = session.state.head.lanes
        self._near: tuple[int, Sequence[str]] = 0, ()

    @classmethod
    async def begin(cls, store: Store, session: str, branch: str | None = None, *, every: bool = False) -> Walk:
        """A walk of ``session`` as it is now, at one moment; raises ``NotFound`` when there is no such session, or branch."""
        found = await store.get(session)
        if not every:
            return cls(store, found, await store.line(session, branch, found.state))
        stretches = await every_branch(store, session, found.state.head)
        return cls(store, found, stretches[0].line, stretches)

    def first(self, lane: str) -> int:
        """The position of the first record of ``lane``; not 0 when the session has been cleared."""
        return self.lane(lane).first

    def lane(self, name: str) -> Lane:
        """Where the records of a lane lie."""
        return self._lanes.get(name, Lane())

    async def messages(self) -> AsyncIterator[Sequence[Message]]:
        """Pages of messages, oldest first, of one stretch after the other."""
        for stretch in self.stretches:
            async for page in self.messages_of(stretch):
                yield page

    def messages_of(self, stretch: Stretch) -> AsyncIterator[Sequence[Message]]:
        """Pages of the messages of a stretch, oldest first."""
        name, store, line = self.session.id, self._store, stretch.line
        run = Lane(stretch.first, stretch.stop)
        if not self.every:
            asked: dict[str, Any] = {"branch": line.branch, "whole": False}
            return self._whole(
                self._pages(run, lambda limit, stop: store.history(name, limit=limit, before=line.id_at(stop), **asked))
            )
        lane = messages_lane(stretch.branch)
        return self._whole(self._pages(run, lambda limit, stop: self._stored(lane, limit, stop)))

    async def versions(self) -> AsyncIterator[Sequence[Message]]:
        """Pages of the earlier versions of messages, in the order in which they were replaced, up to now."""
        now = (await self._store.moment(self.session.id)).state.head.lanes.get(EDITS, Lane())
        async for page in self._whole(self._pages(now, lambda limit, stop: self._stored(EDITS, limit, stop))):
            yield page

    async def versions_of(self, message: Message) -> AsyncIterator[Sequence[Message]]:
        """Pages of the earlier versions of a message, the first one first."""
        places: list[int] = []
        oldest, number = message, None
        # The first version may have a client's own field of that name, which says nothing.
        while number != 1 and (told := edited_of(oldest)) is not None and told.earlier:
            if number not in (None, told.version):
                break
            number = told.version - len(told.earlier)
            span = Span(EDITS, told.earlier[-1], told.earlier[-1] + 1)
            found = (await self._store.moment(self.session.id, span)).run(span)
            if not found or Message(found[0]).id != message.id:
                break
            places, oldest = places + told.earlier, Message(found[0])
        places.reverse()
        for start in range(0, len(places), _PAGE):
            spans = [Span(EDITS, at, at + 1) for at in places[start : start + _PAGE]]
            moment = await self._store.moment(self.session.id, *spans)
            yield await self._store.whole(self.session.id, [Message(raw) for span in spans for raw in moment.run(span)])

    async def _stored(self, lane: str, limit: int, stop: int) -> Page[Message]:
        span = Span(lane, stop - limit, stop)
        return Page([Message(raw) for raw in (await self._store.moment(self.session.id, span)).run(span)])

    async def _whole(self, pages: AsyncIterator[Sequence[Message]]) -> AsyncIterator[Sequence[Message]]:
        """The same with large parts, no more of them at once than a page may have."""
        large = PARTS in self._lanes
        async for page in pages:
            for group in groups(page) if large else (page,):
                yield await self._store.whole(self.session.id, group) if large else group

    def tool_runs(self) -> AsyncIterator[Sequence[ToolRun]]:
        """Pages of the tool execution log, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(
            self.lane(TOOLS), lambda limit, stop: store.tool_runs(name, limit=limit, before=tool_run_id(stop))
        )

    def originals(self) -> AsyncIterator[Sequence[str]]:
        """Pages of the records that an import kept verbatim, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(self.lane(ORIGINALS), lambda limit, stop: store.originals(name, limit=limit, before=stop))

    async def original(self, position: int) -> str:
        """One of them; those near it are at hand afterwards. Raises ``Conflict`` when it was cleared meanwhile."""
        start, found = self._near
        if not start <= position < start + len(found):
            size, lane = min(_PAGE, self._store.engine.policy.max_page), self.lane(ORIGINALS)
            start = max(lane.first, position - position % size)
            stop = min(start + size, lane.stop)
            page = await self._store.originals(self.session.id, limit=stop - start, before=stop)
            if len(page) != stop - start:
                session = self.session
                raise Conflict(f"session {session.id}", expected=session.version, found=page.version or 0)
            found = page.items
            self._near = start, found
        return found[position - start]

    async def _pages(
        self, whole: Lane, page: Callable[[int, int], Coroutine[Any, Any, Page[T]]]
    ) -> AsyncIterator[Sequence[T]]:
        """The records at the positions of ``whole``, by windows that no later append can move."""
        size = min(_PAGE, self._store.engine.policy.max_page)
        for start in range(whole.first, whole.stop, size):
            stop = min(start + size, whole.stop)
            found = await page(stop - start, stop)
            if len(found) != stop - start:
                session = self.session
                raise Conflict(f"session {session.id}", expected=session.version, found=found.version or 0)
            yield found.items
