"""A worker's life: open the store, sweep, keep the measures fresh, close the store when the last request is done."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

from msgspec.structs import replace

import holdall
from holdall import ISessionStorage, Store
from holdall_server.metering import MeteredStorage
from holdall_server.service import Service

__all__ = ["Lifespan"]

log = logging.getLogger("holdall.server")
_FRESH = 2.0
"""Seconds between two publications of what is counted elsewhere."""


class Lifespan:
    """Opens and closes what a worker serves from."""

    def __init__(self, service: Service, store: Store | None) -> None:
        self._service = service
        self._given = store
        self._stack = AsyncExitStack()

    async def start(self, *_: Any) -> None:
        """Open the store; nothing is served if that fails."""
        service = self._service
        every = service.settings.sessions.sweep_every
        if self._given is not None:
            service.use(self._given)
            every = 0
        else:
            # The sweeper is the server's own, so that it can be measured.
            settings = replace(service.settings, sessions=replace(service.settings.sessions, sweep_every=0))
            service.use(await self._stack.enter_async_context(holdall.open(settings, around=self._metered)))
        if every:
            self._keep(asyncio.create_task(self._sweeping(every)))
        self._keep(asyncio.create_task(self._publishing()))

    async def stopping(self, *_: Any) -> None:
        """Say that no more requests should be sent here, and end what would go on without end."""
        self._service.stopping = True
        self._service.streams.stop()

    async def stop(self, *_: Any) -> None:
        """Close the store, after the last request."""
        await self._stack.aclose()
        self._publish()

    def _metered(self, storage: ISessionStorage) -> ISessionStorage:
        return MeteredStorage(storage, self._service.meter)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._stack.push_async_callback(_ended, task)

    async def _sweeping(self, every: float) -> None:
        service = self._service
        while True:
            await asyncio.sleep(every * random.uniform(0.8, 1.2))  # noqa: S311 - so that workers don't sweep together
            start = perf_counter()
            try:
                swept = await service.store.sweep()
            except Exception:
                log.exception("the sweep failed; it is tried again in %s s", every)
                service.meter.swept(perf_counter() - start, failed=True)
            else:
                service.meter.swept(perf_counter() - start, expired=len(swept.expired), dropped=swept.dropped)

    async def _publishing(self) -> None:
        while True:
            try:
                self._publish()
            except Exception:
                log.exception("the measures cannot be brought up to date; it is tried again in %s s", _FRESH)
            await asyncio.sleep(_FRESH)

    def _publish(self) -> None:
        service = self._service
        service.meter.publish(alive=service.workers.alive, expected=service.workers.expected)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
