"""Opens a store, as an application does, over the storage under test; its time can be another day's."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdall.clock import Clock
from holdall.contract import ISessionStorage
from holdall.opening import open_store
from holdall.plugins import Plugins
from holdall.sessions.store import Store
from holdall.testing.opening import Subject

__all__ = ["ShiftedClock", "store_of"]


class ShiftedClock:
    """The machine's clock, ``ahead`` µs fast."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000 + self._ahead


@asynccontextmanager
async def store_of(
    subject: Subject,
    options: Mapping[str, Any],
    *,
    clock: Clock | None = None,
    around: Callable[[ISessionStorage], ISessionStorage] | None = None,
) -> AsyncGenerator[Store, None]:
    """``holdall.open`` on the subject; nothing is swept unless somebody says so."""
    plugins = Plugins()
    if subject.file is not None:
        plugins.load_file(Path(subject.file))
    settings = {"storage": {"use": subject.plugin, "options": dict(options)}, "sessions": {"sweep_every": 0}}
    async with open_store(settings, plugins=plugins, clock=clock, around=around) as store:
        yield store
