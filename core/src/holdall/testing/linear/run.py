"""Histories of a storage: raced by clients, one of whose processes is killed, and checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from holdall.testing.children import Child
from holdall.testing.linear.bugs import BUGS, with_bug
from holdall.testing.linear.checker import explained, linearizable
from holdall.testing.linear.history import by_key, from_lines
from holdall.testing.linear.imagined import imagined
from holdall.testing.nursery import Nursery
from holdall.testing.opening import Subject

__all__ = ["Control", "Plan", "Raced", "control", "run"]

MODULE = "holdall.testing.linear.client"
CLIENTS = 8
CALLS = 320
"""At least so many calls make a history, besides those of the process that is killed."""
KEYS = 3
RENEWED = 20
"""Every how many histories the storage begins anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    histories: int
    seed: str
    folder: Path


@dataclass(slots=True)
class Raced:
    """What a run found."""

    histories: int = 0
    calls: int = 0
    unheard: int = 0
    """Calls whose end nobody heard of."""
    shortest: int = 0
    """Calls of the shortest history."""
    violations: int = 0
    details: list[str] = field(default_factory=list[str])

    def count(self, calls: int) -> None:
        """One more history, of so many calls."""
        self.histories += 1
        self.calls += calls
        self.shortest = calls if self.histories == 1 else min(self.shortest, calls)

    def note(self, what: str) -> None:
        """One more violation."""
        self.violations += 1
        self.details.append(f"history {self.histories}: {what}")


@dataclass(frozen=True, slots=True)
class Control:
    """How good the checker is."""

    bugs: int
    found: int
    good: int
    alarms: int

    @property
    def right(self) -> bool:
        """Whether every bug was found, and nothing else."""
        return self.found == self.bugs and self.bugs >= 50 and self.alarms == 0


def control(seed: str) -> Control:
    """Let the checker look at histories with bugs, and at the same without."""
    bugs = found = good = alarms = 0
    while bugs < 50:
        history = imagined(f"{seed}/{good}")
        good += 1
        alarms += not linearizable(history)
        for kind in BUGS:
            wrong = with_bug(kind, history, Random(f"{seed}/{kind}/{good}"))  # noqa: S311 - it must repeat
            if wrong is not None:
                bugs += 1
                found += not linearizable(wrong)
    return Control(bugs, found, good, alarms)


def run(subject: Subject, plan: Plan, progress: Callable[[Raced], None]) -> Raced:
    """Race, kill and check so many times; ``progress`` hears after each history."""
    raced = Raced()
    random = Random(plan.seed)  # noqa: S311 - it must repeat
    folder = plan.folder / "store"
    options = dict(subject.offer.sandbox(folder))
    with Nursery(subject, MODULE) as nursery:
        for n in range(plan.histories):
            if n % RENEWED == 0:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            race = Race(subject, options, nursery, f"{plan.seed}/{n}")
            _check(race.lines(random), raced)
            progress(raced)
    return raced


class Race:
    """One history: clients in one process or two, of which one is killed and followed by another."""

    def __init__(self, subject: Subject, options: dict[str, object], nursery: Nursery, name: str) -> None:
        self._options = options
        self._nursery = nursery
        self._name = name
        self._shared = subject.promises(options).shared

    def lines(self, random: Random) -> list[list[str]]:
        """What each process said."""
        half = CLIENTS // 2 if self._shared else CLIENTS
        with ExitStack() as stack:
            doomed = stack.enter_context(self._child("b", half))
            living = [stack.enter_context(self._child("a", CLIENTS - half))] if self._shared else []
            for child in (doomed, *living):
                child.expect("ready")
            for child in (doomed, *living):
                child.say("go")
            told = [_acknowledged(doomed, random.randint(10, 60))]
            doomed.kill()
            told[0] += doomed.rest()
            heir = stack.enter_context(self._child("c", half))
            heir.expect("ready")
            heir.say("go")
            return told + [child.until("done") for child in (heir, *living)]

    def _child(self, name: str, clients: int) -> Child:
        task = {
            "seed": self._name,
            "keys": [f"{self._name}/{n}" for n in range(KEYS)],
            "clients": [f"{name}{n}" for n in range(clients)],
            "count": CALLS // CLIENTS,
        }
        return self._nursery.child(MODULE, self._options, task)


def _acknowledged(child: Child, count: int) -> list[str]:
    """Listen until so many calls have ended."""
    lines: list[str] = []
    while count:
        lines.append(child.line())
        count -= lines[-1].startswith("end ")
    return lines


def _check(told: list[list[str]], raced: Raced) -> None:
    calls = [call for lines in told for call in from_lines(line for line in lines if line != "done")]
    raced.count(len(calls))
    raced.unheard += sum(call.ended is None for call in calls)
    for lines in told[1:]:
        if lines[-1:] != ["done"]:
            raced.note(f"a process ended early; it last said {lines[-1:]}")
        for line in lines:
            if line.startswith("lost "):
                raced.note(f"a call failed although nothing was wrong: {line:.300}")
    for key, mine in by_key(calls).items():
        wrong = explained(mine)
        if wrong:
            raced.note(f"{key}: {wrong}")
