"""A fresh process that reads the end of a long session, and ``holdall --version``: P6 and P9."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
from pathlib import Path

from tests.bench.backends import opened, persistent, settings, within
from tests.bench.corpus import message
from tests.bench.floor import start
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.stores import filled, folder_in

_SINGLY = 200
_PEAK = """
try:
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak)
"""
_BARE = "import asyncio, json, sqlite3\n" + _PEAK
_RESUME = (
    """
import asyncio, json, sys
import holdall

async def main(settings, session):
    async with holdall.open(settings) as store:
        page = await (await store.get(session)).history(limit=50)
        assert len([message["content"] for message in page]) == 50

asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2]))
"""
    + _PEAK
)


def run(backend: str, plan: Plan) -> list[Row]:
    """Whole processes in turn: the bare interpreter, then the one that resumes."""
    if not persistent(backend):
        return [skipped("resume", backend, "cold", "nothing is left of it to resume")]
    with folder_in(plan.folder) as folder, folder_in(plan.folder) as compiled:
        history = max(50, *within(backend, plan.histories)[0])
        session = asyncio.run(_prepared(backend, folder, history))
        bare = (sys.executable, "-c", _BARE)
        full = (sys.executable, "-c", _RESUME, json.dumps(settings(backend, folder)), session)
        runs = _in_turn({"bare": bare, "full": full}, plan.starts, compiled)
    wall = {name: statistics.median(one[0] for one in found) * 1e3 for name, found in runs.items()}
    peak = {name: statistics.median(int(one[1].split()[-1]) for one in found) / 1024 for name, found in runs.items()}
    more = {
        "bare_ms": round(wall["bare"], 2),
        "rss_mb": round(peak["full"], 1),
        "bare_rss_mb": round(peak["bare"], 1),
        "samples_ms": {name: [round(one[0] * 1e3, 2) for one in found] for name, found in runs.items()},
    }
    case, ratio = f"last 50 of {history:,}", wall["full"] / wall["bare"]
    return [
        Row("resume", backend, f"{case}, wall", wall["full"], "ms", ratio, "bare interpreter", "P6", more),
        Row("resume", backend, f"{case}, peak memory", peak["full"], "MB", peak["full"] / peak["bare"], "bare interpreter", "P6m"),
    ]  # fmt: skip


def version(_backend: str, plan: Plan) -> list[Row]:
    """What the command line costs before it does anything."""
    command = shutil.which("holdall", path=str(Path(sys.executable).parent))
    if command is None:
        return [skipped("version", "-", "holdall --version", "the command is not installed", "missing")]
    commands = {
        "bare": (sys.executable, "-c", "pass"),
        "full": (command, "--version"),
        "module": (sys.executable, "-m", "holdall.cli", "--version"),  # without what the installer's script imports
    }
    with folder_in(plan.folder) as compiled:
        runs = _in_turn(commands, plan.starts, compiled)
    wall = {name: statistics.median(one[0] for one in found) * 1e3 for name, found in runs.items()}
    more = {
        "module_ratio": round(wall["module"] / wall["bare"], 3),
        "samples_ms": {name: [round(one[0] * 1e3, 2) for one in found] for name, found in runs.items()},
    }
    ratio = wall["full"] / wall["bare"]
    return [Row("version", "-", "holdall --version", wall["full"], "ms", ratio, "bare interpreter", "P9", more)]


async def _prepared(backend: str, folder: Path, history: int) -> str:
    """A session of ``history`` messages, of which the last came one by one, as they do in a conversation."""
    singly = min(history, _SINGLY)
    async with opened(backend, folder) as store:
        session = await filled(store, history - singly)
        for number in range(history - singly, history):
            await session.append(message(number))
        return session.id


def _in_turn(commands: dict[str, tuple[str, ...]], times: int, compiled: Path) -> dict[str, list[tuple[float, str]]]:
    for argv in commands.values():
        start(*argv, compiled=compiled)  # the first one compiles what it imports
    runs: dict[str, list[tuple[float, str]]] = {name: [] for name in commands}
    for _ in range(times):
        for name, argv in commands.items():
            runs[name].append(start(*argv, compiled=compiled))
    return runs
