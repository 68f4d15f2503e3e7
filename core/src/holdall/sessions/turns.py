"""One at a time per session within a process, so that its writers queue instead of colliding."""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["Turns"]


class Turns:
    """A fair lock per name, kept only while somebody holds it or waits."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def take(self, name: str, *, urgent: bool = False) -> Turn:
        """Hold the turn of ``name`` in an ``async with``; an ``urgent`` caller goes ahead without it."""
        return Turn(self._locks, None if urgent else name)


class Turn:
    """One caller's turn."""

    __slots__ = ("_lock", "_locks", "_name")

    def __init__(self, locks: dict[str, tuple[asyncio.Lock, int]], name: str | None) -> None:
        self._locks = locks
        self._name = name

    async def __aenter__(self) -> None:
        if self._name is None:
            return
        self._lock, users = self._locks.get(self._name) or (asyncio.Lock(), 0)
        self._locks[self._name] = (self._lock, users + 1)
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave(self._name)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._name is not None:
            self._lock.release()
            self._leave(self._name)

    def _leave(self, name: str) -> None:
        lock, users = self._locks[name]
        if users == 1:
            del self._locks[name]
        else:
            self._locks[name] = (lock, users - 1)
