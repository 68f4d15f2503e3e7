"""Followers of a session to which anything happens, in two processes: told of everything once and in order.

What should be told is written down as it happens. Followers come, take some of it, are cut off in the middle, and come
again, to either process. Hypothesis prints how to repeat what it finds.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from test_branches_model import PICK, WHICH, BranchMachine

from holdall.contract import Lane
from holdall.sessions.live import reading, telling
from holdall.sessions.live.notes import Place

TYPES = {
    "switch": "switched",
    "revert": "reverted",
    "unrevert": "unreverted",
    "clear": "cleared",
    "delete_branch": "branch_deleted",
    "restore_branch": "branch_restored",
    "update_branch": "branch_updated",
    "update": "updated",
    "extend": "extended",
}
READERS = st.integers(0, 2)


class Reader:
    """One who follows, over any number of connections."""

    def __init__(self):
        self.id, self.seen, self.connection = "0", 0, None
        self.names = []


class LiveMachine(BranchMachine):
    @initialize()
    def begin(self):
        self.readers = [Reader() for _ in range(3)]
        super().begin()
        self.happened: list[tuple[str, str | None]] = []
        self.erased: set[str] = set()
        self.runs: dict[str, str] = {}

    def call(self, which, verb, /, *given, **named):
        reverted = hasattr(self, "happened") and self.model.shown is not None
        found = super().call(which, verb, *given, **named)
        if isinstance(found, type):
            return found
        if verb == "append" and not found.replayed:
            ids = [message.id for message in found.messages]
            if reverted and named.get("branch") is None and ids:
                self.happened.append(("forked", ids[0][4:-11]))
            self.happened += [("appended", each) for each in ids]
            self.happened += [("logged", run.id) for run in found.tools]
            self.runs |= {run.id: run.status for run in found.tools}
        elif verb == "fork":
            self.happened.append(("forked", found.name))
        elif verb == "edit":
            self.happened.append(("edited", found.id))
        elif verb == "finish_tool_run":
            self.happened.append(("finished", found.id))
        elif verb in TYPES:
            self.happened.append((TYPES[verb], None))
        if verb == "clear":
            self.erased |= {
                each for kind, each in self.happened if kind in ("appended", "edited", "logged", "finished")
            }
            self.runs = {}
        return found

    @rule(which=WHICH, count=st.integers(0, 2), tools=st.integers(1, 3))
    def log_runs(self, which, count, tools):
        self.log(which, count, tools)

    def log(self, which, count, tools):
        if self.model.shown is not None:
            count = 0
        messages = [{"role": "user", "content": "with tools"}] * count
        runs = [{"tool": "ls", "status": "running"}] * tools
        found = self.call(which, "append", messages, tools=runs)
        ids = [message.id for message in found.messages]
        self.model.lines[self.model.branch] += ids
        self.model.own |= dict.fromkeys(ids, self.model.branch)
        self.said |= dict.fromkeys(ids, "with tools")

    @rule(which=WHICH, pick=PICK)
    def finish(self, which, pick):
        running = [run for run, status in self.runs.items() if status == "running"]
        if running:
            run = self.chosen(pick, running)
            self.call(which, "finish_tool_run", run, status="succeeded")
            self.runs[run] = "succeeded"

    @rule(which=WHICH, ttl=st.integers(500, 600))
    def change(self, which, ttl):
        self.call(which, "update", metadata={"n": ttl})
        self.call(which, "extend", ttl=ttl)

    @rule(which=WHICH, reader=READERS, taken=st.none() | st.integers(0, 5), again=st.booleans())
    def look(self, which, reader, taken, again):
        """Read on; ``taken`` of it before the connection breaks."""
        self.read(self.readers[reader], which, taken, again=again)

    @rule(which=WHICH, reader=READERS, tools=st.integers(2, 4), taken=st.integers(0, 6))
    def log_and_look(self, which, reader, tools, taken):
        """Most of what happens at once is cut somewhere in the middle."""
        self.log(which, 2, tools)
        self.read(self.readers[reader], 1 - which, taken)

    @rule(which=WHICH, reader=READERS)
    def begin_here(self, which, reader):
        """Follow from now on."""
        one = self.readers[reader]
        self.leave(one)
        one.connection = self.run(self.stores[which].follower(self.id))
        (ready,) = self.run(one.connection.some(0))
        assert ready.type == "ready"
        one.id, one.seen = ready.id, len(self.happened)

    def read(self, reader, which, taken, *, again=True):
        if reader.connection is None or again:
            self.leave(reader)
            reader.connection = self.run(self.stores[which].follower(self.id, reader.id))
        changes = self.run(reader.connection.some(0))
        if taken is not None and taken < len(changes):
            changes = changes[:taken]
            self.leave(reader)
        for change in changes:
            self.is_next(reader, change)
            reader.id = change.id
        return changes

    def leave(self, reader):
        if reader.connection is not None:
            reader.connection.close()
            reader.connection = None

    def is_next(self, reader, change):
        about = change.message or change.run
        told = (change.type, about["id"] if about else change.fields.get("branch"))
        while reader.seen < len(self.happened):
            wanted = self.happened[reader.seen]
            reader.seen += 1
            if wanted == told or (wanted[1] is None and wanted[0] == told[0]):
                if change.message and change.message.id in self.said:
                    assert change.message["content"] == self.said[change.message.id]
                return
            assert wanted[1] in self.erased, f"{wanted} was not told; then came {told}"
        raise AssertionError(f"{told} did not happen, or was told before")

    def teardown(self):
        try:
            for number, reader in enumerate(self.readers):
                while self.read(reader, number % 2, None):
                    pass
                left = self.happened[reader.seen :]
                assert all(each in self.erased for _, each in left), f"{left} were not told"
        finally:
            for reader in self.readers:
                self.leave(reader)
            self.run(asyncio.sleep(0))
            super().teardown()


@pytest.mark.covers("LC-15")
def test_everything_is_told_once_and_in_order():
    run_state_machine_as_test(
        LiveMachine, settings=settings(report_multiple_bugs=False, max_examples=60, stateful_step_count=40)
    )


@pytest.mark.covers("LC-15")
@pytest.mark.parametrize("backend", ["file", "diskcache", "tinydb"])
def test_everything_is_told_once_and_in_order_from_disk(backend):
    machine = type("OnDisk", (LiveMachine,), {"backend": backend})
    some = settings(max_examples=3, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=some)


def _stop_before(_step, head, branch):
    """Where the branch ended before the step: what came with it is told twice, or behind its own note."""
    return head.lanes.get(f"messages/{branch}", Lane()).stop


class _Partless(Place):
    """Places that forget where in a note they are."""

    def __str__(self):
        return f"{self.notes}-{self.messages}"


def _forgetful(self, reader, leave=LiveMachine.leave):
    """A client that loses its place with its connection."""
    leave(self, reader)
    reader.id = "0"


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        (telling, "_stop", _stop_before),
        (reading, "Place", _Partless),
        (reading, "_lost", lambda *_: "always"),
        (LiveMachine, "leave", _forgetful),
    ],
    ids=["where-a-note-stands", "where-in-a-note", "resets", "a-forgetful-client"],
)
def test_what_is_wrong_is_found(monkeypatch, where, name, wrong):
    """The negative control: with any of these the model must not agree."""
    monkeypatch.setattr(where, name, wrong)
    quick = settings(max_examples=60, stateful_step_count=40, phases=[Phase.generate], derandomize=True)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(LiveMachine, settings=quick)
