"""What a store can do with threads. The work is in ``threads/``, which is imported when somebody replies or asks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from holdall import sessions
from holdall.errors import Invalid

if TYPE_CHECKING:
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.threads.reading import Thread
    from holdall.sessions.views import Message, Page

__all__ = ["Replying"]

_DIGITS = 10


class Replying:
    """The operations on threads: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

        def _limit(self, limit: int) -> int: ...

    async def threads(
        self, session: str, *, limit: int = 50, before: str | None = None, after: str | None = None
    ) -> Page[Thread]:
        """A page of the threads of a session, in the order in which they began: the latest, or by a page's cursors.

        A thread begins when a message is replied to that is in none. References stand for large parts of messages.
        """
        reading = sessions.threads.reading
        earlier, later = _number(before, "/before"), _number(after, "/after")
        return await reading.threads(self.engine, session, self._limit(limit), earlier, later, self._check)

    async def thread(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        session: str,
        message: str,
        *,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
        whole: bool = True,
    ) -> Page[Message]:
        """A page of the thread that ``message`` is in, oldest first: the latest, or those ``before`` or ``after`` an id.

        A thread has a root, the replies to that, and theirs, of whichever branches, in the order in which they came. A
        message without replies is a thread of itself. ``whole`` is as in ``history``.
        """
        thread, limit = sessions.threads.reading.thread, self._limit(limit)
        read = partial(thread, self.engine, session, message, limit, before, after, self._check)
        page = await read()
        if not page.large or not whole:
            return page
        return await sessions.parts.joining.whole_page(
            self.engine, session, page, self._check, forwards=after is not None, read=read
        )


def _number(cursor: str | None, pointer: str) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _DIGITS):
        raise Invalid("is not a cursor that this listing gave", pointer=pointer)
    return int(cursor)
