"""A peer as the benchmark holds it: its process, asked one thing at a time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.series import Series

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = "PEERS"
"""Names the folder of the peers' environment where it is not ``.venv-peers``."""


def python() -> Path:
    """The interpreter of the peers' environment."""
    return ROOT / os.environ.get(ENVIRONMENT, ".venv-peers") / "bin" / "python"


def missing() -> str:
    """Why there is nothing to compare with; empty when there is."""
    return "" if python().exists() else "the peers are not installed: make peers"


class Peer:
    """Commands go to its standard input; it does nothing between them."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self.series: dict[str, Series] = {}
        self._process = process
        self._answer()

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Have one thing done."""
        pipe = self._process.stdin
        if pipe is None:
            raise AssertionError("its input is a pipe")
        pipe.write(json.dumps({"do": do, **what}) + "\n")
        pipe.flush()
        return self._answer()

    def measure(self, kind: str, do: str, **what: Any) -> None:
        """Have an operation repeated, and keep its times under ``kind``."""
        found, series = self.ask(do, **what), self.series.setdefault(kind, Series())
        series.wall += found["wall"]
        series.cpu += [found["cpu"] // len(found["wall"])] * len(found["wall"])

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        line = "" if pipe is None else pipe.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}")
        return json.loads(line)


@contextlib.contextmanager
def peer(name: str, folder: Path) -> Iterator[Peer]:
    """The peer called ``name``, keeping what it keeps in ``folder``."""
    folder.mkdir()
    argv = [str(python()), "-m", "tests.bench.peers.child", name, str(folder)]
    bare = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    process = subprocess.Popen(
        argv, cwd=ROOT, env=bare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Peer(name, process)
    finally:
        process.kill()
        process.wait()
