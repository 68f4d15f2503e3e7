"""Messages of one branch by role, tool, metadata and time: what is read is near the answer, and bounded.

Where a time lies in the conversation is found by bisection from its end, and only what lies between the bounds is looked
at. Filters look at ``_EXAMINED`` messages a page at the most; the cursor goes on from there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from holdall import sessions
from holdall.errors import Conflict, Invalid, NotFound
from holdall.sessions import history
from holdall.sessions.branches.line import Line
from holdall.sessions.engine import Engine
from holdall.sessions.names import message_place
from holdall.sessions.reader import Check
from holdall.sessions.views import Message, Page

__all__ = ["Where", "selected", "walked"]

_EXAMINED = 2000
_WINDOW = 250
"""How many messages are read at once where it is not known how many of them are wanted."""


class Where(msgspec.Struct, frozen=True):
    """Which messages are wanted."""

    role: str | None = None
    tool: str | None = None
    """One that they call."""
    metadata: Mapping[str, Any] = {}
    since: int | str | None = None
    """A time, or a message that they come after."""
    until: int | str | None = None
    """A time that they are from before, or a message that they come before."""

    @property
    def needles(self) -> list[bytes]:
        """What is in the bytes of each such message: most others are left out without decoding them."""
        words: list[Any] = [*self.metadata, *filter(None, (self.role, self.tool))]
        return [msgspec.json.encode(word) for word in words]

    def holds(self, message: Message) -> bool:
        """Whether a message is wanted."""
        if self.role is not None and message.role != self.role:
            return False
        if self.tool is not None and self.tool not in _called(message.content):
            return False
        if isinstance(self.since, int) and message.created_at < self.since:
            return False
        if isinstance(self.until, int) and message.created_at >= self.until:
            return False
        if not self.metadata:
            return True
        metadata = message.metadata
        return all(name in metadata and _same(metadata[name], value) for name, value in self.metadata.items())


def _called(content: str | list[dict[str, Any]]) -> list[Any]:
    """The tools that a message calls."""
    if isinstance(content, str):
        return []
    return [part.get("name") for part in content if part.get("type") == "tool_call"]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class _Window:
    """One branch as it was when a page of it was asked for, read in windows that no later append can move."""

    def __init__(self, engine: Engine, session: str, line: Line, check: Check) -> None:
        self._engine = engine
        self._session = session
        self._check = check
        self.line = line
        self.large = False

    async def read(self, start: int, stop: int) -> Sequence[Message]:
        """The messages at these positions, but for those that were cleared meanwhile."""
        if start >= stop:
            return ()
        line, before = self.line, self.line.id_at(stop)
        args = self._engine, self._session, stop - start, before, None, self._check, line.branch
        page = await history.history(*args)
        self.large = page.large
        return page.items

    async def bounds(self, where: Where) -> tuple[int, int]:
        """The positions between which everything wanted lies."""
        start, stop = self.line.first, self.line.stop
        if isinstance(where.since, str):
            start = self.place(where.since) + 1
        if isinstance(where.until, str):
            stop = self.place(where.until)
        if isinstance(where.until, int):
            stop = await self._first(where.until, start, stop)
        if isinstance(where.since, int):
            start = await self._first(where.since, start, stop)
        return start, max(start, stop)

    def place(self, message: str) -> int:
        """The position of a message of the branch; raises ``NotFound`` for others."""
        branch, position = message_place(message)
        if not self.line.holds(branch, position):
            raise NotFound("message", message)
        return position

    async def _first(self, time: int, start: int, stop: int) -> int:
        """The first position from ``start`` on of what was said at ``time`` or later; looked for from the end."""
        below, above, step = stop - 1, stop, 1
        while below >= start and await self._at(below) >= time:
            above, step = below, step * 2
            below = max(above - step, start - 1)
        while above - below > 1:
            middle = (above + below) // 2
            if await self._at(middle) >= time:
                above = middle
            else:
                below = middle
        return max(above, start)

    async def _at(self, position: int) -> int:
        found = await self.read(position, position + 1)
        return found[0].created_at if found else 0


def _checked(where: Where) -> Where:
    for name in ("since", "until"):
        value: Any = getattr(where, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
            raise Invalid("is a time in milliseconds, or the id of a message", pointer=f"/{name}")
    return where


async def _window(engine: Engine, session: str, branch: str | None, check: Check) -> _Window:
    line = await sessions.branches.pages.line(engine, session, branch, check)
    return _Window(engine, session, line, check)


def _wanted(where: Where, needles: list[bytes], messages: Sequence[Message]) -> list[Message]:
    found = [one for one in messages if all(needle in one.raw for needle in needles)] if needles else messages
    return [one for one in found if where.holds(one)]


async def selected(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine,
    session: str,
    branch: str | None,
    where: Where,
    limit: int,
    before: str | None,
    after: str | None,
    check: Check,
) -> Page[Message]:
    """A page of the messages that are wanted, oldest first; see ``Store.history``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    _checked(where)
    version = (await engine.current(session, check)).head.changed
    window = await _window(engine, session, branch, check)
    start, stop = await window.bounds(where)
    first, last = start, stop
    for cursor, forwards in ((before, False), (after, True)):
        if cursor is not None:
            place = _cursor(window, cursor)
            start, stop = (max(start, place + 1), stop) if forwards else (start, min(stop, place))
    forwards = after is not None
    found, reached = await _gathered(window, where, limit, start, stop, forwards=forwards)
    begin, end = (start, reached) if forwards else (reached, stop)
    following = window.line.id_at(end - 1) if first < end < last else None
    preceding = window.line.id_at(begin) if first < begin < last else None
    return Page(found, following, preceding, version, window.large)


def _cursor(window: _Window, cursor: str) -> int:
    line = window.line
    branch, position = message_place(cursor)
    if not line.holds(branch, position) and cursor != line.id_at(line.stop):
        raise NotFound("cursor", cursor)
    return position


async def _gathered(  # noqa: PLR0913 - from where to where
    window: _Window, where: Where, limit: int, start: int, stop: int, *, forwards: bool
) -> tuple[list[Message], int]:
    """Up to ``limit`` that are wanted, from the end that the reader comes from, and the position that they reach to."""
    needles, found, examined = where.needles, list[Message](), 0
    size = _WINDOW if needles else limit
    reached = start if forwards else stop
    while start < stop and len(found) < limit and examined < _EXAMINED:
        some = (start, min(start + size, stop)) if forwards else (max(stop - size, start), stop)
        matching = _wanted(where, needles, await window.read(*some))
        start, stop = (some[1], stop) if forwards else (start, some[0])
        reached, examined = start if forwards else stop, examined + some[1] - some[0]
        over = len(found) + len(matching) - limit
        if over > 0:
            matching = matching[:-over] if forwards else matching[over:]
            reached = message_place(matching[-1].id)[1] + 1 if forwards else message_place(matching[0].id)[1]
        found = found + matching if forwards else matching + found
    return found, reached


async def walked(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, branch: str | None, where: Where, size: int, check: Check
) -> AsyncIterator[Page[Message]]:
    """All messages that are wanted, as they were when it began, in pages of ``size`` at the most, oldest first."""
    _checked(where)
    version = (await engine.current(session, check)).head.changed
    window = await _window(engine, session, branch, check)
    start, stop = await window.bounds(where)
    needles = where.needles
    for begin in range(start, stop, size):
        end = min(begin + size, stop)
        messages = await window.read(begin, end)
        if len(messages) != end - begin:
            state = await engine.current(session, check)
            raise Conflict(f"session {session}", expected=version, found=state.head.changed)
        yield Page(_wanted(where, needles, messages), large=window.large)
