"""What a model sees of a short conversation and of a long one, both compacted, with the same few messages after it: C1."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdall import Session
from tests.bench.backends import opened, within
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, flatness, in_turn
from tests.bench.stores import filled, folder_in

BUDGET, AFTER, BASE = 8_000, 20, 1_000


def run(backend: str, plan: Plan) -> list[Row]:
    """Read the active context of sessions of several lengths, in turn."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    operations: dict[str, Operation] = {}
    histories, left = within(backend, plan.histories)
    async with opened(backend, folder) as store:
        for count in histories:
            session = await filled(store, count)
            await session.compact(budget=BUDGET, compactors=["window"])
            await session.append([message(number) for number in range(AFTER)])
            operations[str(count)] = _reading(session)
        series = await in_turn(operations, min(plan.count, 400), plan.seconds)
    rows = [
        Row("context", backend, f"active context, {name} messages", own.median, "µs", more=own.numbers())
        for name, own in series.items()
    ]
    base, longest = (BASE if BASE in histories else min(histories)), max(histories)
    ratio, note = flatness(series[str(longest)], series[str(base)])
    about = f"active context, {longest:,} messages against {base:,}"
    rows.append(Row("context", backend, about, None, "", ratio, f"{base:,} messages", "C1", note=note))
    return [*rows, *([skipped("context", backend, "messages", left)] if left else [])]


def _reading(session: Session) -> Operation:
    async def read(_turn: int) -> None:
        context = await session.active_context()
        _ = [one.raw for one in context.messages]

    return read
