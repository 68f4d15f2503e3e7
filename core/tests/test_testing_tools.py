"""The kit's own tools: the clock, the run without code, and the crash tool's controls and refusals.

Covers XX-12.
"""

import json
import subprocess
import sys
from argparse import Namespace

import pytest

from holdall.cli import main
from holdall.testing import ManualClock
from holdall.testing.crash import command as crashing
from holdall.testing.crash import controls
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.run import Row
from holdall.testing.steps import Step


def python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=110)


def crash(*words):
    return python("-m", "holdall.testing.crash", *words)


def test_clock_moves_only_when_told():
    clock = ManualClock(5)
    assert (clock.now(), clock.now()) == (5, 5)
    clock.advance(1.5)
    clock.advance(-0.5)
    assert clock.now() == 1_000_005


def test_core_starts_without_the_kit():
    code = "import holdall, sys; assert not {'pytest', 'hypothesis', 'holdall.testing'} & set(sys.modules)"
    assert python("-c", code).returncode == 0


def test_steps_begin_where_the_lane_begins():
    commit = Step("p").start("a", 7, b"x").append("a", b"y").build()
    assert set(commit.write) == {("a", 7), ("a", 8)}
    assert commit.lanes["a"] is not None
    assert (commit.lanes["a"].first, commit.lanes["a"].stop) == (7, 9)


def test_run_without_code_reports(tmp_path):
    report = tmp_path / "report.json"
    code = (
        "import os, sys; os.environ['HOLDALL_TEST_EXAMPLES'] = '2'; "
        "from pathlib import Path; from holdall.testing import run; "
        f"sys.exit(run('control-append', plugin_file=Path({controls.__file__!r}), report=Path({str(report)!r}), "
        "pytest_args=['-q', '-k', 'spans or reopened or killed or opener or any_steps']))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["abilities"] == {
        "claimed": {"durability": "power", "shared": False},
        "verified": {"durability": "process", "shared": False},
    }
    assert told["counts"]["failed"] == 0
    steps = next(int(note.split()[0]) for note in told["notes"] if "random steps" in note)
    assert steps >= 2 * 50
    command = f"holdall plugin test control-append --plugin-file {controls.__file__} --crash cut"
    assert f"power: verified only by the crash tool ({command})" in told["notes"]


CONTROL = ("--plugin", "control-append", "--plugin-file", controls.__file__, "--cycles", "2", "--seed", "7")


@pytest.mark.crash
@pytest.mark.thorough  # so do those of the release form, which every change must pass, too
@pytest.mark.parametrize("mode", ["kill", "cut", "mix"])
def test_controls_run_in_every_run(mode):
    done = crash(*CONTROL, "--mode", mode, "--json")
    if done.returncode == 4:
        assert "MISSING" in done.stderr
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["mode"], told["seed"]) == (mode, "7")
    rows = [(row["control"], row["must_lose"], row["writers"], row["right"]) for row in told["rows"]]
    games = ("commits", "sessions")
    assert rows == [
        *((True, False, game, True) for game in games),
        *((True, True, game, True) for game in games),
        *((False, None, game, True) for game in games),
    ]
    assert all(row["counts"]["lost"] > 0 for row in told["rows"] if row["must_lose"])
    assert all(row["counts"]["acked"] > 0 for row in told["rows"])


@pytest.mark.crash
def test_a_liar_breaks_promises(tmp_path):
    several = (
        "--plugin-file",
        controls.__file__,
        "--cycles",
        "8",
        "--seed",
        "7",
    )  # in one it may have just written all
    done = crash("--plugin", "control-buffered", *several, "--dir", str(tmp_path))
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "repeat with --seed 7" in done.stderr


@pytest.mark.crash
def test_a_control_that_keeps_everything_is_a_failure_of_the_tool(monkeypatch, capsys):
    monkeypatch.setattr(crashing, "run", lambda *_: pytest.fail("nothing is proved by going on"))
    asked = Namespace(name="control-append", plugin_file=controls.__file__, crash="kill", cycles=2)
    monkeypatch.setattr(crashing, "run_controls", lambda *_: [Row("control", "commits", Findings(acked=1), True)])
    assert crashing.crash(Namespace(**vars(asked), seed="7", writers=1, dir=None, json=False)) == 3
    assert "WRONG" in capsys.readouterr().out


def test_the_command_line_reaches_the_tool(capsys):
    assert main(["plugin", "test", "memory", "--crash", "kill"]) == 2
    assert "durability none" in capsys.readouterr().err


def test_no_promise_no_crash():
    done = crash("--plugin", "memory")
    assert done.returncode == 2
    assert "durability none" in done.stderr
