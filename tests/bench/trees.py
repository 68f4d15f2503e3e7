"""An imported tree of 1 path, of 10 and of 1,000: what a page and an append cost beside one of 1, and the import a message.

The trees are ChatGPT exports: a conversation of a thousand messages that is left here and there, for a path of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from holdall import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget
from tests.bench.backends import opened, within
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.series import Operation, Series, flatness, in_turn
from tests.bench.stores import folder_in

PAGE, HISTORY, BASE = 50, 1_000, 1
_KINDS = ("append to main", "append to a branch", "page of main", "page across a fork", "page of its own")


def run(backend: str, plan: Plan) -> list[Row]:
    """Import trees of few and of many paths; append and read in turn."""
    with folder_in(plan.folder) as folder:
        return asyncio.run(_measured(backend, plan, folder))


async def _measured(backend: str, plan: Plan, folder: Path) -> list[Row]:
    counts, left = within(backend, plan.branches)
    operations: dict[str, Operation] = {}
    rows: list[Row] = []
    async with opened(backend, folder / "store") as store:
        for count in counts:
            path = folder / f"tree-{count}.json"
            path.write_text(json.dumps([tree(min(HISTORY, max(plan.histories)), count)]))
            began = time.perf_counter()
            report = await import_file(StoreTarget(store), path, Choices("bench"))
            took, (done,) = time.perf_counter() - began, report.sessions
            each = took / done.added["messages"] * 1e6
            rows.append(Row("trees", backend, f"import, a message, {count + 1:,} paths", each, "µs"))
            for kind, operation in zip(_KINDS, await _operations(store, done.session), strict=True):
                operations[f"{kind} {count}"] = operation
        series = await in_turn(operations, min(plan.count, 400), plan.seconds)
    rows += [_row(backend, kind, count, series) for kind in _KINDS for count in counts]
    rows += [_flat(backend, kind, count, series) for kind in _KINDS for count in counts if count > BASE]
    return [*rows, *([skipped("trees", backend, "paths", left)] if left else [])]


def tree(history: int, paths: int) -> dict[str, Any]:
    """A conversation of ``history`` messages, left by ``paths`` others of one message and by one of a page."""
    main = [f"m{at}" for at in range(history)]
    nodes = {name: _node(at, main[at - 1] if at else None) for at, name in enumerate(main)}
    for number in range(paths):
        nodes[f"o{number}"] = _node(number, main[-2 - number % (min(PAGE, history) - 1)])
    above = main[-min(PAGE, history)]
    for number in range(PAGE + 10):
        nodes[f"l{number}"] = _node(number, above)
        above = f"l{number}"
    return {"id": f"tree-{paths}", "mapping": nodes, "current_node": main[-1]}


def _node(number: int, parent: str | None) -> dict[str, Any]:
    said = message(number)
    content = {"content_type": "text", "parts": [said["content"] if isinstance(said["content"], str) else "said"]}
    return {"message": {"author": {"role": said["role"]}, "content": content}, "parent": parent, "children": []}


async def _operations(store: Store, name: str) -> tuple[Operation, ...]:
    """Those of ``_KINDS``."""
    session = await store.get(name)
    ends = {}
    cursor = None
    while True:
        page = await session.branches(limit=100, cursor=cursor)
        ends |= {branch.name: branch.messages for branch in page.items if branch.name != "main"}
        cursor = page.next
        if cursor is None:
            break
    nodes = {branch: (await session.history(branch=branch, limit=1)).items[-1]["metadata"]["node"] for branch in ends}
    long = next(branch for branch, node in nodes.items() if node == f"l{PAGE + 9}")
    short = next(branch for branch, node in nodes.items() if node == "o0")

    def appends(branch: str) -> Operation:
        async def append(turn: int) -> None:
            await session.append(message(turn), branch=branch)

        return append

    def reads(branch: str) -> Operation:
        async def read(_turn: int) -> None:
            _ = [one.raw for one in await session.history(branch=branch, limit=PAGE)]

        return read

    return appends("main"), appends(long), reads("main"), reads(short), reads(long)


def _row(backend: str, kind: str, count: int, series: dict[str, Series]) -> Row:
    own = series[f"{kind} {count}"]
    return Row("trees", backend, f"{kind}, {count + 1:,} paths beside main", own.median, "µs", more=own.numbers())


def _flat(backend: str, kind: str, count: int, series: dict[str, Series]) -> Row:
    ratio, note = flatness(series[f"{kind} {count}"], series[f"{kind} {BASE}"])
    return Row(
        "trees", backend, f"{kind}, {count + 1:,} paths against {BASE + 1}", None, "", ratio, "2 paths", "B1", note=note
    )
