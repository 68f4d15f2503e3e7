"""Running the command line, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from holdall.cli import main

__all__ = ["HOLDALL", "MEMORY", "Run", "command_in", "process", "write"]

HOLDALL = [sys.executable, "-m", "holdall.cli"]
MEMORY = '[storage]\nuse = "memory"\n'
Run = Callable[..., tuple[int, str, str]]


def command_in(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands in a folder; each returns its exit code, output and errors."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HOLDALL_CONFIG", raising=False)

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*HOLDALL, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )
