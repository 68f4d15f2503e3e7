"""What a store can say of sums over messages. The work is in ``totals.py``, which is imported when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall import sessions

if TYPE_CHECKING:
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.totals import Told

__all__ = ["Counting"]


class Counting:
    """The operations on totals: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

    async def totals(self, session: str, branch: str | None = None) -> Told:
        """What messages come to, by role, tokens, cost and latency, at one moment.

        Of ``branch``: every message of it, back to the first. Without one: every message of the session once,
        whichever branches have it, deleted ones included: what was spent is spent.
        """
        return await sessions.totals.totals(self.engine, session, branch, self._check)
