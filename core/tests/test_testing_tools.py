"""The kit's own tools: the clock, the run without code, and the crash tool's controls and refusals.

Covers XX-12.
"""

import json
import subprocess
import sys

import pytest

from holdall.testing import ManualClock
from holdall.testing.crash import controls
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
        "import sys; from pathlib import Path; from holdall.testing import run; "
        f"sys.exit(run('control-append', plugin_file=Path({controls.__file__!r}), report=Path({str(report)!r}), "
        "pytest_args=['-q', '-k', 'spans or reopened or killed or opener']))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["abilities"] == {
        "claimed": {"durability": "power", "shared": False},
        "verified": {"durability": "process", "shared": False},
    }
    assert told["counts"]["failed"] == 0
    command = f"python -m holdall.testing.crash --plugin control-append --plugin-file {controls.__file__} --mode cut"
    assert f"power: verified only by the crash tool ({command})" in told["notes"]


@pytest.mark.crash
def test_killed_controls():
    done = crash(
        "--plugin",
        "control-append",
        "--plugin-file",
        controls.__file__,
        "--cycles",
        "3",
        "--seed",
        "7",
        "--controls",
        "--json",
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [(one["must_lose"], one["right"]) for one in told["controls"]] == [(False, True), (True, True)]
    assert told["counts"]["acked"] > 0


@pytest.mark.crash
def test_cut_controls():
    done = crash(
        "--plugin",
        "control-append",
        "--plugin-file",
        controls.__file__,
        "--mode",
        "cut",
        "--cycles",
        "3",
        "--seed",
        "7",
        "--controls",
        "--json",
    )
    if done.returncode == 4:
        assert "MISSING" in done.stderr
        pytest.skip(done.stderr.strip())
    told = json.loads(done.stdout)
    assert [(one["must_lose"], one["right"]) for one in told["controls"]] == [(False, True), (True, True)]
    assert done.returncode == 0, done.stderr


@pytest.mark.crash
def test_a_liar_breaks_promises(tmp_path):
    done = crash(
        "--plugin",
        "control-buffered",
        "--plugin-file",
        controls.__file__,
        "--cycles",
        "4",
        "--seed",
        "7",
        "--dir",
        str(tmp_path),
    )
    assert done.returncode == 1
    assert "lost" in done.stdout


def test_no_promise_no_crash():
    done = crash("--plugin", "memory")
    assert done.returncode == 2
    assert "durability none" in done.stderr
