"""The page and the end of a run show what was not run, what does not hold and what nobody tried."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.matrix import page
from tests.matrix.helping import child

ROOT = Path(__file__).resolve().parents[2]


def row(fault: str) -> str:
    (line,) = [line for line in page.faults() if line.startswith(f"| {fault} |")]
    return line


def test_what_did_not_hold_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = [each for each in page.proofs() if (each.fault, each.backend) != ("fsync EIO", "tinydb")]
    changed = {"file": {"outcome": "failed"}, "diskcache": {"outcome": "skipped", "reason": "MISSING: strace"}}
    ran = [replace(each, **changed.get(each.backend, {})) if each.fault == "fsync EIO" else each for each in ran]
    assert "**" not in row("fsync EIO")
    monkeypatch.setattr(page, "proofs", lambda: ran)
    link = "[T+D](../tests/matrix/test_fsync_eio.py)"
    cells = f"- | {link} **does not hold** | {link} not run: MISSING: strace | T+D **no test** |"
    assert row("fsync EIO") == f"| fsync EIO | {cells}"
    assert list(page.faults())[-1] == "50 cells apply, 47 of them were run and hold."


def test_what_a_machine_cannot_run_is_named_at_the_end(tmp_path: Path) -> None:
    """Without the tools of the system on its path, in a run of several processes."""
    arguments = ["-q", "-n", "1", "-p", "no:cacheprovider", "tests/matrix/test_fsync_eio.py"]
    code = "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"
    out = tmp_path / "out.json"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = child(code, *arguments, cwd=ROOT, env={**outside, "PATH": str(tmp_path), "MATRIX_OUT": str(out)})
    assert ran.returncode == 0, ran.stdout
    told = [line for line in ran.stdout.splitlines() if line.startswith("MISSING CELL")]
    assert told == [f"MISSING CELL fsync EIO, {backend}: strace" for backend in ("diskcache", "file", "tinydb")]
    assert "fault matrix: 0 cells tested, 3 missing" in ran.stdout
    assert {each["reason"] for each in json.loads(out.read_text())} == {"MISSING: strace"}
