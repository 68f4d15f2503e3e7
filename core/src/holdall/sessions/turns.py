"""One at a time per session within a process, so that its writers queue instead of colliding."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["Turns"]


class Turns:
    """A fair lock per name, kept only while somebody holds it or waits."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def take(self, name: str, *, urgent: bool = False) -> AsyncGenerator[None, None]:
        """Hold the turn of ``name``; an ``urgent`` caller goes ahead without it."""
        if urgent:
            yield
            return
        lock, users = self._locks.get(name) or (asyncio.Lock(), 0)
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = (lock, users - 1)
