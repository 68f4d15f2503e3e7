"""A run of many cycles, on as many fresh storages as it needs, and the controls that go with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from holdall.testing.crash import controls
from holdall.testing.crash.cycle import Scene, scene
from holdall.testing.crash.disk import CutDisk
from holdall.testing.crash.verdict import Findings
from holdall.testing.crash.writer import NO_SYNC
from holdall.testing.opening import Subject

__all__ = ["Control", "Plan", "run", "run_controls"]

RENEWED = 10
"""Kill: every how many cycles the storage begins anew. Cut: every how many cycles the file system is kept."""
CONTROL_CYCLES = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    mode: str
    cycles: int
    seed: str
    children: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Control:
    """A control, what it did, and whether that was what it had to do."""

    name: str
    must_lose: bool
    findings: Findings

    @property
    def right(self) -> bool:
        """Whether the tool sees what it must see, and nothing else."""
        return self.findings.lost > 0 if self.must_lose else self.findings.broken == 0 and self.findings.acked > 0


def run(subject: Subject, plan: Plan, progress: Callable[[Findings], None], **env: str) -> Findings:
    """Crash ``subject`` again and again; ``progress`` is told after each cycle."""
    findings = Findings()
    random = Random(plan.seed)  # noqa: S311 - it must repeat
    with ExitStack() as stack:
        disk = stack.enter_context(CutDisk(plan.folder)) if plan.mode == "cut" else None
        set_up: Scene | None = None
        for cycle in range(plan.cycles):
            kept = cycle % RENEWED == 1 if disk else cycle % RENEWED != 0
            if set_up is None or not kept:
                set_up = scene(subject, _fresh(subject, plan, disk), plan.seed, cycle, plan.children, **env)
            cut = None if disk is None else disk.cut
            again = _nothing if disk is None else disk.power_up
            if not set_up.crash(findings, random, cut, again):
                set_up = None
            progress(findings)
    return findings


def _nothing() -> None:
    """A killed process leaves the machine running."""


def _fresh(subject: Subject, plan: Plan, disk: CutDisk | None) -> dict[str, Any]:
    """Options for an empty storage."""
    if disk is not None:
        disk.renew()
    folder = (plan.folder if disk is None else disk.root) / "store"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for made in (folder, folder.parent):  # the folder is given; what is in it is the storage's to sync
        handle = os.open(made, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    return dict(subject.offer.sandbox(folder))


def run_controls(plan: Plan, progress: Callable[[Findings], None]) -> list[Control]:
    """Show that the tool can see a loss, and that it sees none where there is none."""
    file = controls.__file__
    plan = Plan(plan.mode, CONTROL_CYCLES, plan.seed, plan.children, plan.folder)
    honest = Control("control-append", must_lose=False, findings=run(Subject("control-append", file), plan, progress))
    if plan.mode == "kill":
        return [honest, Control("control-buffered", True, run(Subject("control-buffered", file), plan, progress))]
    blind = run(Subject("control-append", file), plan, progress, **{NO_SYNC: "1"})
    return [honest, Control("control-append without sync", must_lose=True, findings=blind)]
