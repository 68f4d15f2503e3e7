"""The fault tool: what it counts, what it finds, and that it sees a storage that ignores its errors.

Covers XX-12.
"""

import json
import logging
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from holdall.testing.crash import controls
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.sessions.acts import Act, Seen
from holdall.testing.faults import command
from holdall.testing.faults.calls import Point, points_of
from holdall.testing.faults.child import digest
from holdall.testing.faults.run import Plan, Row, Tried, run
from holdall.testing.faults.states import States
from holdall.testing.opening import Subject

TRACE = """\
11 openat(AT_FDCWD</>, ""..., O_RDONLY|O_CLOEXEC) = 5</store/a>
11 openat(AT_FDCWD</>, ""..., O_WRONLY|O_CREAT, 0600) = 6</store/b>
11 write(6</store/b>, ""..., 100) = 100
12 write(6</store/b>, ""..., 100) = 100
11 write(2</dev/null>, ""..., 100) = 100
11 write(6</store/b>, ""..., 100) = 100
11 fsync(6</store/b>) = 0
11 +++ exited with 0 +++
"""


def test_points_are_numbered_as_strace_counts():
    points = points_of(TRACE.splitlines(), Path("/store"))
    assert {(point.call, point.n) for point in points} == {("openat", 2), ("write", 1), ("write", 3), ("fsync", 1)}
    assert Point("openat", 2, "EINTR") in points
    assert Point("fsync", 1, "SIGKILL").injection == "fsync:signal=SIGKILL:when=1"
    assert Point("write", 3, "EIO").injection == "write:error=EIO:when=3"


def heard(*said, must=False):
    states, findings = States(), Findings()
    states.possible["old"] = [Seen(texts=["one"])]
    states.hear(said, [Act("append", "old", 1, ("two",))], findings, must=must)
    return [[] if seen is None else seen.texts for seen in states.possible["old"]], findings


def test_what_failed_may_have_happened_and_what_was_shown_has():
    assert heard("acked 0")[0] == [["one", "two"]]
    assert heard("refused 0 StorageError()")[0] == [["one"], ["one", "two"]]
    assert heard("refused 0 StorageError()", f"sees old {digest(Seen(texts=['one']))}")[0] == [["one"]]
    assert heard("acked 0", "acked later/old")[0] == [["one", "two", "afterwards"]]


@pytest.mark.parametrize(
    "said",
    [
        "broken 0 OSError(5, 'Input/output error')",
        f"sees old {digest(None)}",
        f"sees old {digest(Seen(texts=['two']))}",
    ],
)
def test_what_breaks_the_promise_is_noted(said):
    assert heard(said)[1].broken == 1


def test_without_a_fault_nothing_may_be_refused():
    assert heard("refused 0 StorageError()", must=True)[1].broken == 1
    assert heard("refused 0 StorageError()")[1].broken == 0


@pytest.mark.crash
def test_a_storage_that_ignores_its_errors_is_found_out(tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("MISSING strace")
    tried = run(Subject("control-careless", controls.__file__), Plan("7", None, tmp_path), lambda _: None, ["append"])
    assert {call for _, call, _ in tried.rows} == {"write", "fdatasync"}
    assert tried.points == tried.there == 7
    assert tried.rows["append", "write", "EIO"] == Row(points=1, violations=1)
    assert tried.rows["append", "fdatasync", "SIGKILL"] == Row(points=1)


def test_a_control_that_gets_through_is_a_failure_of_the_tool(monkeypatch, capsys):
    monkeypatch.setattr(command, "control", lambda *_: Tried())
    monkeypatch.setattr(command, "run", lambda *_: pytest.fail("nothing is proved by going on"))
    asked = Namespace(name="control-append", plugin_file=controls.__file__, sample=1, seed="7", dir=None, json=True)
    level = logging.getLogger("holdall").level
    assert command.faults(asked) == 3
    assert logging.getLogger("holdall").level == level, "who ran the tool in this process still wants the log"
    assert json.loads(capsys.readouterr().out)["control"]["violations"] == 0
