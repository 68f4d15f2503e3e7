"""P1, P2 and P3: appends beside other stores'."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from holdall import Session
from tests.bench import backends
from tests.bench.concurrent import SESSIONS, TASKS, Appended, slice_of
from tests.bench.corpus import message
from tests.bench.floor import DiskFloor
from tests.bench.least import CASE, Least
from tests.bench.meeting import FILE, Asked, blocks, compared, opened
from tests.bench.peers.process import peer
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Operation, Series
from tests.bench.stores import filled, populate


def _append(to: Session | Least) -> Operation:
    first = to.counts.messages if isinstance(to, Session) else 0

    async def append(turn: int) -> None:
        await to.append(message(first + turn))

    return append


async def appends(folder: Path, plan: Plan) -> list[Row]:
    """P1: one writer, a power cut survived, to a short session and to a long one."""
    sizes = (min(plan.histories), max(plan.histories))
    disk = DiskFloor(folder)
    async with opened(folder / "own") as store:
        sessions = {size: await filled(store, size) for size in sizes}
        with peer("openai-sqlite", folder / "peer") as other, closing(Least(folder / "least", sync=True)) as least:
            asked: list[Asked] = []
            for size in sizes:
                other.ask("fill", name=f"s{size}", count=size)
                asked.append((str(size), "append", {"name": f"s{size}", "first": size}))
            ours = {str(size): _append(session) for size, session in sessions.items()}
            series = await blocks({**ours, CASE: _append(least), "floor": disk.append}, {other: asked}, plan)
    disk.close()
    bound = series[CASE]
    rows = [_over_floor(CASE, bound, series["floor"], ""), compared(CASE, bound, other, str(sizes[0]), "")]
    for size in sizes:
        own, case = series[str(size)], f"append, history {size:,}"
        rows += [_over_floor(case, own, series["floor"], "P1"), compared(case, own, other, str(size), "P1v")]
    ratio = series[str(sizes[1])].median / series[str(sizes[0])].median
    case = f"append, {sizes[1]:,} against {sizes[0]:,}"
    return [*rows, Row("versus", FILE, case, None, "", ratio, f"history {sizes[0]:,}", "P1f")]


def _over_floor(case: str, own: Series, floor: Series, goal: str) -> Row:
    more = {**own.numbers(), "floor": floor.numbers()}
    ratio = own.median / floor.median
    return Row("versus", FILE, case, own.median, "µs", ratio, "a raw append + fdatasync", goal, more)


async def together(folder: Path, plan: Plan) -> list[Row]:
    """P2: sixteen tasks over a hundred sessions; and what would be left for a backend that cost nothing, and is the least."""
    async with opened(folder / "own") as store, backends.opened("memory", folder / "unused") as memory:
        with (
            peer("openai-sqlite", folder / "peer") as other,
            closing(Least(folder / "least", sync=True, logs=SESSIONS)) as least,
        ):
            ours: dict[str, Sequence[Appended]] = {
                CASE: [_Log(least, number) for number in range(SESSIONS)],
                "public API, memory backend": await populate(memory, SESSIONS),
                "append": await populate(store, SESSIONS),
            }
            names = [f"c{number}" for number in range(SESSIONS)]
            for name in names:
                other.ask("fill", name=name, count=1)
            rates: dict[str, list[float]] = {case: [] for case in ours}
            theirs: list[float] = []
            for sessions in ours.values():
                await slice_of(sessions, plan.slice / 4)
            for _ in range(plan.rounds):
                for case, sessions in ours.items():
                    began = time.perf_counter()
                    done = len(await slice_of(sessions, plan.slice))
                    rates[case].append(done / (time.perf_counter() - began))
                theirs.append(other.ask("together", names=names, tasks=TASKS, seconds=plan.slice)["rate"])
    return [_rate(case, found, theirs) for case, found in rates.items()]


class _Log:
    """One of the logs of the least."""

    def __init__(self, least: Least, number: int) -> None:
        self._least, self._number = least, number

    def append(self, message: Mapping[str, Any]) -> Awaitable[None]:
        return self._least.append_together(self._number, message)


def _rate(case: str, rates: list[float], theirs: list[float]) -> Row:
    rate = statistics.median(rates)
    more = {"rates_per_s": rates, "openai-sqlite": theirs}
    case, goal = f"{case}, {TASKS} tasks, {SESSIONS} sessions", "P2" if case == "append" else ""
    return Row(
        "versus", FILE, case, rate, "/s", rate / statistics.median(theirs), "the rate of openai-sqlite", goal, more
    )


async def process(folder: Path, plan: Plan) -> list[Row]:
    """P3: an append that survives ``kill -9`` only, beside diskcache itself, which promises the same."""
    history = min(plan.histories)
    async with opened(folder / "own", durability="process") as store:
        session = await filled(store, history)
        with peer("diskcache", folder / "peer") as other, closing(Least(folder / "least", sync=False)) as least:
            other.ask("fill", name="s", count=history)
            asked: list[Asked] = [("append", "append", {"name": "s", "first": history})]
            series = await blocks({"append": _append(session), CASE: _append(least)}, {other: asked}, plan)
    return [
        compared(f"{CASE}, no sync", series[CASE], other, "append", ""),
        compared('append, durability "process"', series["append"], other, "append", "P3"),
    ]
