"""What sessions cost in memory while they are there, and what is left of them when they are gone: P10."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import holdall
from holdall import Store
from holdall.testing.clock import ManualClock
from tests.bench.backends import settings
from tests.bench.corpus import encoded, message
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.stores import OWNERS

_BATCH = 1_000
_WARM = 20
"""A part of the churn, one in so many, goes before the first measurement: caches are full then."""
_TTL = 60


def run(backend: str, plan: Plan) -> list[Row]:
    """Bytes of the process per open session beyond what was stored, and how it grew while sessions came and went."""
    return asyncio.run(_measured(backend, plan))


async def _measured(backend: str, plan: Plan) -> list[Row]:
    clock = ManualClock()
    config = {**settings(backend, Path("unused")), "sessions": {"sweep_every": 0}}
    async with holdall.open(config, clock=clock) as store:
        await _churn(store, clock, max(plan.churn // _WARM, 1))
        before = _resident()
        await _churn(store, clock, plan.churn)
        after = _resident()
        payload, start = 0, _resident()
        for number in range(plan.open):
            payload += await _one(store, number)
        each = (_resident() - start - payload) / plan.open
    more = {"before_bytes": before, "after_bytes": after, "payload_bytes": payload}
    return [
        Row("memory", backend, f"each of {plan.open:,} open sessions, beyond payload", each, "bytes", goal="P10o", more=more),
        Row("memory", backend, f"{plan.churn:,} sessions came and went", after / 2**20, "MB", after / before, "before", "P10c"),
    ]  # fmt: skip


async def _churn(store: Store, clock: ManualClock, count: int) -> None:
    for start in range(0, count, _BATCH):
        for number in range(start, min(start + _BATCH, count)):
            await store.create(owner=f"owner-{number % OWNERS}", title=f"Session {number}", ttl=_TTL)
        clock.advance(2 * _TTL)
        await store.sweep()


async def _one(store: Store, number: int) -> int:
    title = f"Session {number}"
    await store.create(owner=f"owner-{number % OWNERS}", project="site", title=title, messages=[message(number)])
    return len(encoded(number)) + len(title)


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
