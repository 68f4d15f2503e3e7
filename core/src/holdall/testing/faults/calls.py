"""System calls that write, as ``strace`` shows them and makes them fail."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from holdall.testing.crash.disk import Missing

__all__ = ["KILL", "Point", "Tracer", "points_of"]

KILL = "SIGKILL"
_ALL = ("EIO", "ENOSPC", KILL)
_INTERRUPTIBLE = ("EIO", "ENOSPC", "EINTR", KILL)
FAULTS = {
    **dict.fromkeys(("open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2"), _INTERRUPTIBLE),
    **dict.fromkeys(("ftruncate", "truncate", "fallocate"), _INTERRUPTIBLE),
    **dict.fromkeys(("fsync", "fdatasync", "sync_file_range", "copy_file_range"), _ALL),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"), _ALL),
    **dict.fromkeys(("mkdir", "mkdirat"), _ALL),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), ("EIO", KILL)),
}
"""What each call may fail with."""

_OPENS = ("open", "openat", "creat")
_LINE = re.compile(r"(\d+) +([a-z_0-9]+)\(")
PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Point:
    """The ``n``-th call of its kind, by whichever thread makes so many, and what becomes of it."""

    call: str
    n: int
    fault: str

    @property
    def injection(self) -> str:
        """As ``strace -e inject=`` understands it."""
        what = f"signal={self.fault}" if self.fault == KILL else f"error={self.fault}"
        return f"{self.call}:{what}:when={self.n}"


class Tracer:
    """``strace``, attached to a running process; with a point, it makes that one call fail."""

    def __init__(self, pid: int, log: Path, point: Point | None) -> None:
        if which("strace") is None:
            raise Missing("failing a system call needs strace")
        self._log = log
        wanted = ",".join(FAULTS) if point is None else point.call
        command = ["strace", "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace={wanted}", "-e", "signal=none"]
        command += [] if point is None else ["-e", f"inject={point.injection}"]
        self._process = subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        if "attached" not in said:
            self.stop()
            raise Missing(f"strace cannot attach: {said.strip()}")

    def stop(self, *, gone: bool = False) -> list[str]:
        """Let go of the process, or see it off if it is ``gone``; the calls that were seen."""
        if not gone and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=PATIENCE)
        return self._log.read_text(errors="replace").splitlines() if self._log.exists() else []


def points_of(lines: list[str], folder: Path) -> list[Point]:
    """Every point of a run whose calls were ``lines``: those that write, in ``folder``."""
    most: dict[str, set[int]] = {}
    for name, n in _numbered(lines, str(folder)):
        most.setdefault(name, set()).add(n)
    return [Point(name, n, fault) for name, numbers in most.items() for n in sorted(numbers) for fault in FAULTS[name]]


def _numbered(lines: list[str], folder: str) -> Iterator[tuple[str, int]]:
    """The calls of interest, numbered as ``strace`` numbers them: by name, and for each thread."""
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None or found[2] not in FAULTS:
            continue
        thread, name = found[1], found[2]
        n = seen[thread, name] = seen.get((thread, name), 0) + 1
        if folder in line and (name not in _OPENS or "O_CREAT" in line or name == "creat"):
            yield name, n
