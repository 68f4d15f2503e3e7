"""One cycle: start the writers, let them write, crash them, open again, look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from holdall.testing.children import Child
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.game import Game
from holdall.testing.crash.heard import Heard
from holdall.testing.nursery import Nursery
from holdall.testing.opening import Subject

__all__ = ["LONGEST", "Moment", "Scene", "scene"]

LONGEST = 0.25
"""Seconds that the writers are given at most."""
WARM = 0.8
"""How often these seconds begin with the first acknowledgement, however slow the machine."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How a cycle ends."""

    random: Random
    cut: Callable[[], None] | None = None
    """Takes the power away; without it the writers are killed."""
    again: Callable[[], None] | None = None
    """Gives the power back once the writers are dead."""
    mixed: bool = False
    """Whether one writer is killed before the power goes, and the others go on meanwhile."""


@dataclass(slots=True)
class Scene:
    """A storage that is crashed again and again, and what it must hold."""

    subject: Subject
    options: Mapping[str, Any]
    game: Game
    children: list[list[str]]
    nursery: Nursery

    def crash(self, findings: Findings, end: Moment) -> bool:
        """Run one cycle and note what was broken; whether the storage could be opened at all."""
        findings.cycles += 1
        lines, moment = self._write(end)
        if end.again is not None:
            end.again()
        heard = Heard.of(self.game.writers, lines, None if end.cut is None else moment)
        findings.acked += sum(one.acknowledged for one in heard.values())
        for writer, one in heard.items():
            if one.failed:
                findings.note("failed", f"{writer}, at {one.intended}: {one.failed}")
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            try:
                runner.run(self.game.look(self.subject, self.options, heard, findings))
            except Exception as error:  # noqa: BLE001 - whatever it is, the storage does not open
                findings.note("failed", f"the storage does not open: {error!r:.500}")
                return False
        return True

    def _write(self, end: Moment) -> tuple[list[str], int]:
        lines: list[str] = []
        with ExitStack() as stack:
            running: list[Child] = []
            for writers in self.children:
                task = {"seed": self.game.seed, "cycle": self.game.cycle, "writers": writers}
                running.append(stack.enter_context(self.nursery.child(self.game.module, self.options, task)))
            begun = [child.line() for child in running]
            lines += [line for line in begun if line != "ready"]
            for child, line in zip(running, begun, strict=True):
                if line == "ready":
                    child.say("go")
            if end.random.random() < WARM and begun[0] == "ready":
                lines += _until_acknowledged(running[0])
            if end.mixed and len(running) > 1:
                time.sleep(end.random.uniform(0, LONGEST))
                running[0].kill()
            time.sleep(end.random.uniform(0, LONGEST))
            moment = time.monotonic_ns()
            if end.cut is not None:
                end.cut()
            for child in running:
                child.kill()
            for child in running:
                lines += child.rest()
        return lines, moment


def _until_acknowledged(child: Child) -> list[str]:
    lines: list[str] = []
    while not lines or lines[-1].startswith("intent"):
        lines.append(child.line())
    return lines


def scene(
    subject: Subject, options: Mapping[str, Any], nursery: Nursery, make: Callable[[list[str]], Game], children: int = 2
) -> Scene:
    """An empty storage with its writers: one per process where several may open it, else several tasks of one.

    ``make`` turns the writers' names into their game.
    """
    shared = subject.promises(options).shared and children > 1
    players = [[f"w{n}"] for n in range(children)] if shared else [["w0", "w1", "w2"]]
    return Scene(subject, options, make([name for names in players for name in names]), players, nursery)
