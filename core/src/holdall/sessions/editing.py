"""What a store can do with versions of messages. The work is in ``edits.py``, which is imported when somebody does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from holdall import sessions
from holdall.errors import Conflict, Invalid
from holdall.sessions.views import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.state import State
    from holdall.sessions.views import Message

__all__ = ["Editing"]


class Editing:
    """The operations on versions of messages: a part of ``Store``."""

    engine: Engine
    by: str

    if TYPE_CHECKING:
        _check: Check

        whole: Callable[[str, Sequence[Message]], Coroutine[Any, Any, list[Message]]]
        _still_whole: Callable[[str, Message], Coroutine[Any, Any, Message]]

        def _limit(self, limit: int) -> int: ...
        def _tell(self, kind: Any, state: State, messages: Sequence[Message] = ()) -> None: ...

    async def edit(
        self, session: str, message: str, changes: Mapping[str, Any], *, expect: int | None = None
    ) -> Message:
        """Change fields of a message, whole; ``None`` takes one away. Every branch that has the message shows it so.

        Its earlier versions are kept, and its ``edited`` says which version it is, and who made it when. To take the
        conversation elsewhere from here, fork before it instead.
        """
        change = sessions.edits.changing(changes)
        edited = await sessions.edits.edit(self.engine, session, message, change, self.by, expect, self._check)
        return await self._edited(session, *edited)

    async def versions(
        self, session: str, message: str, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Message]:
        """Every version of a message, the newest first. ``cursor`` is the ``next`` of the page before."""
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
            raise Invalid("is not a cursor that this listing gave", pointer="/cursor")
        below = None if cursor is None else int(cursor)
        versions, limit = sessions.edits.versions, self._limit(limit)
        read = partial(versions, self.engine, session, message, limit, below, self._check)

        async def fill(page: Page[Message]) -> Page[Message]:
            full, purged = await self.whole(session, page.items), sessions.purging.is_purged
            if any(map(purged, full)) and not any(
                map(purged, page.items)
            ):  # meanwhile; nothing tells versions apart now
                raise Conflict(f"session {session}", expected=page.version or 0, found=full[0].version or 0)
            return Page(full, page.next, page.previous, page.version)

        return await sessions.parts.joining.settled(await read(), read, fill)

    async def restore_version(self, session: str, message: str, version: int, *, expect: int | None = None) -> Message:
        """Make an earlier version of a message the newest again. Nothing is lost: it becomes a version of its own."""
        restore = sessions.edits.restore
        restored = await restore(self.engine, session, message, version, self.by, expect, self._check)
        return await self._edited(session, *restored)

    async def _edited(self, session: str, state: State, message: Message) -> Message:
        self._tell("edited", state, [message])
        return await self._still_whole(session, message)
