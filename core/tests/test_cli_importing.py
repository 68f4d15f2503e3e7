"""Imports that can't come to their end: what is said of it, with a line, and that they go on when they are asked again."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from holdall.errors import Invalid
from holdall.formats.reading import transcripts

pytestmark = pytest.mark.covers("CV-16", "LC-10")
HOLDALL = [sys.executable, "-m", "holdall.cli", "--config"]
LIMIT = 9 << 20
"""Bytes that a file can have: more than the write-ahead log, less than what is imported."""


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def test_an_import_that_finds_no_room_says_where_and_goes_on_when_there_is_some(tmp_path: Path) -> None:
    config, file = tmp_path / "holdall.toml", tmp_path / "t.jsonl"
    config.write_text(
        f'[server]\nanonymous = "ana"\n[storage]\nuse = "file"\n[storage.options]\npath = "{tmp_path}/s"\n'
    )
    lines = [json.dumps({"role": "user", "content": f"{number} {'x' * 60_000}"}) for number in range(200)]
    file.write_text("\n".join(lines) + "\n")
    asked = [*HOLDALL, str(config), "import", str(file)]
    stopped = subprocess.run(asked, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert stopped.returncode == 3, stopped.stderr
    first, second = [line for line in stopped.stderr.splitlines() if "lines, at" not in line]
    name, line, why = first.removeprefix("holdall: ").split(":", 2)
    assert (name, why) == (str(file), " it stopped about here; import it again, and it goes on with what is missing")
    assert 50 < int(line) < 100, "each line is there as a message and as it was"
    assert second == "holdall: the file store failed: File too large"
    again = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    shown = subprocess.run([*HOLDALL, str(config), "list", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["counts"] == {"messages": 200, "tools": 0, "originals": 200}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 100, "is not JSON: Expecting value at column 1"),
        ('{"a":' * 100_000, "is not JSON: it is nested too deeply"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(f"{text}\n")
    with pytest.raises(Invalid, match=rf"cannot be told from its content \(line 1 {why}\); name it"):
        list(transcripts(file))


def test_an_import_that_reaches_no_server_says_only_that(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(json.dumps({"role": "user", "content": "hello"}) + "\n")
    command = [sys.executable, "-m", "holdall.cli", "import", str(file), "--server", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("holdall: http://127.0.0.1:1 cannot be reached")
