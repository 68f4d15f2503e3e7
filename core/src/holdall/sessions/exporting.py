"""What a store gives to who takes a session elsewhere: its records as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdall.contract import Span
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check, View

__all__ = ["Exporting"]


class Exporting:
    """Reading across lanes: a part of ``Store``."""

    engine: Engine

    if TYPE_CHECKING:
        _check: Check

    async def moment(self, session: str, *spans: Span) -> View:
        """One moment of a session, with the records at ``spans``, also of branches that were deleted."""
        return await self.engine.view(session, *spans, check=self._check)
