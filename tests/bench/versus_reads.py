"""P4 and P5: pages and lists beside other stores'."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from holdall import Session
from tests.bench.corpus import message
from tests.bench.listing import PAGE, WRITES
from tests.bench.meeting import FILE, ORDER, Asked, blocks, compared, opened
from tests.bench.peers.process import Peer, peer
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import Operation, Series
from tests.bench.stores import OWNER, OWNERS, filled, populate

_LISTED = 10_000
_KINDS = {"bytes": "P4b", "objects": "P4o"}


def _page(session: Session, *, decoded: bool) -> Operation:
    async def read(_turn: int) -> None:
        page = await session.history(limit=PAGE)
        if len([one.fields if decoded else one.raw for one in page.items]) != min(PAGE, session.counts.messages):
            raise AssertionError("not the page that was asked for")

    return read


async def pages(folder: Path, plan: Plan) -> list[Row]:
    """P4: the latest fifty messages, of a session of a thousand and of the longest."""
    sizes = sorted({min(1_000, max(plan.histories)), max(plan.histories)})
    async with opened(folder / "own") as store:
        sessions = {size: await filled(store, size) for size in sizes}
        ours = {f"{size} {kind}": _page(sessions[size], decoded=kind == "objects") for size in sizes for kind in _KINDS}
        with peer("openai-sqlite", folder / "peer") as other:
            asked: list[Asked] = []
            for size in sizes:
                other.ask("fill", name=f"s{size}", count=size)
                asked.append((str(size), "tail", {"name": f"s{size}", "count": PAGE}))
            series = await blocks(ours, {other: asked}, plan)
    rows: list[Row] = []
    for kind, goal in _KINDS.items():
        for size in sizes:
            case = f"last {PAGE} of {size:,}, {kind}"
            rows += [compared(case, series[f"{size} {kind}"], other, str(size), goal)]
        if len(sizes) > 1:
            few, many = sizes
            ratio = series[f"{many} {kind}"].median / series[f"{few} {kind}"].median
            case = f"last {PAGE}, {many:,} against {few:,}, {kind}"
            rows.append(Row("versus", FILE, case, None, "", ratio, f"history {few:,}", "P4"))
    return rows


async def lists(folder: Path, plan: Plan) -> list[Row]:
    """P5: the fifty most recent sessions of one owner, idle and after writes, beside the two that list fastest."""
    count = min(_LISTED, max(plan.sessions))
    async with opened(folder / "own") as store:
        sessions = await populate(store, count)

        async def read(_turn: int) -> None:
            if len(await store.list(owner=OWNER, limit=PAGE)) != min(PAGE, count // OWNERS):
                raise AssertionError("not the list that was asked for")

        with (
            peer("langgraph-sqlite", folder / "durable") as durable,
            peer("claude-memory", folder / "memory") as memory,
        ):
            asked: dict[Peer, list[Asked]] = {one: [("list", "list", {"count": PAGE})] for one in (durable, memory)}
            for one in asked:
                one.ask("create", count=count, owners=OWNERS)
            series = await blocks({"idle": read}, asked, plan)
        busy = await _after_writes(read, sessions, plan)
    rows: list[Row] = []
    for when, own in (("idle", series["idle"]), (f"after {WRITES} writes", busy)):
        case = f"{PAGE} of {count:,} sessions, {when}"
        goals = ("P5d", "P5m") if count == _LISTED else ("", "")
        rows += [compared(case, own, other, "list", goal) for other, goal in zip(asked, goals, strict=True)]
    return rows


async def _after_writes(read: Operation, sessions: list[Session], plan: Plan) -> Series:
    order, series = random.Random(ORDER), Series()
    for turn in range(max(3, plan.count // 4)):
        await asyncio.gather(*(one.append(message(turn)) for one in order.sample(sessions, WRITES)))
        await series.measure(read, turn)
    return series
