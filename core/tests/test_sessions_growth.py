"""Sessions that came and went leave nothing in memory: neither in the storage nor in the core."""

from __future__ import annotations

import gc
import tracemalloc

from support.stores import on, user

from holdall.sessions.names import session_partition
from holdall_memory import MemorySessionStorage

ROUNDS, EACH = 10, 60


def in_use():
    """Bytes, but for the names of sessions: the core keeps the last few thousand, which would hide what is asked."""
    session_partition.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_what_expired_and_was_swept_leaves_nothing_behind(clock):
    store = on(MemorySessionStorage(), clock)

    async def come_and_go():
        for n in range(EACH):
            session = await store.create(owner=f"o{n % 3}", title="x" * 200, tags=["a"], ttl=60)
            await session.append(user("y" * 200), key=f"k{n}")
        assert len((await store.list(owner="o1", limit=50)).items) == EACH // 3
        clock.advance(120)
        assert len((await store.sweep()).expired) == EACH

    await come_and_go()
    tracemalloc.start()
    try:
        await come_and_go()
        before = in_use()
        for _ in range(ROUNDS):
            await come_and_go()
        grown = in_use() - before
    finally:
        tracemalloc.stop()
    assert grown < 50 * ROUNDS * EACH, "a small object for each would be more"
