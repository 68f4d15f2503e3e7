"""Stores on storages that are there already: another process's view of the same data, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdall.caching import Cache, LeastRecentlyUsed
from holdall.clock import Clock
from holdall.codecs import Codec
from holdall.contract import ISessionStorage, Scan
from holdall.sessions.engine import Engine
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.store import Store
from holdall.sessions.views import Page

__all__ = ["beside", "on", "partitions", "text", "user", "walked"]


def on(
    storage: ISessionStorage,
    clock: Clock,
    codec: Codec | None = None,
    hooks: dict[str, Any] | None = None,
    *,
    shreds: bool = False,
    **policy: Any,
) -> Store:
    """A store on ``storage``, with caches and heartbeats of its own; ``shreds`` where that one encrypts."""
    engine = Engine(
        storage,
        clock=clock,
        policy=SessionPolicy(**policy),
        codec=codec or Codec(),
        cache=Cache(LeastRecentlyUsed(), 16 << 20),
        shreds=shreds,
    )
    return Store(engine, **(hooks or {}))


def beside(store: Store, around: Callable[[Any], ISessionStorage] = lambda storage: storage) -> Store:
    """A second store on the storage of ``store``, as another process would have it."""
    engine = store.engine
    cache = Cache(LeastRecentlyUsed(), 16 << 20)
    return Store(
        Engine(around(engine.storage), clock=engine.clock, policy=engine.policy, codec=engine.codec, cache=cache)
    )


async def partitions(store: Store) -> list[str]:
    """The names of every partition in the storage."""
    return [snapshot.head.partition for snapshot in await store.engine.storage.scan(Scan(None, limit=10_000))]


def user(content: Any = "hello", **fields: Any) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content, **fields}


def text(page: Page[Any]) -> list[Any]:
    """What the messages of a page say."""
    return [message["content"] for message in page.items]


async def walked(read: Callable[..., Any], direction: str, limit: int, start: str | None = None) -> list[Any]:
    """Every item from ``start`` on in one direction, page by page; newest first when going back."""
    items: list[Any] = []
    cursor = start
    while True:
        page = await read(limit=limit, **({} if cursor is None else {direction: cursor}))
        items += page.items if direction == "after" else reversed(page.items)
        cursor = page.next if direction == "after" else page.previous
        if cursor is None:
            return items
