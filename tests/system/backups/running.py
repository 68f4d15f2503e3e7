"""Four processes write, a fifth backs up: every session in the archive is a prefix of what it came to be."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import holdall
from holdall.contract import Span

__all__ = ["Run", "backup_under_writers", "faults_of", "write_config"]

PYTHON = sys.executable


@dataclass
class Run:
    """What one run found."""

    faults: list[str] = field(default_factory=list)
    sessions: int = 0
    messages: int = 0
    grown: int = 0
    """Sessions that went on after the moment that the archive shows."""
    during: float = 0.0
    """The 99th percentile of a step while the backup ran (seconds) …"""
    outside: float = 0.0
    """… and otherwise."""


def write_config(folder: Path, backend: str, name: str = "store") -> Path:
    """A configuration for a store of its own below ``folder``."""
    path = folder / f"{name}.toml"
    options = "" if backend == "memory" else f'[storage.options]\npath = "{folder / name}"\n'
    path.write_text(f'[storage]\nuse = "{backend}"\n{options}[server]\nanonymous = "ana"\n')
    return path


def backup_under_writers(
    folder: Path, backend: str, *, writers: int = 4, sessions: int = 300, warm: float = 1.0
) -> Run:
    """One run with a store, writers and an archive of its own below ``folder``."""
    config = write_config(folder, backend)
    shared = asyncio.run(_filled(config, sessions))
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [PYTHON, "-m", "tests.system.backups.writing", str(config), str(seed)], stdin=pipe, stdout=pipe, text=True
        )
        for seed in range(writers)
    ]
    archive = folder / "archive.jsonl"
    try:
        for process in processes:
            _say(process, " ".join(shared))
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        time.sleep(warm)
        begun = time.monotonic()
        command = [PYTHON, "-m", "holdall.cli", "--config", str(config), "backup", str(archive)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        ended = time.monotonic()
        time.sleep(warm)
        for process in processes:
            _say(process, "stop")
        told = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    run = Run() if done.returncode == 0 else Run([f"the backup ended with {done.returncode}: {done.stderr}"])
    if not run.faults:
        asyncio.run(_judge(run, config, list(map(json.loads, archive.read_text().splitlines())), shared))
    within = [took for one in told for at, took in one["times"] if begun <= at <= ended]
    without = [took for one in told for at, took in one["times"] if not begun <= at <= ended]
    run.during, run.outside = _p99(within), _p99(without)
    return run


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] if times else 0.0


async def _filled(config: Path, sessions: int) -> list[str]:
    """A store with sessions at rest, and ten that everybody will write to, one of them long."""
    async with holdall.open(config) as store:
        for number in range(sessions):
            await store.create(owner="ana", messages=[{"role": "user", "content": f"{number} {n}"} for n in range(20)])
        shared = [(await store.create(owner="ana")).id for _ in range(10)]
        for number in range(30):
            await store.append(shared[0], [{"role": "user", "content": f"x {number} {part} 50"} for part in range(50)])
        return shared


async def _judge(run: Run, config: Path, items: list[dict[str, Any]], shared: list[str]) -> None:
    """Hold every session in the archive against what the store has by now."""
    async with holdall.open(config) as store:
        storage, lanes = store.engine.storage, dict[str, list[str]]()
        heads, name = dict[str, Any](), ""
        for item in items:
            if "partition" in item:
                name = item["partition"]
                heads[name], lanes[name] = item, []
            elif item.get("lane") == "messages/main":
                lanes[name].append(json.dumps(item["json"]))
        for session in shared:
            if f"session/{session}" not in heads:
                run.faults.append(f"session/{session} is not in the archive")
        for name, messages in lanes.items():
            found = await storage.load(name, Span("messages/main"))
            now = [] if found is None else [json.dumps(json.loads(data)) for data in found.records.values()]
            run.sessions += 1
            run.messages += len(messages)
            run.grown += len(now) > len(messages)
            run.faults += faults_of(name, heads[name], messages, now)


def faults_of(name: str, head: Mapping[str, Any], messages: list[str], now: list[str]) -> list[str]:
    """What is wrong with one session of an archive: not a prefix, or half a step at its end."""
    faults: list[str] = []
    if messages != now[: len(messages)]:
        faults.append(f"{name}: what the archive has is no prefix of its history")
    if head["lanes"].get("messages/main", [0, 0, 0])[1] != len(messages):
        faults.append(f"{name}: the head says another number of messages")
    if messages:
        words = json.loads(messages[-1])["content"].split()
        if len(words) == 4 and int(words[2]) + 1 != int(words[3]):
            faults.append(f"{name}: its last step is there by half: {words}")
    return faults
