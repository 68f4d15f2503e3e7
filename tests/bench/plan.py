"""How much is measured: sizes, counts and times of one run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cell is told. Times are in seconds."""

    folder: str = ""
    """Where stores are made: it decides which disk is measured."""
    memory: str = ""
    """A folder in memory, for stores whose making is not what is measured."""
    histories: tuple[int, ...] = (100, 1_000, 10_000)
    sessions: tuple[int, ...] = (1_000, 10_000)
    branches: tuple[int, ...] = (1, 10, 1_000)
    count: int = 400
    """Operations of one kind in a cell, at most."""
    seconds: float = 12
    """How long a cell measures, at most."""
    starts: int = 15
    """Processes started, per kind."""
    overhead: int = 5_000
    rounds: int = 8
    slice: float = 1.0
    """Length of one HTTP or concurrent measurement; ``rounds`` of them make a cell."""
    bytes: int = 1_000
    catalogued: int = 0
    """Sessions in the catalogue of the file backend's largest store, with logs or without; 0: only those with."""
    open: int = 20_000
    """Sessions open in memory at once."""
    churn: int = 20_000
    """Sessions that come and go in memory."""
    timeout: float = 150

    @classmethod
    def parsed(cls, data: dict[str, Any]) -> Plan:
        """The plan that ``as_dict`` gave, after a trip through JSON."""
        return cls(
            **{
                **data,
                "histories": tuple(data["histories"]),
                "sessions": tuple(data["sessions"]),
                "branches": tuple(data["branches"]),
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Every field."""
        return dataclasses.asdict(self)


USUAL = Plan()
LONG = Plan(
    histories=(100, 1_000, 10_000, 100_000), sessions=(1_000, 10_000, 100_000), seconds=20,
    catalogued=1_000_000, open=100_000, churn=1_000_000, timeout=1_800,
)  # fmt: skip
QUICK = Plan(
    branches=(1, 300),
    histories=(100, 1_000), sessions=(1_000,), count=80, seconds=2, starts=5, overhead=1_500, rounds=2, slice=0.4,
    bytes=200, open=5_000, churn=5_000, timeout=40,
)  # fmt: skip
SMOKE = Plan(
    branches=(1, 5),
    histories=(10, 60), sessions=(60,), count=5, seconds=1, starts=1, overhead=50, rounds=1, slice=0.05,
    bytes=20, catalogued=100, open=100, churn=200, timeout=40,
)  # fmt: skip
