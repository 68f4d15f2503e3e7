"""All points of all operations, two at a time, and the control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from random import Random

from holdall.testing.crash import controls
from holdall.testing.crash.findings import Findings
from holdall.testing.faults.calls import Point
from holdall.testing.faults.operations import OPERATIONS
from holdall.testing.faults.stage import Stage
from holdall.testing.opening import Subject

__all__ = ["Plan", "Row", "Tried", "control", "run"]

AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: every point, or a sample of so many."""

    seed: str
    sample: int | None
    folder: Path


@dataclass(slots=True)
class Row:
    """What became of one call of one operation, failing in one way."""

    points: int = 0
    missed: int = 0
    """Points that the run did not come to this time: what a thread does between two operations varies."""
    violations: int = 0


@dataclass(slots=True)
class Tried:
    """A whole run."""

    there: int = 0
    """How many points there are."""
    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict[tuple[str, str, str], Row])
    details: list[str] = field(default_factory=list[str])

    @property
    def points(self) -> int:
        """How many were tried and met."""
        return sum(row.points - row.missed for row in self.rows.values())

    @property
    def violations(self) -> int:
        """How many of them broke a promise; and what was wrong without a fault."""
        return sum(row.violations for row in self.rows.values())

    def take(self, name: str, point: Point, findings: Findings, *, met: bool) -> None:
        """Count one point."""
        row = self.rows.setdefault((name, point.call, point.fault), Row())
        row.points += 1
        row.missed += not met
        row.violations += findings.broken > 0
        self.details += [f"{name}, {point.injection}: {detail}" for detail in findings.details]


def run(
    subject: Subject, plan: Plan, progress: Callable[[Tried], None], names: Sequence[str] = tuple(OPERATIONS)
) -> Tried:
    """Try the points of the operations ``names``; ``progress`` hears after each."""
    tried = Tried()
    stages: SimpleQueue[Stage] = SimpleQueue()
    opened = [Stage(subject, plan.folder / str(n)) for n in range(AT_ONCE)]
    for stage in opened:
        stages.put(stage)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            points = _points(stages, pool, names, tried)
            tried.there = len(points)
            if plan.sample is not None:
                points = Random(plan.seed).sample(points, min(plan.sample, len(points)))  # noqa: S311 - it must repeat
            for name, point, findings, met in pool.map(partial(_try, stages), points):
                tried.take(name, point, findings, met=met)
                progress(tried)
    finally:
        for stage in opened:
            stage.__exit__()
    return tried


def _points(
    stages: SimpleQueue[Stage], pool: ThreadPoolExecutor, names: Sequence[str], tried: Tried
) -> list[tuple[str, Point]]:
    """Every point there is; a run without any fault that breaks a promise counts as one, too."""
    points: list[tuple[str, Point]] = []

    def count(name: str) -> tuple[str, list[Point], Findings]:
        stage, findings = stages.get(), Findings()
        try:
            return name, stage.points(name, findings), findings
        finally:
            stages.put(stage)

    for name, found, findings in pool.map(count, names):
        points += [(name, point) for point in found]
        if findings.broken:
            tried.take(name, Point("nothing", 0, "fails"), findings, met=True)
    return points


def _try(stages: SimpleQueue[Stage], which: tuple[str, Point]) -> tuple[str, Point, Findings, bool]:
    name, point = which
    stage, findings = stages.get(), Findings()
    met = True
    try:
        met = stage.try_point(name, point, findings)
    except AssertionError as error:  # a child that hangs
        findings.note("failed", str(error))
    finally:
        stages.put(stage)
    return name, point, findings, met


def control(plan: Plan, progress: Callable[[Tried], None]) -> Tried:
    """A storage that ignores the errors of its writes, appended to."""
    subject = Subject("control-careless", controls.__file__)
    return run(subject, Plan(plan.seed, None, plan.folder / "control"), progress, ["append"])
