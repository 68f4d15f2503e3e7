"""One cycle: start the writers, let them write, crash them, open again, look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any

from holdall.testing.children import Child
from holdall.testing.crash.ledger import Heard, Ledger
from holdall.testing.crash.verdict import Findings, examine
from holdall.testing.opening import Subject, open_storage

__all__ = ["LONGEST", "Scene", "scene"]

LONGEST = 0.25
"""Seconds that the writers are given at most."""


@dataclass(slots=True)
class Scene:
    """A storage that is crashed again and again, and what it must hold."""

    subject: Subject
    options: Mapping[str, Any]
    ledger: Ledger
    children: list[list[str]]
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def crash(
        self, findings: Findings, random: Random, cut: Callable[[], None] | None, again: Callable[[], None]
    ) -> bool:
        """Run one cycle and note what was broken; whether the storage could be opened at all.

        ``cut`` takes the power away, ``again`` gives it back once the writers are dead.
        """
        findings.cycles += 1
        lines, moment = self._write(random, cut)
        again()
        heard = Heard.of(self.ledger.writers, lines, None if cut is None else moment)
        findings.acked += sum(one.acknowledged for one in heard.values())
        for writer, one in heard.items():
            if one.failed:
                findings.note("failed", f"{writer}, at {one.intended}: {one.failed}")
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            try:
                runner.run(self._look(heard, findings))
            except Exception as error:  # noqa: BLE001 - whatever it is, the storage does not open
                findings.note("failed", f"the storage does not open: {error!r:.500}")
                return False
        return True

    def _write(self, random: Random, cut: Callable[[], None] | None) -> tuple[list[str], int]:
        lines: list[str] = []
        with ExitStack() as stack:
            running: list[Child] = []
            for writers in self.children:
                task = {"seed": self.ledger.seed, "cycle": self.ledger.cycle, "writers": writers}
                child = Child("holdall.testing.crash.writer", self.subject, self.options, task, **self.env)
                running.append(stack.enter_context(child))
            for child in running:
                child.expect("ready")
            for child in running:
                child.say("go")
            time.sleep(random.uniform(0, LONGEST))
            moment = time.monotonic_ns()
            if cut is not None:
                cut()
            for child in running:
                child.kill()
            for child in running:
                lines += child.rest()
        return lines, moment

    async def _look(self, heard: dict[str, Heard], findings: Findings) -> None:
        opened = await open_storage(self.subject, self.options)
        try:
            permitted = self.ledger.permitted(heard)
            found, common = await examine(opened.storage, permitted, self.ledger.common, findings)
        finally:
            await opened.storage.close()
        self.ledger.settle(found, common)


def scene(subject: Subject, options: Mapping[str, Any], seed: str, cycle: int, children: int, **env: str) -> Scene:
    """An empty storage with its writers: one per process where several may open it, else several tasks of one."""
    shared = subject.promises(options).shared and children > 1
    players = [[f"w{n}"] for n in range(children)] if shared else [["w0", "w1", "w2"]]
    return Scene(subject, options, Ledger(seed, [name for names in players for name in names], cycle), players, env)
