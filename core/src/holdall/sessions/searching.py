"""What a store can do to find messages. The work is in ``search/``, which is imported when somebody searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall import sessions
from holdall.errors import Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.sessions.access import Principal
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.search.views import SearchPage

__all__ = ["Searching"]


class Searching:
    """The operations on what messages say: a part of ``Store``."""

    engine: Engine
    principal: Principal | None

    if TYPE_CHECKING:
        _check: Check

        def _limit(self, limit: int) -> int: ...

    async def search(  # noqa: PLR0913 - each is a thing that a caller may ask
        self,
        query: str | None = None,
        *,
        session: str | None = None,
        owner: str | None = None,
        project: str | None = None,
        tag: str | None = None,
        role: str | None = None,
        tool: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: int | None = None,
        until: int | None = None,
        order: str = "newest",
        limit: int = 20,
        cursor: str | None = None,
    ) -> SearchPage:
        """Messages that say what is asked, in one session or in all that the caller may see.

        In ``query`` words stand apart by spaces, phrases in double quotes, and ``foo*`` is any word that begins so; all
        of it must be in a message. Case, accents and width make no difference; parts of names in code are words, too.
        Without one, every message that meets the filters: the session's ``owner``, ``project`` and ``tag``; the message's
        ``role``, the ``tool`` that it calls, fields of its ``metadata``; that it was said from ``since`` to before
        ``until`` (ms). The ``order`` is ``newest`` first, or ``best`` first among the newest 10,000. Branches that were
        deleted are left out. ``cursor`` is the ``next`` of the page before.
        """
        ask = sessions.search.asking.Ask(
            query=query,
            session=session,
            owner=owner if self.principal is None else self.principal.owner_for(owner),
            project=project,
            tag=tag,
            role=role,
            tool=tool,
            metadata={} if metadata is None else dict(metadata),
            since=since,
            until=until,
            best=_is_best(order),
        )
        return await sessions.search.asking.search(self.engine, ask, self._limit(limit), cursor, self._check)

    async def reindex(self) -> None:
        """Make the search index anew from what is stored, while searches go on. Raises ``Invalid`` without one."""
        if self.principal is not None and not self.principal.admin:
            raise Forbidden("only an admin may make the search index anew")
        if self.engine.keeper is None:
            raise Invalid("there is no search index: [search] use names none")
        await self.engine.keeper.rebuild()


def _is_best(order: str) -> bool:
    if order not in {"newest", "best"}:
        raise Invalid("is newest or best", pointer="/order")
    return order == "best"
