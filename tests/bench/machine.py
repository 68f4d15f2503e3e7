"""What a reader needs to know about the machine: nothing that names it."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "holdall", "holdall-server", "pydantic", "msgspec", "pluggy", "sanic", "uvloop", "httptools", "diskcache", "tinydb",
)  # fmt: skip


def facts(folder: str, memory: str) -> dict[str, Any]:
    """Cores, versions, file systems."""
    return {
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "filesystem": filesystem(folder),
        "filesystem_of_lists": filesystem(memory or folder),
    }


def load() -> list[float]:
    """The load averages, which say what else the machine was doing."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def filesystem(folder: str) -> str:
    """The type of the file system that holds ``folder``."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    path = Path(folder).resolve()
    holding = [(len(place), kind) for place, kind in mounts if path.is_relative_to(place)]
    return max(holding)[1] if holding else "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
