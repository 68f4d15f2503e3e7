"""Running one check: its verdict by the exit code, its numbers from its last line."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.release import telling
from tests.release.checks import Check

ROOT = Path(__file__).resolve().parents[2]
MISSING = 4
"""The exit code by which every check says that this machine cannot run it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one check."""

    name: str
    backend: str
    promise: str
    status: str
    """``held``, ``BROKEN`` or ``missing``."""
    seconds: float
    command: str
    numbers: dict[str, Any] = field(default_factory=dict[str, Any])
    told: str = ""
    """The end of what it printed, when it did not hold."""

    def as_dict(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


def run(check: Check, *, short: bool) -> Outcome:
    """Run a check to its end."""
    argv = check.short if short else check.long
    command = " ".join(["python", *argv[1:]])
    began = time.monotonic()
    try:
        env = {**os.environ, **check.env}
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=check.timeout)
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, out, err = -1, "", f"took longer than {check.timeout:.0f} s"
    seconds = round(time.monotonic() - began, 1)
    numbers, told = _numbers(check, out), "" if code == 0 else _end(out, err)
    status = "held" if code == 0 else "missing" if code == MISSING else "BROKEN"
    if code == 0 and not numbers:
        status, told = "BROKEN", "it printed no numbers, so nobody knows what it did"
    return Outcome(check.name, check.backend, check.promise, status, seconds, command, numbers, told)


def _numbers(check: Check, out: str) -> dict[str, Any]:
    try:
        return check.numbers(out)
    except (ValueError, KeyError, TypeError, IndexError):  # it did not come to its end
        return {}


def _end(out: str, err: str) -> str:
    """What a tool says of what it found; else the last lines, of both streams, that people can read."""
    found = telling.details(out) or [line for stream in (out, err) for line in stream.strip().splitlines()[-20:]]
    return "\n".join(line[:600] for line in found[:40])
