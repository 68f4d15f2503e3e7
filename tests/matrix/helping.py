"""What the tests of the matrix share: a store of a backend, small disks, and children that meet faults for real."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

DATA = {"file": "s/*/*.jsonl", "diskcache": "cache.db", "tinydb": "sessions.json"}
"""The files that hold records."""


def settings(backend: str, path: Path) -> dict[str, Any]:
    """A configuration that keeps its data below ``path``, and sweeps only when it is told to."""
    options = {} if backend == "memory" else {"path": str(path / "store")}
    return {"storage": {"use": backend, "options": options}, "sessions": {"sweep_every": 0, "tombstone_kept_for": 1}}


def missing(what: str) -> NoReturn:
    """Say that the machine cannot run a test, so that it is counted."""
    pytest.skip(f"MISSING: {what}")


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[Path]:
    """A file system of its own, that is quickly full."""
    at.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(at)], check=False, capture_output=True
    )
    if made.returncode:
        missing("the right to mount a tmpfs")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill_up(path: Path) -> None:
    """Take all the room there is."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    os.write(fd, b"x" * size)
            except OSError:
                continue
    finally:
        os.close(fd)


def child(
    code: str, *arguments: str, before: tuple[str, ...] = (), timeout: float = 60, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, behind the words of ``before``."""
    command = [*before, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout, **how)


def flip(path: Path, wanted: bytes, rng: random.Random) -> bool:
    """Flip one bit somewhere inside ``wanted``, where the file has it; False: it hasn't."""
    data = path.read_bytes()
    at = data.find(wanted)
    if at < 0:
        return False
    place = at + rng.randrange(len(wanted))
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([data[place] ^ (1 << rng.randrange(8))]))
    return True
