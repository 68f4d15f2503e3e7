"""What Holdall itself costs per append, where storing costs next to nothing: P8."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from holdall.contract import Commit, Lane
from tests.bench.backends import opened
from tests.bench.corpus import message
from tests.bench.floor import piece_of_python
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.stores import OWNER

_BLOCKS = 10


def run(backend: str, plan: Plan) -> list[Row]:
    """CPU time per append through the public API, and of the storage's commit alone."""
    return asyncio.run(_measured(backend, plan))


async def _measured(backend: str, plan: Plan) -> list[Row]:
    size = max(1, plan.overhead // _BLOCKS)
    whole, alone, piece = [], [], []
    async with opened(backend, Path("unused")) as store:
        session = await store.create(owner=OWNER)
        for block in range(_BLOCKS):
            new = [message(number) for number in range(block * size, (block + 1) * size)]
            piece.append(await _cpu([0] * 20, piece_of_python))
            whole.append(await _cpu(new, session.append))
            alone.append(await _cpu(_commits(block * size, size), store.engine.storage.commit))
    more = {"blocks_us": [round(one, 2) for one in whole], "n": size * _BLOCKS}
    more["fixed_piece_us"] = round(min(piece), 1)
    best, commit = min(whole), min(alone)
    return [
        Row("overhead", backend, "append, CPU", best, "µs", best / commit, "its commit alone", "P8", more),
        Row("overhead", backend, "commit alone, CPU", commit, "µs", more={"blocks_us": [round(one, 2) for one in alone]}),
    ]  # fmt: skip


async def _cpu(things, operation) -> float:
    """CPU time per operation, in microseconds."""
    began = time.process_time_ns()
    for thing in things:
        await operation(thing)
    return (time.process_time_ns() - began) / len(things) / 1e3


def _commits(start: int, count: int) -> list[Commit]:
    lane, record = "messages/main", b"x" * 1000
    return [
        Commit(
            "bench", number, number + 1, number + 1,
            lanes={lane: Lane(0, number + 1)}, marks={"recent": number, "bytes": number * 1000, "owner": number},
            write={(lane, number): record},
        )
        for number in range(start, start + count)
    ]  # fmt: skip
