"""``holdall plugins``: every plugin is listed and described, and a broken one stops nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.commands import Run, command_in, process, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; its exit code, output and errors."""
    return command_in(tmp_path, capsys, monkeypatch)


def test_every_option_of_every_plugin_is_said_in_a_line(run: Run) -> None:
    for row in json.loads(run("plugins", "--json")[1]):
        for offer in json.loads(run("plugins", row["name"], "--json")[1]):
            for option, told in offer["options"].items():
                assert told["about"], f"{offer['kind']} {offer['name']!r}: {option}"


@pytest.mark.covers("PL-06")
def test_plugins_are_listed_and_described(run: Run) -> None:
    rows = json.loads(run("plugins", "--json")[1])
    assert "memory" in [row["name"] for row in rows]
    code, out, _ = run("plugins")
    assert (code, out.split()[:4]) == (0, ["NAME", "VERSION", "PACKAGE", "SUMMARY"])
    code, out, _ = run("plugins", "memory")
    assert (code, "abilities  durability none, shared no" in out) == (0, True)
    (offer,) = json.loads(run("plugins", "memory", "--json")[1])
    assert (offer["kind"], offer["contract"]) == ("storage", 1)
    assert json.loads(run("plugins", "memory", "--schema")[1])["additionalProperties"] is False


@pytest.mark.covers("PL-06")
def test_a_checked_plugin_tells_what_it_is(run: Run) -> None:
    code, out, _ = run("plugins", "memory", "--check")
    first, second = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"memory \d+\.\d+\.\d+: ok", first)
    assert second == "  storage, contract 1, durability none, shared no; options: none"
    (told,) = json.loads(run("plugins", "memory", "--check", "--json")[1])
    (offer,) = told["offers"]
    assert (told["error"], told["hooks"]) == (None, ["holdall_storages"])
    assert (offer["contract"], offer["abilities"]) == (1, {"durability": "none", "shared": "no"})
    assert offer["schema"]["additionalProperties"] is False


BROKEN = """
import sys
from pathlib import Path
import importlib.metadata

real = importlib.metadata.entry_points
few = ("memory", "file", "zlib")  # each is loaded in a process of its own
def entry_points(**asked):
    bad = [importlib.metadata.EntryPoint(name, value, "holdall") for name, value in
           (("broken", "holdall_no_such_module"), ("empty", "json"))]
    found = [one for one in real(**asked) if asked != {"group": "holdall"} or one.name in few]
    return importlib.metadata.EntryPoints([*found, *bad]) if asked == {"group": "holdall"} else real(**asked)
importlib.metadata.entry_points = entry_points
"""


@pytest.mark.covers("PL-05", "PL-06")
def test_a_broken_plugin_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    write(tmp_path / "sitecustomize.py", BROKEN)
    done = process("plugins", "--check", PYTHONPATH=str(tmp_path))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line for line in lines if re.fullmatch(r"memory .*: ok", line)]
    assert [lines[at + 1] for at, line in enumerate(lines) if line == "empty: ok"] == ["  implements no hook"]
    (broken,) = [line for line in lines if line.startswith("broken: ")]
    assert "cannot be imported" in broken
    listed = process("plugins", PYTHONPATH=str(tmp_path))
    assert (listed.returncode, "broken" in listed.stdout) == (0, True)
    described = process("plugins", "empty", PYTHONPATH=str(tmp_path))
    assert (described.returncode, "offers nothing" in described.stderr) == (2, True)
