"""The numbers of each tool, from what it printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

Numbers = dict[str, Any]


def _document(out: str) -> Any:
    """The JSON object that a tool ends with."""
    return json.loads(out[out.index("{") :])


def crash(out: str) -> Numbers:
    """Every count of the plugin's own rows, and what the controls lost."""
    rows, counts = _document(out)["rows"], Counter[str]()
    for row in rows:
        if not row["control"]:
            counts.update(row["counts"])
    lost = sum(row["counts"]["lost"] for row in rows if row["control"] and row["must_lose"])
    wrong = [row["plugin"] for row in rows if row["control"] and not row["right"]]
    return {**counts, "lost by the controls": lost, **({"controls WRONG": len(wrong)} if wrong else {})}


def faults(out: str) -> Numbers:
    """Points and violations, and those of the control, which must have some."""
    found = _document(out)
    own = found["faults"]
    numbers = {"points": own["points"], "of": own["there"], "violations": own["violations"]}
    return {**numbers, "violations of the control": found["control"]["violations"]}


def linear(out: str) -> Numbers:
    """Histories and calls, and what the checker found of the bugs that were put in."""
    found = _document(out)
    own, checker = found["linear"], found["control"]
    numbers = {name: own[name] for name in ("histories", "calls", "violations")}
    return {**numbers, "seeded bugs found": f"{checker['found']} of {checker['bugs']}"}


def lines(*words: str) -> Callable[[str], Numbers]:
    """The lines that say one of ``words``, for tools that end with sentences."""

    def told(out: str) -> Numbers:
        found = [line for line in out.strip().splitlines() if any(word in line for word in words)]
        return {"told": "; ".join(found[-3:])} if found else {}

    return told


def details(out: str) -> list[str]:
    """The details in the JSON object that a tool ended with, but for those of its controls."""
    try:
        found = _document(out)
    except ValueError:
        return []
    parts = [found.get("faults"), found.get("linear"), *(row for row in found.get("rows", ()) if not row["control"])]
    return [str(detail) for part in parts if part for detail in part["details"]]
