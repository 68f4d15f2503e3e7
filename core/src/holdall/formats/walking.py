"""Walking a session from its first record to the last that it had when the walk began, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from holdall.contract import Lane
from holdall.errors import Conflict
from holdall.sessions.names import MESSAGES, ORIGINALS, TOOLS, message_id, tool_run_id
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.sessions.views import Message, Page, ToolRun

__all__ = ["Walk"]

T = TypeVar("T")
_PAGE = 100


class Walk:
    """One session, to be read once through. Works on a store that acts as somebody, too: each page is checked."""

    def __init__(self, store: Store, session: Session) -> None:
        self.session = session
        self._store = store
        self._lanes = session.state.head.lanes

    def first(self, lane: str) -> int:
        """The position of the first record of ``lane``; not 0 when the session has been cleared."""
        return self._lanes.get(lane, Lane()).first

    def messages(self) -> AsyncIterator[Sequence[Message]]:
        """Pages of messages, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(MESSAGES, lambda limit, stop: store.history(name, limit=limit, before=message_id(stop)))

    def tool_runs(self) -> AsyncIterator[Sequence[ToolRun]]:
        """Pages of the tool execution log, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(TOOLS, lambda limit, stop: store.tool_runs(name, limit=limit, before=tool_run_id(stop)))

    def originals(self) -> AsyncIterator[Sequence[str]]:
        """Pages of the records that an import kept verbatim, oldest first."""
        name, store = self.session.id, self._store
        return self._pages(ORIGINALS, lambda limit, stop: store.originals(name, limit=limit, before=stop))

    async def _pages(
        self, lane: str, page: Callable[[int, int], Coroutine[Any, Any, Page[T]]]
    ) -> AsyncIterator[Sequence[T]]:
        """The records of ``lane``, by windows of positions that no later append can move."""
        whole = self._lanes.get(lane, Lane())
        size = min(_PAGE, self._store.engine.policy.max_page)
        for start in range(whole.first, whole.stop, size):
            stop = min(start + size, whole.stop)
            found = await page(stop - start, stop)
            if len(found) != stop - start:
                session = self.session
                raise Conflict(f"session {session.id}", expected=session.version, found=found.version or 0)
            yield found.items
