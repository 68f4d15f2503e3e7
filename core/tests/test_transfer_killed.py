"""An import and a copy that are killed with SIGKILL, again and again, end as if they had never been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdall.cli import main

pytestmark = [pytest.mark.covers("CV-16", "LC-10", "ST-14"), pytest.mark.crash]
HOLDALL = [sys.executable, "-m", "holdall.cli"]
THOROUGH = [pytest.param(name, marks=pytest.mark.thorough) for name in ("diskcache", "tinydb")]


@pytest.fixture(params=["file", *THOROUGH])
def kind(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(f"holdall_{request.param}")
    return request.param


def config(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.toml"
    where = (folder / f"data-{kind}").as_posix()
    path.write_text(f'[storage]\nuse = "{kind}"\n[storage.options]\npath = "{where}"\n[server]\nanonymous = "ana"\n')
    return path


def transcript(path: Path, count: int) -> list[str]:
    """Records of about a kilobyte, every other pair a tool call and its result."""
    texts: list[str] = []
    for number in range(count):
        part: dict[str, Any] = {"type": "text", "text": f"{number} " * 150}
        if number % 4 == 1:
            part = {"type": "tool_use", "id": f"c{number}", "name": "Bash", "input": {"command": "x" * 900}}
        if number % 4 == 3:
            part = {"type": "tool_result", "tool_use_id": f"c{number - 2}", "content": "y" * 900}
        role = "assistant" if number % 4 == 1 else "user"
        message = {"role": role, "content": [part]}
        stamp = "2026-03-01T10:00:00Z"
        texts.append(
            json.dumps({"type": role, "sessionId": "s", "uuid": number, "timestamp": stamp, "message": message})
        )
    path.write_text("\n".join(texts) + "\n")
    return texts


def killed(arguments: list[str], after: float) -> bool:
    """Run a command and kill it ``after`` seconds; whether it had ended before."""
    with subprocess.Popen([*HOLDALL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            _, err = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return False
        assert process.returncode == 0, err.decode()
        return True


def kill_repeatedly(arguments: list[str], times: int) -> None:
    """Kill a command ``times`` times, later and later, unless it ends before."""
    delay, dead = 0.4, 0
    while dead < times and not killed(arguments, delay * (0.8 + random.random() * 0.4)):
        dead += 1
        delay += 0.15


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_a_killed_import_is_run_again_to_the_same_end(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = config(tmp_path, kind)
    texts = transcript(tmp_path / "t.jsonl", 2600)
    arguments = ["import", "--config", str(settings), str(tmp_path / "t.jsonl")]
    kill_repeatedly(arguments, 5)
    code, out = run(capsys, *arguments, "--json")
    assert code == 0
    (done,) = json.loads(out)["sessions"]
    assert done["records"] == 2600
    code, out = run(capsys, "export", "--config", settings, done["session"], "--format", "json")
    found = json.loads(out)
    assert found["originals"] == texts
    assert [message["original"] for message in found["messages"]] == list(range(2600))
    assert [run["call"] for run in found["tools"]] == [f"c{number}" for number in range(1, 2600, 4)]
    assert {run["status"] for run in found["tools"]} == {"succeeded"}
    code, out = run(capsys, "verify", "--config", settings)
    assert (code, out.rsplit("; ", 1)[1]) == (0, "0 problems\n")


def test_a_killed_copy_is_run_again_to_the_same_end(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = config(tmp_path, kind)
    (tmp_path / "to").mkdir()
    target = config(tmp_path / "to", kind)
    transcript(tmp_path / "t.jsonl", 400)
    for _ in range(8):
        assert run(capsys, "import", "--new", "--config", source, tmp_path / "t.jsonl")[0] == 0
    kill_repeatedly(["copy", str(source), str(target)], 4)
    code, out = run(capsys, "copy", source, target, "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    assert json.loads(out)["copied"] + json.loads(out)["present"] >= 8
    listed = [run(capsys, "list", "--json", "--config", path)[1] for path in (source, target)]
    assert listed[0] == listed[1]
    for line in listed[0].splitlines():
        session = json.loads(line)["id"]
        exports = [run(capsys, "export", session, "--config", path)[1] for path in (source, target)]
        assert exports[0] == exports[1]
    assert run(capsys, "verify", "--config", target)[0] == 0
