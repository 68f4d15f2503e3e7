"""A server is stopped, or one of its workers killed, while clients write: what was acknowledged must be there after.

``python -m tests.system.stopping --rounds 20 --backend file [--how term|kill] [--workers 2] [--seed N]``. Each run
ends with a storage that acknowledges before it commits; if that one loses nothing, the run fails: it proved nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

import holdall
from tests.system.conftest import free_port, serving, wait_until
from tests.system.pressure import Client

GRACE, BACK, CLIENTS = 10, 3.0, 8
CONTROL = "hasty"
HASTY = Path(__file__).with_name("hasty.py")


@dataclass
class Outcome:
    """What one round found."""

    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    disordered: int = 0
    halves: int = 0
    seconds: float = 0
    """Until it had stopped; with ``kill`` until every client's writes were acknowledged again."""
    staffed: float = 0
    """Until all workers were there again."""
    status: int = 0
    faults: list[str] = field(default_factory=list)

    def judge(self, how: str) -> Outcome:
        """Note what must not be."""
        limit = BACK if how == "kill" else GRACE
        wrong = {
            f"{self.lost} acknowledged writes are lost": self.lost,
            f"{self.twice} are there twice": self.twice,
            f"{self.disordered} sessions are out of order": self.disordered,
            f"{self.halves} answers were cut off": self.halves if how == "term" else 0,
            f"it took {self.seconds:.1f} s, more than {limit}": self.seconds > limit,
            f"a worker was missing for {self.staffed:.1f} s": self.staffed > GRACE,
            f"it ended with {self.status}": self.status,
            "nothing was acknowledged": not self.acknowledged,
        }
        self.faults = [fault for fault, found in wrong.items() if found]
        return self


def write_config(folder: Path, backend: str, workers: int) -> tuple[Path, int]:
    """The configuration of a server, and its port."""
    port, file = free_port(), folder / "holdall.toml"
    plugins = f"plugins = [{json.dumps(str(HASTY))}]\n" if backend == CONTROL else ""
    file.write_text(
        f'{plugins}[server]\nport = {port}\nworkers = {workers}\nanonymous = "ana"\ngrace = {GRACE}\n'
        f'[storage]\nuse = "{backend}"\n[storage.options]\npath = {json.dumps(str(folder / "store"))}\n'
    )
    return file, port


def one_round(folder: Path, backend: str, how: str, workers: int, pause: float) -> Outcome:
    """Load a server, do it ``how``, and hold what is stored against what was acknowledged."""
    config, port = write_config(folder, backend, workers)
    outcome = Outcome()
    with serving(config, port) as server:
        with server.client() as client:
            sessions = [client.post("/api/sessions").raise_for_status().json()["id"] for _ in range(CLIENTS)]
        clients = [Client(port, session) for session in sessions]
        for one in clients:
            one.start()
        time.sleep(pause)
        began = time.monotonic()
        if how == "kill":
            victim = random.choice(workers_of(server.process.pid))
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: all(one.last > began for one in clients), "every client is served again")
            outcome.seconds = time.monotonic() - began
            wait_until(lambda: staffed(server.url, workers, server.process.pid, victim), "the worker is back")
            outcome.staffed = time.monotonic() - began
        else:
            server.process.send_signal(signal.SIGTERM)
            outcome.status = server.process.wait(GRACE + 20)
            outcome.seconds = time.monotonic() - began
        for one in clients:
            one.ended.set()
        for one in clients:
            one.join()
    check = FileChecked(config)
    for one in clients:
        stored = check.contents.get(one.session, [])
        outcome.acknowledged += len(one.acknowledged)
        outcome.lost += len(set(one.acknowledged) - set(stored))
        outcome.twice += len(stored) - len(set(stored))
        outcome.disordered += stored != sorted(stored)
        outcome.halves += one.halves
    return outcome.judge(how)


class FileChecked:
    """What a store holds after its server is gone: the numbers of the messages in each session."""

    def __init__(self, config: Path) -> None:
        self.contents: dict[str, list[int]] = {}
        asyncio.run(self._read(config))

    async def _read(self, config: Path) -> None:
        async with holdall.open(config) as store:
            for session in (await store.list(owner="ana", limit=CLIENTS)).items:
                page, found = await session.history(limit=500), list[int]()
                while True:
                    found = [int(str(message.content)) for message in page.items] + found
                    if page.previous is None:
                        break
                    page = await session.history(limit=500, before=page.previous)
                self.contents[session.id] = found


def workers_of(supervisor: int) -> list[int]:
    """The processes that serve."""
    found: list[int] = []
    for child in _children(supervisor):
        if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
            found += _children(child)
    return found


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def staffed(url: str, workers: int, supervisor: int, victim: int) -> bool:
    """Whether as many workers serve as should, and none of them is ``victim``."""
    try:
        alive = httpx.get(f"{url}/readyz", timeout=2).json().get("workers", {}).get("alive")
    except httpx.HTTPError:
        return False
    return alive == workers and victim not in workers_of(supervisor)


def run(backend: str, how: str, rounds: int, workers: int, seed: int) -> list[Outcome]:
    """Some rounds, each with a store of its own; a line for each."""
    chance, outcomes = random.Random(seed), list[Outcome]()
    random.seed(seed)
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            outcome = one_round(Path(folder), backend, how, workers, chance.uniform(0.3, 1.5))
        outcomes.append(outcome)
        told = "; ".join(outcome.faults) or "well"
        took = f"{outcome.seconds:.2f} s" + (f", all workers {outcome.staffed:.2f} s" if how == "kill" else "")
        print(f"{backend} {how} {number}: {outcome.acknowledged} written, {took}: {told}", flush=True)
    return outcomes


def main(arguments: list[str]) -> int:
    """0: all was well, and the control lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.stopping", description=__doc__)
    parser.add_argument("--backend", default="file")
    parser.add_argument("--how", choices=("term", "kill"), default="term")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    asked = parser.parse_args(arguments)
    workers = asked.workers or (2 if asked.how == "kill" else 1)
    print(f"seed {asked.seed}, {CLIENTS} clients, {workers} workers")
    outcomes = run(asked.backend, asked.how, asked.rounds, workers, asked.seed)
    control = run(CONTROL, asked.how, 2, workers, asked.seed)
    bad = [outcome for outcome in outcomes if outcome.faults]
    slowest = max(outcome.seconds for outcome in outcomes)
    written = sum(outcome.acknowledged for outcome in outcomes)
    print(f"{len(outcomes) - len(bad)} of {len(outcomes)} rounds well, {written} written, slowest {slowest:.2f} s")
    if not any(outcome.lost for outcome in control):
        print("the control acknowledged before it committed and lost nothing: this run proves nothing")
        return 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
