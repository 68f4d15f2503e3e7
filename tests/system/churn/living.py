"""A life of sessions, hour by hour on a clock of its own: created, written to, edited, ended, deleted, expired."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field

from holdall.errors import Ended, NotFound
from holdall.sessions.store import Store
from holdall.testing.clock import ManualClock

__all__ = ["Life"]

_HOUR = 3600


@dataclass
class Life:
    """The same number of sessions each hour, and after some hours the same number alive."""

    store: Store
    clock: ManualClock
    chance: random.Random
    created_an_hour: int = 4
    message_bytes: int = 2000
    alive: deque[str] = field(default_factory=deque)
    hours: int = 0
    created: int = 0
    steps: int = 0
    refused: int = 0

    async def hour(self) -> None:
        """An hour of it, then the sweeper."""
        for _ in range(self.created_an_hour):
            self.created += 1
            messages, ttl = [self._message() for _ in range(4)], (1, 2, 4)[self.created % 3] * _HOUR
            key = str(self.created)
            session = await self.store.get_or_create(owner="ana", key=key, ttl=ttl, tags=["churn"], messages=messages)
            self.alive.append(session.id)
        for session in [*self.alive][-3 * self.created_an_hour :]:
            await self._try(self._live(session))
        while len(self.alive) > 6 * self.created_an_hour:
            await self._try(self.store.delete(self.alive.popleft()))
        self.clock.advance(_HOUR)
        await self.store.sweep()
        self.hours += 1

    async def _live(self, session: str) -> None:
        for number in range(2):
            self.steps += 1
            tools = [{"tool": "ls", "status": "running"}]
            appended = await self.store.append(session, [self._message()], tools=tools, key=f"{self.steps}")
            for run in appended.tools:
                await self.store.finish_tool_run(session, run.id, result={"number": number})
            await self.store.update(session, metadata={"note": "x" * 1000, "step": self.steps})
        if self.steps % 20 == 0:
            await self.store.clear(session)
        elif self.steps % 22 == 0:
            await self.store.end(session)

    async def _try(self, step: Awaitable[object]) -> None:
        try:
            await step
        except (Ended, NotFound):  # or expired: that is life
            self.refused += 1

    def _message(self) -> dict[str, str]:
        return {"role": "user", "content": self.chance.randbytes(self.message_bytes // 2).hex()}
