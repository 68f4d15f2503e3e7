"""What a store can do to have less be seen. The work is in ``redaction.py``, which is imported when somebody does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from holdall import sessions
from holdall.errors import Forbidden, Invalid, NotFound
from holdall.sessions.names import checked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from holdall.sessions.access import Principal
    from holdall.sessions.engine import Engine
    from holdall.sessions.purging import Purged
    from holdall.sessions.reader import Check
    from holdall.sessions.redaction import Kept
    from holdall.sessions.state import State
    from holdall.sessions.views import Message

__all__ = ["Redacting"]

_REASON = 1000


class Redacting:
    """The operations on what is to be seen no more: a part of ``Store``."""

    engine: Engine
    principal: Principal | None
    by: str

    if TYPE_CHECKING:
        _check: Check
        _still_whole: Callable[[str, Message], Coroutine[Any, Any, Message]]

        delete: Callable[[str], Coroutine[Any, Any, None]]

        def _tell(self, kind: Any, state: State, messages: Sequence[Message] = ()) -> None: ...

    async def redact(  # noqa: PLR0913 - each is a thing that a caller may say
        self,
        session: str,
        message: str,
        *,
        parts: Sequence[int] = (),
        spans: Sequence[Mapping[str, Any]] = (),
        reason: str | None = None,
        expect: int | None = None,
    ) -> Message:
        """Have a message say that it was redacted, by whom, when and why, in every branch that has it.

        Without ``parts`` (numbers in its content) and ``spans`` (``{"at": "/content/0/text", "start": 3, "stop": 9}``, in
        characters) all it says goes. Its earlier versions go in any case, and the record that it was imported
        from. An admin can read what it said (``redacted``) until it is purged.
        """
        if reason is not None and len(checked_text(reason, "a reason", "/reason")) > _REASON:
            raise Invalid(f"has more than {_REASON} characters", pointer="/reason")
        redaction = sessions.redaction
        ask = redaction.Ask(self.by, reason, list(parts), redaction.spans_of(spans), expect)
        state, found = await redaction.redact(self.engine, session, message, ask, self._check)
        self._tell("redacted", state, [found])
        return await self._still_whole(session, found)

    async def purge(self, session: str, *, message: str | None = None, branch: str | None = None) -> Purged:
        """Erase a message, a deleted branch or the whole session for good, and say whether anything may be left of it.

        A message keeps its place, role, time and what it took; its versions go, what was redacted of it, the record that
        it was imported from, and large parts that nothing else has. What storage, search index and memory of this
        process have of before goes, too. Raises ``Forbidden`` for anybody but an admin. It can be asked again.
        """
        if message is not None and branch is not None:
            raise Invalid("give a message or a branch, not both", pointer="/branch")
        await self._allow(session)
        purging, engine = sessions.purging, self.engine
        if message is not None:
            count = await purging.purge_message(engine, session, message, self.by, self._check)
            if count:
                await self._tell_purged(session, message)
        elif branch is not None:
            count = await purging.purge_branch(engine, session, branch, self.by, self._check)
            await self._tell_purged(session)
        else:
            count = await purging.delete_once(engine, session, self._check, self.delete)
        return await purging.forget(engine, session, count)

    async def _tell_purged(self, session: str, message: str | None = None) -> None:
        """Tell observers; of a session that somebody deleted meanwhile they are told that."""
        with suppress(NotFound):
            if message is None:
                self._tell("purged", await self.engine.current(session, self._check))
            else:
                found = await sessions.redaction.found_of(self.engine, session, message, self._check)
                self._tell("purged", found.state, [found.message])

    async def _allow(self, session: str) -> None:
        """Raise unless the caller is an admin."""
        if self.principal is not None and not self.principal.admin:
            await self.engine.current(session, self._check)
            raise Forbidden("only an admin may do that")

    async def redacted(self, session: str, message: str) -> list[Kept]:
        """What a message said before it was redacted, the newest first. Raises ``Forbidden`` for anybody but an admin."""
        await self._allow(session)
        return await sessions.redaction.redacted(self.engine, session, message, self._check)
