"""Where one point after the other is tried: a store like the one before, a process whose call fails, a look."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from holdall.errors import HoldallError
from holdall.testing.children import Child
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.sessions.verdict import Verdict
from holdall.testing.faults.calls import Point, Tracer, points_of
from holdall.testing.faults.operations import BEFORE, OPERATIONS, OWNER, WARM, Operation
from holdall.testing.faults.states import States
from holdall.testing.nursery import Nursery
from holdall.testing.opening import Subject
from holdall.testing.stores import store_of

__all__ = ["Stage"]

CHILD = "holdall.testing.faults.child"
GONE = "gone"
"""Said of a process that did not come to its end."""
PATIENCE = 20.0
"""Seconds that an operation may take whose call fails; more is a hang."""


class Stage:
    """A folder in which every point finds the same store."""

    def __init__(self, subject: Subject, folder: Path, *, env: Mapping[str, str] | None = None) -> None:
        self._subject = subject
        self._folder = folder
        self._store = folder / "store"
        self._options = dict(subject.offer.sandbox(self._store))
        self._nursery = Nursery(subject, CHILD, env=env)
        self._built: dict[str, States] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._nursery.close()

    def points(self, name: str, findings: Findings) -> list[Point]:
        """The points of an operation, from a run in which nothing fails; it is looked at like the others."""
        lines = self._play(name, None, findings, closes=True)
        return points_of(lines, self._store)

    def try_point(self, name: str, point: Point, findings: Findings) -> bool:
        """Carry out an operation with one call failing; whether the fault was met."""
        lines = self._play(name, point, findings, closes=point.n % 2 == 0)
        return any("(INJECTED)" in line or line == GONE for line in lines)

    def _play(self, name: str, point: Point | None, findings: Findings, *, closes: bool) -> list[str]:
        findings.cycles += 1
        operation = OPERATIONS[name]
        states = self._set_up(operation.scenery)
        titles = {act.title for act in operation.acts if act.verb != "sweep"} | {WARM.title}
        task = {"when": operation.when, "together": operation.together, "looks": sorted(titles), "closes": closes}
        child, pid = self._child(name, task)
        with child:
            child.expect("ready")
            if operation.when == "open":
                states.acked(WARM)
            tracer = Tracer(pid, self._folder / "strace.log", point)
            child.say("go")
            said: list[str] = []
            try:
                said = child.until("done", PATIENCE)
            finally:
                calls = tracer.stop(gone=said[-1:] != ["done"])
            if operation.when != "closing" and said[-1:] == ["done"] and not any(" store" in one for one in said):
                child.say("on")
                said += child.until("done", PATIENCE)
            child.kill()
            child.rest()
        states.hear(said, operation.acts, findings, must=point is None or point.fault == "EINTR")
        findings.acked += sum(line.startswith("acked") for line in said)
        asyncio.run(self._look(states, operation, said, findings))
        return calls if "done" in said else [*calls, GONE]

    def _set_up(self, scenery: str) -> States:
        template = self._folder / scenery.replace(" ", "-")
        if scenery not in self._built:
            self._built[scenery] = self._build(scenery)
            shutil.rmtree(template, ignore_errors=True)
            self._store.rename(template)
        shutil.rmtree(self._store, ignore_errors=True)
        shutil.copytree(template, self._store)
        return self._built[scenery].copy()

    def _build(self, scenery: str) -> States:
        """Make a store what it is before the operation, by processes that nothing happens to."""
        states = States()
        shutil.rmtree(self._store, ignore_errors=True)
        self._store.mkdir(parents=True)
        past = BEFORE[scenery].past
        for n, (ahead, acts) in enumerate(past):
            clean = BEFORE[scenery].clean or n < len(past) - 1
            task = {"when": "open", "together": False, "looks": (), "closes": clean}
            child, _ = self._child(f"{scenery}/{n}", {**task, "ahead": ahead})
            with child:
                child.expect("ready")
                child.say("go")
                said = child.until("done", PATIENCE)
                child.say("on")
                said += child.until("done", PATIENCE)
            wrong = [line for line in said if not line.startswith(("acked", "done"))]
            if wrong:
                raise HoldallError(f"the storage fails without any fault: {wrong[0]}")
            for act in acts:
                states.acked(act)
            if ahead:
                states.forget_brief()
        return states

    def _child(self, operation: str, task: Mapping[str, Any]) -> tuple[Child, int]:
        forked = self._nursery.fork(CHILD, self._options, {"operation": operation, "ahead": 0, **task})
        return Child(forked), forked.pid

    async def _look(self, states: States, operation: Operation, said: Sequence[str], findings: Findings) -> None:
        """Open the store again, by its own recovery, and hold it against what may be."""
        try:
            async with store_of(self._subject, self._options) as store:
                verdict = Verdict(store, findings)
                verdict.swept = any(act.verb == "sweep" for act in operation.acts) and "acked 0" in said
                await verdict.examine(OWNER, states.possible, None)
                await verdict.finish([])
        except Exception as error:  # noqa: BLE001 - whatever it is, the storage does not open
            findings.note("failed", f"the storage does not open: {error!r:.500}")
