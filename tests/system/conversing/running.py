"""One round: load a server, kill it or its workers, and hold what is there then against what was acknowledged.

What must be there says another server, that keeps everything in memory and does again, in order, what was acknowledged.
"""

from __future__ import annotations

import base64
import os
import random
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.system.conftest import free_port, holdall, serving, wait_until
from tests.system.conversing.asking import Line, write_config
from tests.system.conversing.judging import Judge, Outcome
from tests.system.conversing.playing import Client
from tests.system.stopping import staffed, workers_of

__all__ = ["one_round"]

CLIENTS, PATIENCE = 6, 120.0
"""How many converse; seconds for a server to be there, on a machine that does other things, too."""


def one_round(
    folder: Path, backend: str, how: str, *, workers: int = 1, seconds: float, seed: int, **control: Any
) -> Outcome:
    """Let clients converse for ``seconds`` while workers are killed, or until the server is (``how``)."""
    outcome, chance, port = Outcome(), random.Random(seed), free_port()
    config = write_config(folder, backend, port, workers, **control)
    with serving(config, port, PATIENCE) as server:
        clients = [Client(port, number, seed) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        until = time.monotonic() + seconds
        while how == "worker" and time.monotonic() < until:
            time.sleep(chance.uniform(0.2, 0.6))
            victim = chance.choice(workers_of(server.process.pid)) if workers > 1 else 0
            os.kill(victim, signal.SIGKILL)
            outcome.kills += 1
            wait_until(
                lambda one=victim: staffed(server.url, workers, server.process.pid, one), "the worker is back", PATIENCE
            )
        time.sleep(max(until - time.monotonic(), 0))
        if how == "server":
            os.killpg(server.process.pid, signal.SIGKILL)
            outcome.kills += 1
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join(40)
    oracle_port = free_port()
    oracle = write_config(folder, "memory", oracle_port, 1)
    with (
        serving(config, port, PATIENCE),
        serving(oracle, oracle_port, PATIENCE),
        closing(Line(port)) as ours,
        closing(Line(oracle_port)) as theirs,
    ):
        for client in clients:
            outcome.faults += client.faults
            outcome.acknowledged += client.acknowledged
            outcome.repeated += client.repeated
            for played in client.sessions:
                outcome.kinds.update(f"{request.kind} {status}" for request, status in played.acked)
                outcome.faults += [f"{played.name}: {fault}" for fault in Judge(ours, theirs, played, outcome).faults()]
        _listed(outcome, ours, clients)
        wait = [token for client in clients for played in client.sessions for token in played.certain]
        outcome.certain += len(wait)
        outcome.faults += _left(folder, wait, "while it is served")
    outcome.faults += _left(folder, wait, "when it was closed")
    verified = holdall("--config", str(config), "verify", check=False)
    if verified.returncode:
        outcome.faults.append(f"verify: {verified.stdout[-500:]}{verified.stderr[-500:]}")
    return outcome


def _listed(outcome: Outcome, line: Line, clients: list[Client]) -> None:
    listed = Counter(each["id"] for each in line.all("/api/sessions", owner="ana"))
    for played in (played for client in clients for played in client.sessions):
        there = line.ask("GET", f"/api/sessions/{played.id}").status == 200
        if listed[played.id] != there:
            outcome.faults.append(
                f"{played.name} is listed {listed[played.id]} times, and {'is' if there else 'is not'} there"
            )


def _left(folder: Path, tokens: list[str], when: str) -> list[str]:
    """Which of the words are still in a file, as they are, in hexadecimal or base64."""
    faults: list[str] = []
    files = {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix not in (".log", ".toml")
    }
    for token in tokens:
        plain = token.encode()
        forms = [
            plain,
            plain.hex().encode(),
            *(base64.b64encode(b"\0" * n + plain)[4 if n else 0 : -4] for n in range(3)),
        ]
        faults += [
            f"{token} was purged and is in {path.name} {when}"
            for path, data in files.items()
            if any(form in data for form in forms)
        ]
    return faults
