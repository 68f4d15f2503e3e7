"""Outcomes as text for a terminal, and kept runs as the page docs/benchmarks/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HEAD = """# What was tried to break it

Written by `python -m tests.release --table` from the runs kept beside this page; do not edit it. `make release-check`
runs all of it on your machine; CI runs the short form. Each row is a command that can be run by itself; every tool
runs negative controls of its own, which must lose, and fails when they do not. "Points 860, of 867": a run without a fault
has so many system calls that write; the others were not come to again, for what a thread does between two operations varies.
"""

_FUZZED = """
## Requests made up from the OpenAPI document

By `make fuzz`, against a server that asks for a token. A finding is an answer with a status of 500 or more, or one that the
document does not describe; first, a document that hides an answer must be found wrong. Raw results: `fuzz-*.json`.

| run | server | workers | requests | operations | seed | findings |
|---|---|--:|--:|--:|--:|---|
"""


def line(outcome: Mapping[str, Any]) -> str:
    """One outcome for a terminal."""
    left = f"{outcome['status']:<8} {outcome['name']:<22} {outcome['backend']:<10} {outcome['seconds']:>7.1f} s"
    told = outcome["told"]
    return f"{left}  {_told(outcome['numbers'])}" + (f"\n{told}" if told else "")


def page(folder: Path) -> str:
    """The whole page: every kept run, the newest first."""
    runs = [json.loads(path.read_text()) | {"file": path.name} for path in folder.glob("reliability-*.json")]
    return _HEAD + "".join(map(_section, sorted(runs, key=lambda run: run["date"], reverse=True))) + _fuzzed(folder)


def _fuzzed(folder: Path) -> str:
    """What came of requests that were made up."""
    rows = [
        f"| {run['date']} | {', '.join([run['backend'], *run['also']])} | {run['workers']} | {run['requests']:,} | "
        f"{run['operations']} | {run['seed']} | {', '.join(run['findings']) or 'none'} |\n"
        for path in sorted(folder.glob("fuzz-*.json"))
        for run in json.loads(path.read_text())["runs"]
    ]
    return _FUZZED + "".join(rows) if rows else ""


def _section(run: Mapping[str, Any]) -> str:
    machine = run["machine"]
    facts = (
        f"{machine['python']}, {machine['cores']} cores, {machine['system']}, {machine['filesystem']}; "
        f"{run['date']}, {run['seconds'] / 60:.0f} min. Raw results: [{run['file']}]({run['file']})."
    )
    rows = "\n".join(
        f"| {one['name']} | {one['backend']} | {one['promise']} | {one['status']} | {_told(one['numbers'])} |"
        for one in run["outcomes"]
    )
    titles = "| check | backend | what must hold | outcome | numbers |\n|---|---|---|---|---|"
    return f"\n## {run['label']}\n\n{facts}\n\n{titles}\n{rows}\n"


def _told(numbers: Mapping[str, Any]) -> str:
    if set(numbers) == {"told"}:
        return str(numbers["told"])
    parts = (f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in numbers.items())
    return ", ".join(parts)
