"""One message at a time, to sessions that are short and long."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdall import Session
from tests.bench.backends import durability, within
from tests.bench.corpus import message
from tests.bench.floor import DiskFloor
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, in_turn
from tests.bench.stores import folder_in, long_sessions

FLOOR, OVERWRITE = "floor", "overwrite"


def run(backend: str, plan: Plan) -> list[Row]:
    """Append in turn with the floor, on the same disk."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    histories, left = within(backend, plan.histories)
    disk = DiskFloor(folder)
    async with long_sessions(backend, folder, histories) as sessions:
        operations: dict[str, Operation] = {FLOOR: disk.append, OVERWRITE: disk.overwrite}
        operations |= {str(history): _append(session) for history, session in sessions.items()}
        series = await in_turn(operations, plan.count, plan.seconds)
    disk.close()
    rows = [_row(backend, history, series, durability(backend, folder)) for history in histories]
    return [*rows, *([skipped("append", backend, "history", left)] if left else [])]


def _append(session: Session) -> Operation:
    first = session.counts.messages

    async def append(turn: int) -> None:
        await session.append(message(first + turn))

    return append


def _row(backend: str, history: int, series: dict[str, Series], promise: str) -> Row:
    own, floor, over = series[str(history)], series[FLOOR], series[OVERWRITE]
    paired = sorted(mine / base for mine, base in zip(own.wall, floor.wall, strict=True))
    more = {
        **own.numbers(),
        "durability": promise,
        "floor": floor.numbers(),
        "ratio_to_overwrite": round(own.median / over.median, 3),
        "overwrite_p50_us": round(over.median, 2),
        "ratio_turn_by_turn": round(paired[len(paired) // 2], 3),
    }
    ratio, over = own.median / floor.median, own.median - floor.median
    note = f"{over:,.0f} µs over the floor"  # holds when the disk is slow today, which flatters the ratio
    return Row("append", backend, f"history {history:,}", own.median, "µs", ratio, "floor append", "", more, note=note)
