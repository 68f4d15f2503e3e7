"""What a cell answers: rows of the table, and the numbers behind them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["measured", "skipped", "missing", "failed"]


@dataclass(slots=True)
class Row:
    """One line: a median, and its ratio to what it is measured ``against`` in the same run."""

    workload: str
    backend: str
    case: str
    value: float | None = None
    unit: str = ""
    ratio: float | None = None
    against: str = ""
    goal: str = ""
    """The id of the goal that the row speaks to; see ``goals``."""
    more: dict[str, Any] = field(default_factory=dict)
    """Everything else that was measured: p99, CPU, samples."""
    status: Status = "measured"
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Every field."""
        fields = dataclasses.asdict(self)
        return fields | {name: _rounded(fields[name]) for name in ("value", "ratio")}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def skipped(workload: str, backend: str, case: str, why: str, status: Status = "skipped") -> Row:
    """A row that says what was not measured, and why."""
    return Row(workload, backend, case, status=status, note=why)
