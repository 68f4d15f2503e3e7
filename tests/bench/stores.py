"""Stores with something in them: a long session each, or many sessions."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterable
from pathlib import Path

from holdall import Session, Store
from tests.bench.backends import opened
from tests.bench.corpus import batches, message

OWNER = "owner-0"
OWNERS = 10
_AT_ONCE = 200


@contextlib.contextmanager
def folder_in(parent: str) -> Generator[Path]:
    """A new folder that goes away again."""
    with tempfile.TemporaryDirectory(prefix="holdall-bench-", dir=parent) as name:
        yield Path(name)


async def filled(store: Store, history: int) -> Session:
    """A session of ``history`` messages."""
    session = await store.create(owner=OWNER, title=f"{history} messages")
    for batch in batches(history):
        await session.append(batch)
    return session


@contextlib.asynccontextmanager
async def long_sessions(backend: str, folder: Path, histories: Iterable[int]) -> AsyncGenerator[dict[int, Session]]:
    """A store for each history, all open at once, with one session of that length in it."""
    async with contextlib.AsyncExitStack() as stack:
        sessions: dict[int, Session] = {}
        for history in histories:
            store = await stack.enter_async_context(opened(backend, folder / str(history)))
            sessions[history] = await filled(store, history)
        yield sessions


async def populate(store: Store, count: int) -> list[Session]:
    """``count`` sessions with a message each, of ``OWNERS`` owners in turn."""
    made: list[Session] = []
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        made += await asyncio.gather(*(_one(store, number) for number in numbers))
    return made


async def _one(store: Store, number: int) -> Session:
    owner = f"owner-{number % OWNERS}"
    return await store.create(owner=owner, project="site", title=f"Session {number}", messages=[message(number)])
