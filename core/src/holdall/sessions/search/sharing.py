"""A search shares the event loop with all else that waits for it: one step of all searches, then everybody else's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

from holdall.sessions.turns import Turns

__all__ = ["Share"]

T = TypeVar("T")
_SEARCHES = "searches"
_MOST = 50_000
"""Characters that a search looks at before others have their turn: some milliseconds."""
_EACH = 500
"""Characters that reading one message is worth."""


class Share:
    """What one search has of the loop."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._looked = 0

    async def read(self, size: int) -> None:
        """Tell of a message of ``size`` characters that was read."""
        self._looked += min(size, _MOST) + _EACH
        if self._looked > _MOST:
            self._looked = 0
            await self._pass()

    async def look(self, steps: Generator[None, None, T]) -> T:
        """What ``steps`` come to."""
        while True:
            try:
                next(steps)
            except StopIteration as done:
                return done.value
            await self._pass()

    async def _pass(self) -> None:
        """Wait for all others, and for the searches that came before."""
        if not self._turns.begin(_SEARCHES):
            await self._turns.wait(_SEARCHES)
        try:
            await asyncio.sleep(0)
        finally:
            self._turns.end(_SEARCHES)
