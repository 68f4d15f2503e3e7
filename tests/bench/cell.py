"""One workload on one backend, in a process of its own: ``python -m tests.bench.cell``, driven by ``run_cell``."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped

ROOT = Path(__file__).resolve().parents[2]
LOAD, SERVER = 0, 1
"""A load generator and what it loads get a core each, so that neither takes the other's."""


def keep_to(core: int, process: int = 0) -> None:
    """Let ``process`` (0: this one) run on one core only, where there are several and the system can do that."""
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > core:
        os.sched_setaffinity(process, {cores[core]})


def run_cell(workload: str, backend: str, plan: Plan) -> list[Row]:
    """The rows of one cell; a cell that fails or takes too long is a row that says so."""
    argv = [sys.executable, "-m", "tests.bench.cell", workload, backend]
    child = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = child.communicate(json.dumps(plan.as_dict()), timeout=plan.timeout)
    except subprocess.TimeoutExpired:
        return [skipped(workload, backend, "", f"took longer than {plan.timeout:g} s", "failed")]
    finally:
        _end(child)
    if child.returncode:
        last = (err.strip().splitlines() or [f"ended with {child.returncode}"])[-1]
        return [skipped(workload, backend, "", last[:200], "failed")]
    return [Row(**row) for row in json.loads(out.splitlines()[-1])]


def _end(child: subprocess.Popen[str]) -> None:
    """End the cell and the servers it may have left behind: it is the leader of its own group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def main() -> None:
    """Measure, and print the rows as JSON."""
    workloads = importlib.import_module("tests.bench.workloads").WORKLOADS  # which import this module
    plan = Plan.parsed(json.load(sys.stdin))
    rows = workloads[sys.argv[1]].run(sys.argv[2], plan)
    print(json.dumps([row.as_dict() for row in rows]))


if __name__ == "__main__":
    main()
