"""The synchronous half of LangGraph's interfaces: calls from other threads, done on the loop that the store belongs to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import holdall
from holdall import Settings, Store

__all__ = ["Bridge", "opened"]

T = TypeVar("T")


class Bridge:
    """Runs coroutines on the loop that was running when this was made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of ``work``; raises ``RuntimeError`` on the loop itself, which would wait for ever."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            work.close()
            raise RuntimeError("a synchronous call on the event loop of the store: use the asynchronous method")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def opened(source: str | Path | Mapping[str, Any] | Settings = "holdall.toml") -> Generator[tuple[Store, Bridge]]:
    """An open store for a program without an event loop: it gets one of its own, in a thread.

    Give both to ``HoldallSaver`` and ``HoldallStore``.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="holdall-langgraph")
    thread.start()
    try:
        bridge = asyncio.run_coroutine_threadsafe(_bridge(), loop).result()
        opening = holdall.open(source)
        store = bridge.wait(opening.__aenter__())
        try:
            yield store, bridge
        finally:
            bridge.wait(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _bridge() -> Bridge:
    return Bridge()
