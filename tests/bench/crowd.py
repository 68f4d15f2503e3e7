"""Sixteen tasks appending to more and more sessions in turn: what a commit costs when few of them are open."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.backends import opened
from tests.bench.concurrent import SESSIONS, TASKS, slice_of
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.stores import folder_in, populate

_MOST = 10_000


def run(backend: str, plan: Plan) -> list[Row]:
    """Slices on a hundred sessions and on more, in turn."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    sizes = [SESSIONS, *[size for size in plan.sessions if size <= _MOST]]
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(opened(backend, folder / str(size))) for size in sizes]
        crowds = {size: await populate(store, size) for size, store in zip(sizes, stores, strict=True)}
        for _ in range(plan.rounds):
            for size, sessions in crowds.items():
                began = time.perf_counter()
                rates[size].append(len(await slice_of(sessions, plan.slice)) / (time.perf_counter() - began))
    few = statistics.median(rates[SESSIONS])
    rows: list[Row] = []
    for size in sizes[1:]:
        rate = statistics.median(rates[size])
        case, more = f"{TASKS} tasks, {size:,} sessions", {"rates_per_s": [round(one, 1) for one in rates[size]]}
        rows.append(Row("crowd", backend, case, rate, "/s", rate / few, f"{SESSIONS} sessions", "", more))
    return rows
