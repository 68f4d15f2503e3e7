"""Rows as text for a terminal, and kept runs as the page docs/benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.goals import judged
from tests.bench.results import read
from tests.bench.rows import Row

_HEAD = """# Benchmarks

Written by `python -m tests.bench --table` from the runs kept beside this page; do not edit it.

Only the **ratios** travel: each is to something measured in the same run, turn by turn, on the same machine and
the same disk. The times belong to the machine, and to whatever else it was doing. `make bench` measures yours:
`make bench ARGS="--quick"` takes about a minute, `ARGS="--out docs/benchmarks/mine.json"` keeps the run.
"""


def line(row: Row) -> str:
    """One row for a terminal."""
    left = f"{row.workload:<10} {row.backend:<9} {row.case:<44}"
    if row.status != "measured":
        return f"{left} {row.status.upper()}: {row.note}"
    return f"{left} {_value(row):>12} {_ratio(row):<30} {_aside(row):<30} {judged(row)}".rstrip()


_OTHERS = ("adapters-", "faults", "fuzz-", "kit", "reliability-", "search-")
"""What is kept beside the runs and has a page of its own."""


def page(folder: Path) -> str:
    """The whole page: every kept run, the newest first."""
    kept = (path for path in folder.glob("*.json") if not path.name.startswith(_OTHERS))
    runs = sorted(((path, read(path)) for path in kept), key=lambda run: run[1]["date"], reverse=True)
    return _HEAD + "".join(_section(path, document) for path, document in runs)


def _section(path: Path, document: dict[str, Any]) -> str:
    machine, load = document["machine"], document["load"]
    facts = (
        f"{machine['python']}, {machine['cores']} cores ({machine['processor']}), {machine['system']}, "
        f"{machine['filesystem']}; {document['date']}, {document['seconds']:.0f} s, load {load['before'][0]} before "
        f"and {load['after'][0]} after. Raw results: [{path.name}]({path.name})."
    )
    rows = "\n".join(_cells(Row(**row)) for row in document["rows"])
    titles = "| workload | backend | case | median | ratio | p99, CPU | goal |\n|---|---|---|--:|---|---|---|"
    return f"\n## {document['label'] or path.stem}\n\n{facts}\n\n{titles}\n{rows}\n"


def _cells(row: Row) -> str:
    if row.status != "measured":
        return f"| {row.workload} | {row.backend} | {row.case} | | {row.status}: {row.note} | | |"
    parts = (row.workload, row.backend, row.case, _value(row), _ratio(row), _aside(row), judged(row))
    return "| " + " | ".join(parts) + " |"


def _value(row: Row) -> str:
    if row.value is None:
        return ""
    digits = 2 if row.unit == "syncs" or row.value < 10 else 1 if row.value < 100 else 0
    return f"{row.value:,.{digits}f} {row.unit}"


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f} x {row.against}"


def _aside(row: Row) -> str:
    p99, cpu = row.more.get("p99_us"), row.more.get("cpu_us")
    parts = [f"p99 {p99:,.0f} µs" if p99 is not None else "", f"CPU {cpu:,.0f} µs" if cpu is not None else ""]
    return ", ".join(part for part in (*parts, row.note) if part)
