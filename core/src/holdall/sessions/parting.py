"""What a store can do with large parts. The work is in ``parts/``, which is imported when somebody has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall import sessions
from holdall.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.sessions.engine import Engine
    from holdall.sessions.parts.reading import LargePart
    from holdall.sessions.reader import Check
    from holdall.sessions.views import Message

__all__ = ["Parting"]


class Parting:
    """The operations on large parts: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

    async def part(self, session: str, part: str) -> LargePart:
        """A large part by its hash, to be read or streamed; raises ``NotFound`` when the session has none of it."""
        return await sessions.parts.reading.part(self.engine, session, part, self._check)

    async def parts(self, session: str) -> list[LargePart]:
        """Every large part of a session, and how often each is referred to, by messages and their earlier versions."""
        return await sessions.parts.reading.parts(self.engine, session, self._check)

    async def whole(self, session: str, messages: Sequence[Message]) -> list[Message]:
        """Messages that were read by reference, with their large parts; those purged meanwhile as they are now.

        Raises ``Conflict`` when the session was cleared since they were read. A part that is gone otherwise stays a reference.
        """
        if not any(b'"large_parts":' in message.raw for message in messages):
            return list(messages)
        return await sessions.parts.joining.whole(self.engine, session, messages, self._check)

    async def _still_whole(self, session: str, message: Message) -> Message:
        """A message that was just stored, with its large parts; raises ``NotFound`` when it was cleared at once."""
        try:
            return (await self.whole(session, [message]))[0]
        except Conflict:
            raise NotFound("message", message.id) from None
