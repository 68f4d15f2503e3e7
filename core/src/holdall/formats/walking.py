"""Walking a session from its first record to the last that it had when the walk began, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from holdall.contract import Lane
from holdall.errors import Conflict
from holdall.sessions.branches.line import Line
from holdall.sessions.names import ORIGINALS, TOOLS, tool_run_id
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.sessions.views import Message, Page, ToolRun

__all__ = ["Walk"]

T = TypeVar("T")
_PAGE = 100


class Walk:
    """One session, to be read once through. Works on a store that acts as somebody, too: each page is checked.

    Of its messages those of one branch are read, or those that the session shows.
    """

    def __init__(self, store: Store, session: Session, line: Line) -> None:
        self.session = session
        self.line = line
        self._store = store
        self._lanes = session.state.head.lanes

    @classmethod
    async def begin(cls, store: Store, session: str, branch: str | None = None) -> Walk:
        """A walk of ``session`` as it is now; raises ``NotFound`` when there is no such session, or branch."""
        return cls(store, await store.get(session), await store.line(session, branch))

    @property
    def exported_at(self) -> int:
        """The time now: milliseconds since 1970, UTC."""
        return self._store.engine.clock.now() // 1000

    def first(self, lane: str) -> int:
        """The position of the first record of ``lane``; not 0 when the session has been cleared."""
        return self._lane(lane).first

    def _lane(self, name: str) -> Lane:
        return self._lanes.get(name, Lane())

    def messages(self) -> AsyncIterator[Sequence[Message]]:
        """Pages of messages, oldest first."""
        name, store, line = self.session.id, self._store, self.line
        return self._pages(
            Lane(line.first, line.stop),
            lambda limit, stop: store.history(name, limit=limit, before=line.id_at(stop), branch=line.branch),
        )

    def tool_runs(self) -> AsyncIterator[Sequence[ToolRun]]:
        """Pages of the tool execution log, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(
            self._lane(TOOLS), lambda limit, stop: store.tool_runs(name, limit=limit, before=tool_run_id(stop))
        )

    def originals(self) -> AsyncIterator[Sequence[str]]:
        """Pages of the records that an import kept verbatim, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(self._lane(ORIGINALS), lambda limit, stop: store.originals(name, limit=limit, before=stop))

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
