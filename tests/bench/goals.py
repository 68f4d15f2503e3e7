"""What is aimed at. A run shows how far it is from these; nothing fails by them, because machines differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.rows import Row


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a row's ratio or value, for some backends."""

    text: str
    holds: Callable[[Row], bool]
    backends: tuple[str, ...] = ("file",)


GOALS = {
    "P1": Goal("P1 ≤ 1.5 x floor", lambda row: (row.ratio or 0) <= 1.5),
    "P1v": Goal("P1 ≥ 1.7 x openai-sqlite", lambda row: (row.ratio or 0) >= 1.7),
    "P1f": Goal("P1 ≤ 1.1 x history 100", lambda row: (row.ratio or 0) <= 1.1),
    "P2": Goal("P2 ≥ 10 x openai-sqlite", lambda row: (row.ratio or 0) >= 10),
    "P2s": Goal("P2 commits share a sync", lambda row: (row.value or 0) < 0.5),
    "P3": Goal("P3 ≥ 3 x diskcache", lambda row: (row.ratio or 0) >= 3),
    "P4b": Goal("P4 ≥ 10 x openai-sqlite", lambda row: (row.ratio or 0) >= 10),
    "P4o": Goal("P4 ≥ 3 x openai-sqlite", lambda row: (row.ratio or 0) >= 3),
    "P5d": Goal("P5 ≥ 10 x the fastest durable peer", lambda row: (row.ratio or 0) >= 10),
    "P5m": Goal("P5 ≥ 2 x the fastest peer in memory", lambda row: (row.ratio or 0) >= 2),
    "P4": Goal("P4 ≤ 1.2 x history 1,000", lambda row: (row.ratio or 0) <= 1.2),
    "L1": Goal("L1 ≤ 1.2 x history 1,000", lambda row: (row.ratio or 0) <= 1.2, ("memory", "file")),
    "B1": Goal("B1 ≤ 1.2 x 1 branch", lambda row: (row.ratio or 0) <= 1.2, ("memory", "file")),
    "C1": Goal("C1 ≤ 1.2 x history 1,000", lambda row: (row.ratio or 0) <= 1.2, ("memory", "file")),
    "P5": Goal("P5 ≤ 1.3 x 1,000 sessions", lambda row: (row.ratio or 0) <= 1.3),
    "P6": Goal("P6 ≤ 1.5 x bare interpreter", lambda row: (row.ratio or 0) <= 1.5),
    "P6m": Goal("P6 ≤ 40 MB", lambda row: (row.value or 0) <= 40),
    "P7p": Goal("P7 POST ≥ 0.6 x bare Sanic", lambda row: (row.ratio or 0) >= 0.6),
    "P7g": Goal("P7 GET ≥ 0.8 x bare Sanic", lambda row: (row.ratio or 0) >= 0.8),
    "P8": Goal("P8 ≤ 25 µs CPU", lambda row: (row.value or 0) <= 25, ("memory",)),
    "P11": Goal("P11 ≥ 5 x cheaper than Fernet", lambda row: (row.ratio or 0) >= 5, ("memory",)),
    "P9": Goal("P9 ≤ 1.3 x bare interpreter", lambda row: (row.ratio or 0) <= 1.3, ("-",)),
    "Z1": Goal("≤ 0.35 x as it is", lambda row: (row.ratio or 0) <= 0.35),
    "Z2": Goal("≤ 1.3 x as it is", lambda row: (row.ratio or 0) <= 1.3),
    "P10o": Goal("P10 ≤ 2 KiB each", lambda row: (row.value or 0) <= 2048, ("memory",)),
    "P10c": Goal("P10 ≤ 1.05 x before", lambda row: (row.ratio or 0) <= 1.05, ("memory",)),
}


def judged(row: Row) -> str:
    """The goal of a row and whether it is met; empty for a row without one."""
    goal = GOALS.get(row.goal)
    if goal is None or row.status != "measured" or row.backend not in goal.backends:
        return ""
    return f"{goal.text}: {'met' if goal.holds(row) else 'not met'}"
