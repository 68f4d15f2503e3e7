"""Where the time of an append goes: what each layer costs, called in turn with the layer below it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path

from holdall import Session, Store
from holdall.contract import Commit, Lane
from tests.bench import backends
from tests.bench.corpus import encoded, message
from tests.bench.floor import DiskFloor
from tests.bench.least import CASE, Least
from tests.bench.meeting import FILE, blocks, opened
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Operation, Series
from tests.bench.stores import filled

_PARTITION, _LANE = "bench", "messages/main"
_RAW = "a raw append + fdatasync"
_MESSAGES = 500
"""Made before anything is measured."""


def run(_backend: str, plan: Plan) -> list[Row]:
    """A raw append, the least in Python, the contract's commit and the public append, each with the sync and without."""
    return asyncio.run(_measured(Path(plan.folder), plan))


async def _measured(folder: Path, plan: Plan) -> list[Row]:
    history = min(plan.histories)
    disk = DiskFloor(folder)
    async with AsyncExitStack() as stack:
        power = await stack.enter_async_context(opened(folder / "power"))
        process = await stack.enter_async_context(opened(folder / "process", durability="process"))
        memory = await stack.enter_async_context(backends.opened("memory", folder / "unused"))
        quick = stack.enter_context(closing(Least(folder / "quick", sync=False)))
        least = stack.enter_context(closing(Least(folder / "least", sync=True)))
        layers: dict[str, Operation] = {
            _RAW: disk.append,
            "public API, memory backend": _append(await filled(memory, history)),
            f"{CASE}, no sync": _append(quick),
            "the contract, no sync": _commit(process),
            "public API, no sync": _append(await filled(process, history)),
            CASE: _append(least),
            "the contract": _commit(power),
            "public API": _append(await filled(power, history)),
        }
        with _syncs() as syncs:
            series = await blocks(layers, {}, plan)
    disk.close()
    raw = series[_RAW]
    rows = [_row(case, own, raw) for case, own in series.items()]
    return [*rows, _row("of that, the sync itself", syncs, raw)]


def _row(case: str, own: Series, raw: Series) -> Row:
    return Row("layers", FILE, case, own.median, "µs", own.median / raw.median, _RAW, "", own.numbers())


def _append(to: Session | Least) -> Operation:
    messages = [message(number) for number in range(_MESSAGES)]

    async def append(turn: int) -> None:
        await to.append(messages[turn % _MESSAGES])

    return append


def _commit(store: Store) -> Operation:
    storage, version = store.engine.storage, 0
    records = [encoded(number) for number in range(_MESSAGES)]

    async def commit(turn: int) -> None:
        nonlocal version
        lanes = {_LANE: Lane(0, version + 1)}
        marks = {"recent": version, "bytes": version * 1000, "owner": version}
        write = {(_LANE, version): records[turn % _MESSAGES]}
        await storage.commit(Commit(_PARTITION, version, version + 1, version + 1, lanes, marks, write=write))
        version += 1

    return commit


@contextmanager
def _syncs() -> Generator[Series]:
    """The time of every sync of this process, whoever makes it."""
    series, real = Series(), os.fdatasync

    def timed(fd: int) -> None:
        cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
        real(fd)
        series.wall.append(time.perf_counter_ns() - wall)
        series.cpu.append(time.thread_time_ns() - cpu)

    os.fdatasync = timed
    try:
        yield series
    finally:
        os.fdatasync = real
