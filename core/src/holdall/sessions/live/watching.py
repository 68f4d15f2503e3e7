"""Noticing that followed sessions changed: of this process's own steps at once, of others' by looking now and then.

One look serves every follower in the process. It is for promptness only: whoever follows looks by itself, too, if
rarely, so that nothing depends on the clocks of other machines.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

from holdall.contract import Scan
from holdall.sessions.live.reading import Batch, read
from holdall.sessions.names import RECENT, TOUCHED

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from holdall.sessions.engine import Engine
    from holdall.sessions.live.following import Follower
    from holdall.sessions.live.notes import Place

__all__ = ["Room", "Watch"]

log = logging.getLogger("holdall.live")
_QUICK, _SLOW, _FAILED = 0.05, 0.25, 5.0
"""Seconds between two looks: after something happened, when long nothing did, and after a look that failed."""
_SHARE = 20
"""How many times as long as a look took it is waited at least: looks take a twentieth of a processor at the most."""
_SLACK = 2_000_000
"""Microseconds that a step may take from its time to being seen, clocks of other machines included."""
_FEW = 16
"""Up to so many sessions are looked at one by one."""


class Room:
    """The followers of one session in this process."""

    def __init__(self, engine: Engine, session: str) -> None:
        self.followers: set[Follower] = set()
        self.version = 0
        """The version that its followers were last woken for."""
        self._engine = engine
        self._session = session
        self._reads: dict[tuple[Place, str], _Reading] = {}

    def wake(self) -> None:
        """Something happened: who reads from now on reads anew."""
        self._reads.clear()
        for follower in self.followers:
            follower.wake()

    async def read(self, after: Place, branch: str) -> Batch:
        """What happened after a place; those who ask for the same at the same time are answered together."""
        key = after, branch
        reading = self._reads.get(key)
        if reading is None:
            reading = self._reads[key] = _Reading(read(self._engine, self._session, after, branch))
            reading.task.add_done_callback(lambda _: self._forget(key, reading))
        return await reading.answer()

    def _forget(self, key: tuple[Place, str], reading: _Reading) -> None:
        if self._reads.get(key) is reading:
            del self._reads[key]
        reading.tell()


class _Reading:
    """One read, and those who wait for it: any of them may go, and the read goes on for the others."""

    def __init__(self, reading: Coroutine[Any, Any, Batch]) -> None:
        self.task = asyncio.create_task(reading)
        self._waiting: list[asyncio.Future[Batch]] = []

    def answer(self) -> asyncio.Future[Batch]:
        """What it finds, once it has: of each who asks a future of its own, which is cheaper than ``asyncio.shield``."""
        future = self.task.get_loop().create_future()
        self._waiting.append(future)
        return future

    def tell(self) -> None:
        """Answer those who still wait: it is done."""
        cancelled = self.task.cancelled()
        error = None if cancelled else self.task.exception()  # when all are gone, nobody needs to be told
        for future in self._waiting:
            if future.done():
                continue
            if cancelled:
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(self.task.result())


class Watch:
    """Which sessions are followed in this process, and what wakes their followers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rooms: dict[str, Room] = {}
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return sum(len(room.followers) for room in self._rooms.values())

    def enter(self, partition: str, session: str, follower: Follower) -> Room:
        """Wake ``follower`` from now on."""
        room = self._rooms.setdefault(partition, Room(self._engine, session))
        room.followers.add(follower)
        if self._looking is None and self._engine.shared:
            self._looking = asyncio.create_task(self._look_again())
        return room

    def leave(self, partition: str, follower: Follower) -> None:
        """Wake it no more."""
        room = self._rooms.get(partition)
        if room is not None:
            room.followers.discard(follower)
            if not room.followers:
                del self._rooms[partition]
        if not self._rooms and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def moved(self, partition: str, version: int) -> None:
        """A step of this process brought a partition to ``version``."""
        room = self._rooms.get(partition)
        if room is not None:
            room.version = version
            room.wake()

    def close(self) -> None:
        """Look no more, and wake everybody to find that out."""
        if self._looking is not None:
            self._looking.cancel()
        for room in [*self._rooms.values()]:
            room.wake()

    async def _look_again(self) -> None:
        pause, failed = _QUICK, False
        while True:
            await asyncio.sleep(pause)
            began = perf_counter()
            try:
                found = await self._look()
            except Exception:
                if not failed:
                    log.exception("cannot see what other processes write; it is tried again every %s s", _FAILED)
                pause, failed = _FAILED, True
                continue
            pause, failed = _QUICK if found else min(pause * 1.25, _SLOW), False
            pause = max(pause, (perf_counter() - began) * _SHARE)

    async def _look(self) -> bool:
        """Wake the followers of what has changed; returns whether anything had."""
        if len(self._rooms) > _FEW:
            since = self._engine.clock.now() - _SLACK
            return any([await self._walk(mark, since) for mark in (RECENT, TOUCHED)])
        return any([await self._heads(partition) for partition in [*self._rooms]])

    async def _heads(self, partition: str) -> bool:
        snapshot = await self._engine.storage.load(partition)
        return self._seen(partition, 0 if snapshot is None else snapshot.head.version)

    async def _walk(self, mark: str, since: int) -> bool:
        """Look at what was scored later than ``since``, the latest first."""
        found, limit, after = False, 2, None
        while True:
            page = await self._engine.storage.scan(Scan(mark, after, limit, descending=True))
            for snapshot in page:
                head = snapshot.head
                after = (head.marks[mark], head.partition)
                if after[0] < since:
                    return found
                found = self._seen(head.partition, head.version) or found
            if len(page) < limit:
                return found
            limit = min(limit * 8, 256)

    def _seen(self, partition: str, version: int) -> bool:
        room = self._rooms.get(partition)
        if room is None or room.version == version:
            return False
        room.version = version
        room.wake()
        return True
