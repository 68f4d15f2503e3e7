"""Sixteen tasks appending to a hundred sessions at once: commits that wait together share a sync."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Sequence
from itertools import count as counter
from pathlib import Path
from typing import Any, Protocol

from tests.bench.backends import durability, opened
from tests.bench.corpus import message
from tests.bench.floor import DiskFloor
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Series, quantile
from tests.bench.stores import folder_in, populate

TASKS, SESSIONS = 16, 100
_FLOORS = 25


class Appended(Protocol):
    """What is appended to."""

    def append(self, message: dict[str, Any], /) -> Awaitable[object]:
        """Wait until it is kept."""
        ...


def run(backend: str, plan: Plan) -> list[Row]:
    """Slices of concurrent appending, with slices of the floor between them."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    disk, floor, rates, waits, cpu = DiskFloor(folder), Series(), [], [], 0
    async with opened(backend, folder / "store") as store:
        sessions = await populate(store, SESSIONS)
        await slice_of(sessions, plan.slice / 4)
        for _ in range(plan.rounds):
            await _floor(floor, disk)
            began, used = time.perf_counter(), time.process_time_ns()
            some = await slice_of(sessions, plan.slice / 2)
            rates.append(len(some) / (time.perf_counter() - began))
            cpu += time.process_time_ns() - used
            waits += some
        await _floor(floor, disk)
    disk.close()
    rate = statistics.median(rates)
    more = {
        "n": len(waits),
        "p50_us": quantile(waits, 0.5) / 1e3,
        "p99_us": quantile(waits, 0.99) / 1e3,
        "cpu_us": round(cpu / len(waits) / 1e3, 2),
        "rates_per_s": [round(one, 1) for one in rates],
        "durability": durability(backend, folder),
        "floor": floor.numbers(),
    }
    case = f"{TASKS} tasks, {SESSIONS} sessions"
    return [Row("concurrent", backend, case, rate, "/s", rate * floor.median / 1e6, "floor appends/s", "", more)]


async def slice_of(sessions: Sequence[Appended], seconds: float, most: int | None = None) -> list[int]:
    """Append with every task for ``seconds``, at most ``most`` times; how long each append took (ns)."""
    waits: list[int] = []
    numbers, stop = counter(), time.perf_counter() + seconds

    async def task(first: int) -> None:
        mine = sessions[first::TASKS]
        for number in numbers:
            began = time.perf_counter_ns()
            if began > stop * 1e9 or (most is not None and number >= most):
                return
            await mine[number % len(mine)].append(message(number))
            waits.append(time.perf_counter_ns() - began)
            await asyncio.sleep(0)

    await asyncio.gather(*(task(first) for first in range(TASKS)))
    return waits


async def _floor(floor: Series, disk: DiskFloor) -> None:
    for turn in range(_FLOORS):
        await floor.measure(disk.append, turn)
