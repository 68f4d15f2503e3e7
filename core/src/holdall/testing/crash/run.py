"""A run of many cycles, on as many fresh storages as it needs, and the controls that go with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from holdall.testing.crash import controls
from holdall.testing.crash.commits.ledger import Ledger
from holdall.testing.crash.cycle import Moment, Scene, scene
from holdall.testing.crash.disk import CutDisk
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.game import Game
from holdall.testing.crash.saying import NO_SYNC
from holdall.testing.crash.sessions.account import Account
from holdall.testing.nursery import Nursery
from holdall.testing.opening import Subject

__all__ = ["GAMES", "MODES", "Plan", "Row", "run", "run_controls"]

GAMES: Mapping[str, Callable[[str, list[str], int], Game]] = {"commits": Ledger, "sessions": Account}
"""What the writers play: steps of the contract, and calls of the public API."""

MODES = {
    "kill": "every process is killed",
    "cut": "the power of the disk is cut",
    "mix": "one process is killed while the others go on, then the power is cut",
}
RENEWED = 10
"""Kill: every how many cycles the storage begins anew. Cut: every how many cycles the file system is kept."""
CONTROL_CYCLES, CONTROL_MOST = 2, 15
"""With each kind of writers: so many at least, and until the control has shown what it must, so many at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    mode: str
    cycles: int
    seed: str
    children: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind of writers came to: those of the subject, or a control's."""

    name: str
    game: str
    findings: Findings
    must_lose: bool | None = None
    """For a control, whether it had to lose something, or nothing."""

    @property
    def right(self) -> bool:
        """Whether a control shows that the tool sees what it must see, and nothing else."""
        return self.findings.lost > 0 if self.must_lose else self.findings.broken == 0 and self.findings.acked > 0


def _never(_: Findings) -> bool:
    return False


def run(
    subject: Subject,
    plan: Plan,
    progress: Callable[[Findings], None],
    shown: Callable[[Findings], bool] = _never,
    **env: str,
) -> list[Row]:
    """Crash ``subject`` again and again, half of the cycles with each kind of writers.

    ``progress`` is told after each cycle; ``shown`` says of a control that no more are needed.
    """
    half = plan.cycles // 2
    rows: list[Row] = []
    with Nursery(subject, Ledger.module, Account.module, env=env) as nursery:
        for game, cycles in (("commits", plan.cycles - half), ("sessions", half)):
            findings = _cycles(subject, replace(plan, cycles=cycles), game, nursery, progress, shown)
            rows.append(Row(subject.plugin, game, findings))
    return rows


def _cycles(  # noqa: PLR0913, PLR0917 - each is a part of the scene
    subject: Subject,
    plan: Plan,
    game: str,
    nursery: Nursery,
    progress: Callable[[Findings], None],
    shown: Callable[[Findings], bool],
) -> Findings:
    findings = Findings()
    random = Random(f"{plan.seed}/{game}")  # noqa: S311 - it must repeat
    with ExitStack() as stack:
        disk = None if plan.mode == "kill" else stack.enter_context(CutDisk(plan.folder))
        end = Moment(random) if disk is None else Moment(random, disk.cut, disk.power_up, plan.mode == "mix")
        set_up: Scene | None = None
        for cycle in range(plan.cycles):
            kept = cycle % RENEWED == 1 if disk else cycle % RENEWED != 0
            if set_up is None or not kept:
                make = _maker(game, plan.seed, cycle)
                set_up = scene(subject, _fresh(subject, plan, disk), nursery, make, plan.children)
            if not set_up.crash(findings, end):
                set_up = None
            progress(findings)
            if cycle + 1 >= CONTROL_CYCLES and shown(findings):
                break
    return findings


def _maker(game: str, seed: str, cycle: int) -> Callable[[list[str]], Game]:
    return lambda writers: GAMES[game](seed, writers, cycle)


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


def run_controls(plan: Plan, progress: Callable[[Findings], None]) -> list[Row]:
    """Show that the tool can see a loss, and that it sees none where there is none."""
    file = controls.__file__
    plan = replace(plan, cycles=2 * CONTROL_MOST)
    honest, buffered = Subject("control-append", file), Subject("control-buffered", file)
    rows = [replace(row, must_lose=False) for row in run(honest, plan, progress, _acked)]
    if plan.mode == "kill":
        return rows + [replace(row, must_lose=True) for row in run(buffered, plan, progress, _lost)]
    blind = run(honest, plan, progress, _lost, **{NO_SYNC: "1"})
    return rows + [replace(row, name="control-append without sync", must_lose=True) for row in blind]


def _acked(findings: Findings) -> bool:
    return findings.acked > 0


def _lost(findings: Findings) -> bool:
    return findings.lost > 0
