"""A restore is killed at a random moment: nothing of it can be used; run again, all of it can."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["kill_restores"]

HOLDALL = [sys.executable, "-m", "holdall.cli"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HOLDALL, *arguments], capture_output=True, text=True, check=False)


def kill_restores(
    folder: Path, archive: Path, config: Path, kills: int, chance: random.Random
) -> tuple[list[str], int]:
    """Kill restores into new stores, ``kills`` times in all; what was found wrong, and how many were refused use."""
    whole = _run("verify", str(archive)).stdout.rsplit(":", 1)[0]
    begun = time.monotonic()
    _fresh(config, folder, 0)
    assert _run("--config", str(folder / "0.toml"), "restore", str(archive)).returncode == 0
    takes = time.monotonic() - begun
    faults: list[str] = []
    killed = refused = number = 0
    while killed < kills:
        number += 1
        target = _fresh(config, folder, number)
        for _ in range(3):  # a restore that goes on from where one was killed may be killed, too
            if killed == kills or not _killed(["--config", target, "restore", str(archive)], takes, chance):
                break
            killed += 1
            looked = _run("--config", target, "list", "--json", "--limit", "1")
            refused += looked.returncode == 3
            if looked.returncode == 0 and looked.stdout:  # it was killed after its last step
                break
            if looked.returncode not in (0, 3):
                faults.append(f"{target}: {looked.stderr}")
        ended = _run("--config", target, "restore", str(archive))
        if ended.returncode not in (0, 2) or (ended.returncode == 2 and "not empty" not in ended.stderr):
            faults.append(f"{target}: {ended.stderr}")
        again = folder / f"{number}.jsonl"
        backed = _run("--config", target, "backup", str(again))
        if backed.returncode or _told(again) != _told(archive):
            faults.append(f"{target}: what was restored is not what the archive holds ({whole}): {backed.stderr}")
    return faults, refused


def _told(archive: Path) -> list[Any]:
    """What an archive holds, but for versions: a restore gives its own."""
    found: list[Any] = list(map(json.loads, archive.read_text().splitlines()[1:-1]))
    for item in found:
        if "partition" in item:
            del item["version"]
            item["lanes"] = {name: lane[:2] for name, lane in item["lanes"].items()}
        elif "end" in item:
            del item["sha256"]
    return found


def _fresh(config: Path, folder: Path, number: int) -> str:
    path = folder / f"{number}.toml"
    path.write_text(config.read_text().replace(f'"{config.with_suffix("")}"', f'"{folder / f"restored-{number}"}"'))
    return str(path)


def _killed(arguments: list[str], takes: float, chance: random.Random) -> bool:
    """Whether the command was killed, rather than done before."""
    with subprocess.Popen([*HOLDALL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.communicate(timeout=takes * chance.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
    return False
