"""Many threads write at once: each acknowledged message is there once, in the order of its thread, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import holdall
from holdall.codecs import Codec
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import settings

THREADS, MESSAGES = 6, 15


def said(thread: int) -> list[str]:
    return [f"{thread} {n}" for n in range(MESSAGES)]


async def check(store: holdall.Store, session: str) -> None:
    found = [item.text for item in await store.history(session, limit=500)]
    assert len(found) == THREADS * MESSAGES
    for thread in range(THREADS):
        assert [text for text in found if text.split()[0] == str(thread)] == said(thread)
    assert (await verify(store.engine.storage, Codec())).problems == []


@cells("thread race", memory="R", file="R", diskcache="R", tinydb="R")
async def test_one_store(backend: str, tmp_path: Path) -> None:
    """Threads hand their calls to the loop that has the store open."""
    async with holdall.open(settings(backend, tmp_path)) as store:
        session, loop = await store.create(owner="ana"), asyncio.get_running_loop()

        def write(thread: int) -> None:
            for text in said(thread):
                work = store.append(session.id, [{"role": "user", "content": text}])
                asyncio.run_coroutine_threadsafe(work, loop).result(60)

        await asyncio.gather(*(asyncio.to_thread(write, thread) for thread in range(THREADS)))
        await check(store, session.id)


@cells("thread race", file="R", diskcache="R")
async def test_a_store_in_each_thread(backend: str, tmp_path: Path) -> None:
    """Where a storage can be shared, each thread may have its own loop and open it for itself."""
    config = settings(backend, tmp_path)
    async with holdall.open(config) as store:
        session = await store.create(owner="ana")

        async def write(thread: int) -> None:
            async with holdall.open(config) as mine:
                for text in said(thread):
                    await mine.append(session.id, [{"role": "user", "content": text}])

        await asyncio.gather(*(asyncio.to_thread(asyncio.run, write(thread)) for thread in range(THREADS)))
        await check(store, session.id)
