"""A whole run: its cells one after another, and the document that is kept of it."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.backends import missing
from tests.bench.cell import run_cell
from tests.bench.machine import facts, load
from tests.bench.plan import Plan
from tests.bench.rows import Row, skipped
from tests.bench.workloads import cells

FORMAT = 1
_IN_MEMORY = Path("/dev/shm")


def measure(
    plan: Plan,
    only: list[str],
    backends: list[str],
    label: str,
    show: Callable[[Row], None],
    *,
    save: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run every cell; ``show`` is called with each row as it is known, ``save`` with the whole so far after each cell."""
    began, before, rows = time.time(), load(), list[Row]()

    def keep(row: Row) -> None:
        rows.append(row)
        show(row)

    gone = {backend: why for backend in backends if (why := missing(backend))}
    for backend, why in gone.items():
        keep(skipped("all", backend, "", why))
    in_memory = str(_IN_MEMORY) if _IN_MEMORY.is_dir() else ""
    with tempfile.TemporaryDirectory(prefix="holdall-bench-", dir=plan.folder or None) as folder:
        plan = Plan.parsed({**plan.as_dict(), "folder": folder, "memory": in_memory})
        machine = facts(folder, in_memory)

        def document() -> dict[str, Any]:
            return {
                "format": FORMAT,
                "label": label,
                "date": dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="seconds"),
                "seconds": round(time.time() - began, 1),
                "machine": machine,
                "load": {"before": before, "after": load()},
                "plan": {key: value for key, value in plan.as_dict().items() if key not in ("folder", "memory")},
                "rows": [row.as_dict() for row in rows],
            }

        for workload, backend in cells(only, [backend for backend in backends if backend not in gone]):
            for row in run_cell(workload, backend, plan):
                keep(row)
            save(document())
        return document()


def write(document: dict[str, Any], path: Path) -> None:
    """Keep a run, one row to a line."""
    rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in document["rows"])
    head = json.dumps({key: value for key, value in document.items() if key != "rows"}, indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head.removesuffix("}").rstrip()},\n "rows": [\n{rows}\n ]\n}}\n')


def read(path: Path) -> dict[str, Any]:
    """A kept run."""
    document = json.loads(path.read_text())
    if document["format"] != FORMAT:
        raise SystemExit(f"{path} is of format {document['format']}; this benchmark reads format {FORMAT}")
    return document
