"""What a store can do with all messages of a session at once. The work is in ``selection.py``, imported when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall import sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.views import Message

__all__ = ["Selecting"]

_PAGE = 100


class Selecting:
    """Walking a conversation: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

    async def messages(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        session: str,
        *,
        branch: str | None = None,
        role: str | None = None,
        tool: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: int | str | None = None,
        until: int | str | None = None,
    ) -> AsyncIterator[Message]:
        """Every message that there was when it began, oldest first, of which a page is held at a time.

        What is asked is as in ``history``. Raises ``Conflict`` when the session is cleared meanwhile.
        """
        where = sessions.selection.Where(role, tool, metadata or {}, since, until)
        size = min(_PAGE, self.engine.policy.max_page)
        async for page in sessions.selection.walked(self.engine, session, branch, where, size, self._check):
            messages = page.items
            if page.large:
                messages = await sessions.parts.joining.whole(self.engine, session, list(messages), self._check)
            for message in messages:
                yield message
