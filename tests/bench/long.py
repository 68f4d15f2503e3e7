"""A session of 1,000 messages and a long one: what a fork, an edit, a page anywhere and the latest one cost in both: L1.

What writes goes to sessions of their own, so that pages are read as they were left. A page lies anywhere, as a reader who
follows a link finds it; ``since`` reads what came after a message.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from holdall import Session
from holdall.sessions.names import message_id
from holdall.sessions.policy import SessionPolicy
from tests.bench.backends import opened, within
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, flatness, in_turn
from tests.bench.stores import filled, folder_in

PAGE, BASE = 50, 1_000
_MOST = SessionPolicy().max_branches
_KINDS = ("fork", "edit", "page anywhere", "tail", "since")


def run(backend: str, plan: Plan) -> list[Row]:
    """Do the same to a short and to a long session, in turn."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    reached, left = within(backend, plan.histories)
    histories = sorted({BASE if BASE in reached else reached[0], reached[-1]})
    operations: dict[str, Operation] = {}
    async with opened(backend, folder) as store:
        for history in histories:
            read, written = await filled(store, history), await filled(store, history)
            for kind, operation in zip(_KINDS, _operations(read, written, history), strict=True):
                operations[f"{kind} {history}"] = operation
        series = await in_turn(operations, plan.count, plan.seconds)
    rows = [_row(backend, kind, history, series) for kind in _KINDS for history in histories]
    base, most = histories[0], histories[-1]
    rows += [_flat(backend, kind, most, base, series) for kind in _KINDS if most > base]
    return [*rows, *([skipped("long", backend, "history", left)] if left else [])]


def _operations(read: Session, written: Session, history: int) -> tuple[Operation, ...]:
    """The five, in the order of ``_KINDS``."""
    chance = random.Random(history)

    async def fork(turn: int) -> None:
        if written.state.record.branches < _MOST:
            await written.fork(at=message_id(chance.randrange(history)), name=f"f{turn}")

    async def edit(turn: int) -> None:
        await written.edit(message_id(chance.randrange(history)), content=str(message(turn)["content"]))

    async def page(_turn: int) -> None:
        found = await read.history(before=message_id(chance.randrange(min(PAGE, history - 1), history)), limit=PAGE)
        _ = [one.raw for one in found.items]

    async def tail(_turn: int) -> None:
        _ = [one.raw for one in await read.history(limit=PAGE)]

    async def since(_turn: int) -> None:
        _ = [one.raw for one in await read.history(since=message_id(max(history - PAGE, 0)), limit=PAGE)]

    return fork, edit, page, tail, since


def _row(backend: str, kind: str, history: int, series: dict[str, Series]) -> Row:
    own = series[f"{kind} {history}"]
    return Row("long", backend, f"{kind}, history {history:,}", own.median, "µs", more=own.numbers())


def _flat(backend: str, kind: str, history: int, base: int, series: dict[str, Series]) -> Row:
    ratio, note = flatness(series[f"{kind} {history}"], series[f"{kind} {base}"])
    case = f"{kind}, {history:,} against {base:,}"
    return Row("long", backend, case, None, "", ratio, f"history {base:,}", "L1", note=note)
