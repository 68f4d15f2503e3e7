"""One run: build, damage, read in a process of its own, and hold what ``holdall verify`` names against the truth."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.damaged.building import build, damage, write_config

__all__ = ["Run", "damaged", "misses"]


@dataclass
class Run:
    """What one run found; times in seconds from the start of the process."""

    answered: float
    """Until an undamaged session had been read."""
    listed: float
    """Until the first page of a list was there, after that."""
    sessions: int
    hurt: int
    faults: list[str] = field(default_factory=list[str])


def damaged(folder: Path, backend: str, *, sessions: int, hurt: int, seed: int) -> Run:
    """A store of so many sessions below ``folder``, with ``hurt`` of them damaged."""
    chance = random.Random(seed)
    config = write_config(folder, backend)
    ids = dict(enumerate(asyncio.run(build(config, sessions))))
    spoilt = {number: ids[number] for number in chance.sample(range(sessions), hurt)}
    damage(folder / "store", backend, spoilt, chance)
    whole = {number: session for number, session in ids.items() if number not in spoilt}
    begun = time.time()
    command = [sys.executable, "-m", "tests.system.damaged.reading", str(config)]
    done = subprocess.run(command, input=json.dumps(whole), capture_output=True, text=True, check=False)
    if done.returncode:
        return Run(0, 0, sessions, hurt, [f"the reader ended with {done.returncode}: {done.stderr}"])
    told = json.loads(done.stdout)
    run = Run(told["answered"] - begun, told["listed"] - begun, sessions, hurt, told["wrong"])
    command = [sys.executable, "-m", "holdall.cli", "--config", str(config), "verify", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        run.faults.append(f"holdall verify ended with {done.returncode}: {done.stderr}")
        return run
    run.faults += misses(json.loads(done.stdout)["problems"], spoilt, whole)
    return run


def misses(problems: list[str], spoilt: Mapping[int, str], whole: Mapping[int, str]) -> list[str]:
    """Damaged sessions that no problem names, and whole ones that one does."""
    said = "\n".join(problems)
    faults = [f"session/{session} is damaged, and is not named" for session in spoilt.values() if session not in said]
    return faults + [f"session/{session} is whole, and is named" for session in whole.values() if session in said]
