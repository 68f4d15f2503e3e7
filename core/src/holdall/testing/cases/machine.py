"""Random steps, compared with the model after each: what nobody thought of."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from holdall.contract import Head, Scan, Span
from holdall.errors import Conflict, StorageError
from holdall.testing.bench import DEADLINE, Bench
from holdall.testing.case import Cases
from holdall.testing.steps import BORN, Step

__all__ = ["MachineCases"]

EXAMPLES = int(os.environ.get("HOLDALL_TEST_EXAMPLES", "50"))
STEPS = int(os.environ.get("HOLDALL_TEST_STEPS", "50"))
FEW = 8
"""Short examples come first: what they find is made shorter still, which for long ones takes minutes."""
LONG = (Phase.generate,)
SHORT = (Phase.generate, Phase.shrink)
SEED = os.environ.get("HOLDALL_TEST_SEED", "")

PARTITIONS = st.sampled_from(["a", "A", "b/..", "d\0e", "\U0001f600"])
LANES = st.sampled_from(["session", "messages/main", "messages"])
MARKS = st.sampled_from(["recent", "owner", "m\0"])
SCORES = st.one_of(st.integers(-3, 12), st.integers(-(2**53) + 1, 2**53 - 1))
RECORDS = st.one_of(
    st.sampled_from([b"", b"\0", b"a\0", b"\n", b"{}", b"\xff"]),
    st.binary(max_size=40),
    st.builds(bytes.__mul__, st.binary(min_size=1, max_size=2), st.integers(0, 20_000)),
)
POSITIONS = st.one_of(st.integers(-8, 12), st.integers(-100, 100))
SPANS = st.lists(st.builds(Span, LANES, POSITIONS, st.one_of(st.none(), st.integers(0, 30))), max_size=3)
CHANGES = ("append", "rewrite", "trim", "cut", "remove")


def changed(step: Step, head: Head | None, lane: str, data: st.DataObject) -> Step:
    """Let ``step`` change one lane, in a way that is legal for that lane."""
    run = None if head is None else head.lanes.get(lane)
    change = data.draw(st.sampled_from(CHANGES)) if run is not None else "append"
    if run is None or change == "append":
        return step.append(lane, *data.draw(st.lists(RECORDS, max_size=12)))
    if change == "remove":
        return step.remove(lane)
    if change == "trim":
        return step.trim(lane, data.draw(st.integers(run.first, run.stop)))
    if change == "cut":
        return step.cut(lane, data.draw(st.integers(run.first, run.stop)))
    if change == "rewrite" and len(run):
        return step.rewrite(lane, data.draw(st.integers(run.first, run.stop - 1)), data.draw(RECORDS))
    return step


class Machine(RuleBasedStateMachine):
    """Does the same to a storage and to the model. Each example has names of its own, so that one storage serves all."""

    bench: Bench
    wait: Callable[[Coroutine[Any, Any, Any]], Any]
    examples: Iterator[int]
    steps: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self._salt = f"{next(self.examples):06}-"
        self._born = itertools.count(BORN, 1_000_000)
        self._old: list[Head] = []

    @invariant()
    def counted(self) -> None:
        """A step went well; the report says how many."""
        next(self.steps)

    @rule(data=st.data(), name=PARTITIONS, marks=st.dictionaries(MARKS, st.one_of(st.none(), SCORES), max_size=3))
    def commit(self, data: st.DataObject, name: str, marks: dict[str, int | None]) -> None:
        """Create the partition, or change it."""
        head = self.bench.model.heads.get(self._salt + name)
        step = Step(self._salt + name, version=next(self._born)) if head is None else Step(head)
        for lane in data.draw(st.lists(LANES, unique=True)):
            changed(step, head, lane, data)
        for mark, score in marks.items():
            step.mark(self._salt + mark, score)
        self.wait(self.bench.put(step.expires(data.draw(st.one_of(st.none(), st.integers(0, 2**45))))))
        if head is not None:
            self._old.append(head)
        self.wait(self.bench.agrees(step.partition))

    @rule(data=st.data(), record=RECORDS, mark=MARKS)
    def stale(self, data: st.DataObject, record: bytes, mark: str) -> None:
        """Commit, or drop, what somebody else has moved."""
        if not self._old:
            return
        head = data.draw(st.sampled_from(self._old))
        step = Step(head).append("session", record).mark(self._salt + mark, data.draw(SCORES))
        with pytest.raises(Conflict):
            self.wait(self.bench.store.commit(step.build()))
        with pytest.raises(Conflict):
            self.wait(self.bench.store.drop(head.partition, expect=head.version))
        self.wait(self.bench.agrees(head.partition))

    @rule(name=PARTITIONS)
    def drop(self, name: str) -> None:
        """Drop the partition, if it is there."""
        head = self.bench.model.heads.get(self._salt + name)
        if head is not None:
            self.wait(self.bench.drop(head.partition))
            self._old.append(head)
        self.wait(self.bench.agrees(self._salt + name))

    @rule(name=PARTITIONS, spans=SPANS)
    def load(self, name: str, spans: list[Span]) -> None:
        """Read some spans."""
        self.wait(self.bench.reads(self._salt + name, *spans))

    @rule(
        mark=MARKS,
        after=st.one_of(st.none(), st.tuples(SCORES, PARTITIONS)),
        limit=st.integers(1, 8),
        descending=st.booleans(),
        spans=SPANS,
    )
    def walk(self, mark: str, after: tuple[int, str] | None, limit: int, descending: bool, spans: list[Span]) -> None:
        """Walk a page of a mark."""
        place = None if after is None else (after[0], self._salt + after[1])
        self.wait(self.bench.scans(Scan(self._salt + mark, place, limit, descending, spans)))

    @rule(name=PARTITIONS, limit=st.integers(1, 8), descending=st.booleans())
    def walk_by_name(self, name: str, limit: int, descending: bool) -> None:
        """Walk a page by name."""
        self.wait(self.bench.scans(Scan(None, (0, self._salt + name), limit, descending)))

    @rule()
    def reopen(self) -> None:
        """Close and open, where that changes nothing."""
        if self.bench.durable:
            self.wait(self.bench.reopen())

    @rule()
    def look(self) -> None:
        """Look at everything."""
        self.wait(self.bench.agrees(*self._mine()))

    def teardown(self) -> None:
        """Clear the table for the next example, as far as a storage that failed lets us: of what is really there."""
        for name in {*self._mine(), *(head.partition for head in self._old)}:
            with suppress(Conflict, StorageError):
                if (found := self.wait(self.bench.store.load(name))) is not None:
                    self.wait(self.bench.store.drop(name, expect=found.head.version))
            if name in self.bench.model.heads:
                self.bench.model.drop(name, expect=self.bench.model.heads[name].version)

    def _mine(self) -> list[str]:
        return [name for name in self.bench.model.heads if name.startswith(self._salt)]


@contextmanager
def at_table(bench: Bench) -> Generator[type[Machine]]:
    """A machine for an open storage; one event loop serves all its steps."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:

        def wait(work: Coroutine[Any, Any, Any]) -> Any:
            return runner.run(asyncio.wait_for(work, DEADLINE))

        wait(bench.open())
        try:
            counts = {"examples": itertools.count(), "steps": itertools.count()}
            yield type("Steps", (Machine,), {"bench": bench, "wait": staticmethod(wait), **counts})
        finally:
            wait(bench.close())


class MachineCases(Cases):
    """A storage against the model."""

    def test_any_steps(self, bench: Bench, record_property: Callable[[str, object], None]) -> None:
        """After any steps the storage answers as the contract says; ``HOLDALL_TEST_SEED`` tries others, repeatably."""
        with at_table(bench) as machine:
            for steps, phases in ((FEW, SHORT), (STEPS, LONG)):
                chosen = settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=steps,
                    phases=phases,
                    deadline=None,
                    database=None,
                    derandomize=not SEED,
                    print_blob=False,
                    report_multiple_bugs=False,
                    suppress_health_check=(
                        HealthCheck.too_slow,
                        HealthCheck.data_too_large,
                        HealthCheck.filter_too_much,
                    ),
                )
                run_state_machine_as_test(seed(SEED)(machine) if SEED else machine, settings=chosen)
            record_property("steps", next(machine.steps) - next(machine.examples))
