"""A session of 1 branch, of 10 and of 1,000: what a fork, an append and a page of a branch cost beside one of 1: B1.

The branches leave a conversation of a thousand messages at different places, and each has a message of its own. The
page reads what the branch has of its own and, across the fork, what came before.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdall import Session
from holdall.sessions.policy import SessionPolicy
from tests.bench.backends import opened, within
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, flatness, in_turn
from tests.bench.stores import filled, folder_in

PAGE, HISTORY, BASE = 50, 1_000, 1
_MOST = SessionPolicy().max_branches
_KINDS = ("append to a branch", "page across a fork", "page of its own", "fork")


def run(backend: str, plan: Plan) -> list[Row]:
    """Fork, append and read in sessions of few and of many branches, in turn."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    counts, left = within(backend, plan.branches)
    operations: dict[str, Operation] = {}
    async with opened(backend, folder) as store:
        for count in counts:
            session = await filled(store, min(HISTORY, max(plan.histories)))
            spare = await filled(store, PAGE)
            await _branched(session, count)
            await _branched(spare, count)
            for kind, operation in zip(_KINDS, _operations(session, spare), strict=True):
                operations[f"{kind} {count}"] = operation
        series = await in_turn(operations, min(plan.count, 400), plan.seconds)
    rows = [_row(backend, kind, count, series) for kind in _KINDS for count in counts]
    rows += [_flat(backend, kind, count, series) for kind in _KINDS for count in counts if count > BASE]
    return [*rows, *([skipped("branches", backend, "branches", left)] if left else [])]


async def _branched(session: Session, count: int) -> None:
    """Make ``count`` branches that leave the conversation here and there, and one more to read a page of its own."""
    ids = [one.id for one in await session.history(limit=PAGE)]
    for number in range(count):
        await session.fork(at=ids[number % len(ids)], name=f"o{number}")
        await session.append(message(number), branch=f"o{number}")
    await session.fork(at=ids[0], name="long")
    await session.append([message(number) for number in range(PAGE + 10)], branch="long")


def _operations(session: Session, spare: Session) -> tuple[Operation, ...]:
    """The four, in the order of ``_KINDS``. Forks go to a session of their own, to leave the others as they are."""

    async def append(turn: int) -> None:
        await session.append(message(turn), branch="long")

    async def across(_turn: int) -> None:
        page = await session.history(branch="o0", limit=PAGE)
        _ = [one.raw for one in page.items]

    async def own(_turn: int) -> None:
        page = await session.history(branch="long", limit=PAGE)
        _ = [one.raw for one in page.items]

    async def fork(turn: int) -> None:
        if spare.state.record.branches < _MOST:
            await spare.fork(name=f"f{turn}")

    return append, across, own, fork


def _row(backend: str, kind: str, count: int, series: dict[str, Series]) -> Row:
    own = series[f"{kind} {count}"]
    return Row("branches", backend, f"{kind}, {count:,} branches", own.median, "µs", more=own.numbers())


def _flat(backend: str, kind: str, count: int, series: dict[str, Series]) -> Row:
    ratio, note = flatness(series[f"{kind} {count}"], series[f"{kind} {BASE}"])
    return Row("branches", backend, f"{kind}, {count:,} against {BASE}", None, "", ratio, "1 branch", "B1", note=note)
