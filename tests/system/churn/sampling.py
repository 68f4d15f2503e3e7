"""What a process and its store take, sampled, and whether that grows without end."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["ALLOWED", "Sample", "sample", "verdict"]

ALLOWED: Mapping[str, tuple[float, float]] = {
    "disk": (1.1, 5 * 1024 * 1024),
    "files": (1.1, 8),
    "rss": (1.05, 1024 * 1024),
    "fds": (1.0, 2),
    "threads": (1.0, 1),
}
"""By how much the last third of a run may exceed the middle one: as a factor, and beyond it in its own unit.

SQLite's log fills up to 4 MiB before it begins again: within a short run that may look like growth."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes on the disk, files, bytes of memory, descriptors, threads."""

    disk: int
    files: int
    rss: int
    fds: int
    threads: int


def sample(folder: Path) -> Sample:
    """What this process and the store in ``folder`` take now."""
    sizes: list[int] = []
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(at, name)).st_blocks * 512)  # noqa: PTH116, PTH118 - many, and often
            except FileNotFoundError:
                continue
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    fds, threads = (len(os.listdir(f"/proc/self/{name}")) for name in ("fd", "task"))  # noqa: PTH208
    return Sample(sum(sizes), len(sizes), pages * _PAGE, fds, threads)


def verdict(samples: Sequence[Sample]) -> list[str]:
    """What grows without end; the first third of the run is for warming up. Nothing, when all is bounded."""
    third = len(samples) // 3
    if not third:
        return ["the run was too short to say anything"]
    middle, last = samples[third : 2 * third], samples[-third:]
    grown: list[str] = []
    for name, (factor, slack) in ALLOWED.items():
        before, after = (statistics.median(asdict(one)[name] for one in part) for part in (middle, last))
        if after > before * factor and after > before + slack:
            grown.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    return grown
