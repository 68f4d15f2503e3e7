"""One who follows a session: told of every change once and in order, until it ends, is gone, or may be seen no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from holdall.errors import NotFound
from holdall.sessions.engine import Engine
from holdall.sessions.live.notes import Change, Place
from holdall.sessions.live.reading import end_of, shown
from holdall.sessions.live.watching import Watch
from holdall.sessions.names import MAIN, session_partition
from holdall.sessions.reader import Check
from holdall.sessions.state import State

__all__ = ["LOOK", "Follower", "follow"]

LOOK = 15.0
"""Seconds after which a follower looks by itself."""
_LEAST = 0.05


class Follower:
    """Its place in the order of a session's changes, and what comes next."""

    def __init__(self, engine: Engine, session: str, check: Check) -> None:
        if engine.watch is None:
            engine.watch = Watch(engine)
        self.ended = False
        """Whether there is nothing more to come."""
        self.place = Place()
        """Behind what was told last."""
        self._engine = engine
        self._check = check
        self._partition = session_partition(session)
        self._session = session
        self._branch = MAIN
        self._state: State | None = None
        self._woken = asyncio.Event()
        self._told: list[Change] = []
        self._room = engine.watch.enter(self._partition, session, self)

    async def begin(self, after: Place | None) -> None:
        """Take a place: ``after`` something, or behind everything until now, which is told as ``ready``.

        Raises ``NotFound`` for a session that there is not, or that may not be seen.
        """
        self._state = state = await self._engine.current(self._session, self._check)
        self._branch = shown(state)
        self.place = end_of(state) if after is None else after
        if after is None:
            self._told = [Change(str(self.place), "ready", {"version": state.head.changed})]
        self._end(state)
        self.wake()

    async def some(self, patience: float = LOOK) -> list[Change]:
        """What comes next: as soon as there is something, or nothing after ``patience`` seconds, or at the end.

        Raises ``NotFound`` when the session may not be seen any more.
        """
        if self._told:
            told, self._told = self._told, []
            return told
        deadline = asyncio.get_running_loop().time() + patience
        while not self.ended:
            late = not await self._woken_by(deadline)
            self._woken.clear()
            changes = [] if late and await self._is_still() else await self._look()
            if changes or late:
                return changes
        return []

    def wake(self) -> None:
        """Something may have happened."""
        self._woken.set()

    def stop(self) -> None:
        """Tell it no more."""
        self.ended = True
        self.wake()

    def close(self) -> None:
        """Leave."""
        self.ended = True
        if self._engine.watch is not None:
            self._engine.watch.leave(self._partition, self)

    async def _woken_by(self, deadline: float) -> bool:
        """Wait to be woken, at the longest until ``deadline`` or until the session may have expired."""
        if self._woken.is_set():
            return True
        left = self._left()
        loop = asyncio.get_running_loop()
        until = deadline if left is None else min(deadline, loop.time() + max(left, _LEAST))
        try:
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        except TimeoutError:
            return until < deadline
        return True

    def _left(self) -> float | None:
        """Seconds until the session expires, as far as is known."""
        if self._state is None:
            return None
        until = self._engine.presence.expires_at(self._state)
        return None if until is None else until / 1000 - self._engine.clock.now() / 1_000_000

    async def _is_still(self) -> bool:
        """Whether nothing happened since it was looked last, which a look at the head alone tells."""
        state = self._state
        if self.ended or state is None or self.place != end_of(state):
            return False
        snapshot = await self._engine.storage.load(self._partition)
        if snapshot is None or snapshot.head.version != state.head.version:
            return False
        self._check(state)
        return not await self._engine.expired(state)

    async def _look(self) -> list[Change]:
        if self.ended:
            return []
        try:
            batch = await self._room.read(self.place, self._branch)
        except NotFound:
            return self._gone()
        state = batch.state
        self._check(state)
        self._state = state
        if state.record.status == "deleted":
            return self._gone()
        if await self._engine.expired(state):
            return self._gone()
        if self.ended:
            return []
        self.place, self._branch = batch.place, batch.branch
        if batch.whole:
            self._end(state)
        else:
            self.wake()
        return batch.changes

    def _end(self, state: State) -> None:
        """Nothing comes after the end of a session, once all of it is told."""
        if state.record.status == "ended" and self.place == end_of(state):
            self.ended = True

    def _gone(self) -> list[Change]:
        """Say once that the session is deleted, or has expired."""
        self.ended = True
        left, state = self._left(), self._state
        deleted = state is None or state.record.status == "deleted" or left is None or left > 0
        return [Change(str(self.place), "deleted" if deleted else "expired")]


async def follow(engine: Engine, session: str, after: Place | None, check: Check) -> AsyncGenerator[Change]:
    """Every change from a place on; see ``Store.follow``."""
    follower = Follower(engine, session, check)
    try:
        await follower.begin(after)
        while True:
            for change in await follower.some():
                yield change
            if follower.ended:
                return
    finally:
        follower.close()
