"""What the machine itself can do: nothing that stores a message durably is faster than these."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.corpus import encoded
from tests.bench.plan import Plan
from tests.bench.rows import Row
from tests.bench.series import in_turn

BLOCK = b"x" * 1023 + b"\n"
_SPACE = 8 << 20
_sync = getattr(os, "fdatasync", os.fsync)


class DiskFloor:
    """One kilobyte made durable: at the end of a file, or over space that is already there."""

    def __init__(self, folder: Path) -> None:
        self._append = os.open(folder / "floor.append", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._over = os.open(folder / "floor.overwrite", os.O_CREAT | os.O_WRONLY)
        os.pwrite(self._over, b"\0" * _SPACE, 0)
        os.fsync(self._over)

    async def append(self, _turn: int) -> None:
        """Append and sync."""
        os.write(self._append, BLOCK)
        _sync(self._append)

    async def overwrite(self, turn: int) -> None:
        """Overwrite preallocated space and sync."""
        os.pwrite(self._over, BLOCK, turn * len(BLOCK) % _SPACE)
        _sync(self._over)

    def close(self) -> None:
        """Close the files."""
        os.close(self._append)
        os.close(self._over)


async def piece_of_python(_turn: int) -> None:
    """A fixed piece of Python: tells a slow or busy machine from a fast one."""
    sum(number * number for number in range(10_000))


def start(*argv: str, compiled: Path | None = None) -> tuple[float, str]:
    """Seconds that a whole process takes, and what it prints.

    Bytecode is kept in the folder ``compiled``, as it is of installed packages, whatever the environment says.
    """
    environment = dict(os.environ)
    if compiled is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    return time.perf_counter() - began, done.stdout


def run(_backend: str, plan: Plan) -> list[Row]:
    """The floor by itself, so that a run can be judged: compare these between runs before anything else."""
    disk = DiskFloor(Path(plan.folder))
    operations = {
        "1 kB append + fdatasync": disk.append,
        "1 kB overwrite, preallocated": disk.overwrite,
        "a fixed piece of Python": piece_of_python,
    }
    series = asyncio.run(in_turn(operations, plan.count, plan.seconds))
    disk.close()
    rows = [Row("floor", "-", name, one.median, "µs", more=one.numbers()) for name, one in series.items()]
    bare = [start(sys.executable, "-c", "pass")[0] * 1e3 for _ in range(plan.starts)]
    rows.append(Row("floor", "-", "a bare interpreter start", statistics.median(bare), "ms", more={"samples_ms": bare}))
    average = statistics.fmean(len(encoded(number)) for number in range(1000))
    rows.append(Row("floor", "-", "a message of the corpus, as JSON", average, "B"))
    return rows
