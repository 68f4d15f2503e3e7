"""How often an append makes the disk wait, counted by strace: alone, and with sixteen tasks together (P2)."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.backends import opened, persistent
from tests.bench.concurrent import SESSIONS, TASKS, slice_of
from tests.bench.corpus import message
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.stores import OWNER, folder_in, populate

_CALLS = "fsync,fdatasync,msync,sync_file_range"
_COUNTED = re.compile(rf"\b({_CALLS.replace(',', '|')})\(")
_FEW = {"alone": 20, "together": 160}
_TIMES = 3
_FOREVER = 3600.0


def run(backend: str, plan: Plan) -> list[Row]:
    """The difference between a run with few appends and one with more, so that opening is not counted."""
    if shutil.which("strace") is None:
        return [skipped("syncs", backend, "per append", "strace is not installed", "missing")]
    if not persistent(backend):
        return [skipped("syncs", backend, "per append", "it does not write")]
    rows: list[Row] = []
    for how, few in _FEW.items():
        small, large = _traced(backend, plan, how, few), _traced(backend, plan, how, few * _TIMES)
        per = {call: (large.get(call, 0) - small.get(call, 0)) / (few * (_TIMES - 1)) for call in small | large}
        case = "per append, one task" if how == "alone" else f"per append, {TASKS} tasks"
        goal = "P2s" if how == "together" else ""
        rows.append(Row("syncs", backend, case, sum(per.values()), "syncs", goal=goal, more={"calls": per}))
    return rows


def _traced(backend: str, plan: Plan, how: str, count: int) -> dict[str, int]:
    with folder_in(plan.folder) as folder:
        log = folder / "trace"
        trace = ["strace", "-f", "-qq", "-e", f"trace={_CALLS}", "-o", str(log)]
        child = [sys.executable, "-m", "tests.bench.syncs", backend, str(folder / "store"), how, str(count)]
        subprocess.run([*trace, *child], check=True, capture_output=True)
        calls: dict[str, int] = {}
        for found in _COUNTED.finditer(log.read_text()):
            calls[found[1]] = calls.get(found[1], 0) + 1
        return calls


async def child(backend: str, folder: Path, how: str, count: int) -> None:
    """What is traced."""
    async with opened(backend, folder) as store:
        if how == "together":
            await slice_of(await populate(store, SESSIONS), _FOREVER, count)
            return
        session = await store.create(owner=OWNER)
        for number in range(count):
            await session.append(message(number))


if __name__ == "__main__":
    asyncio.run(child(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
