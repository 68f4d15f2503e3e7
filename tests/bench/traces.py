"""What a server's cache is asked for, made from real transcripts: who speaks when, and how much is said.

Each session goes the way of one transcript, from a random moment on. A message of the assistant is appended: the state of
its session is asked for. Before a message of the user the client reads the last page, too: the state, and the latest
records. Transcripts without times get the pauses of those that have them.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.system.conftest import DATA

STATE, RUN, RECORD, PAGE = 3_000, 600, 60, 50
"""Bytes that the cache counts for a state, a run and a record in it; records of a page."""
DAY = 86_400.0
Ask = tuple[str, int]
"""A key, and the bytes of what is kept under it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message: seconds since the one before, bytes, and whether a user said it."""

    after: float
    size: int
    by_user: bool


def trace(sessions: int, *, walks: bool, seed: int = 7) -> list[Ask]:
    """Everything that is asked for in a day, in order; with ``walks``, somebody also exports everything four times."""
    rng = random.Random(seed)
    courses = transcripts(rng)
    asked: list[tuple[float, list[Ask]]] = []
    pages: dict[str, int] = {}
    for number in range(sessions):
        name, at = f"session/{number}", rng.random() * DAY
        sizes: list[int] = []
        for said in rng.choice(courses):
            at += said.after
            asks = [(name, STATE)]
            if said.by_user:
                asks.append((f"{name} messages", RUN + sum(RECORD + size for size in sizes[-PAGE:])))
                pages[name] = asks[1][1]
            sizes.append(said.size)
            asked.append((at, asks))
    if walks:
        everything = [(name, STATE) for name in pages] + [(f"{name} messages", size) for name, size in pages.items()]
        asked += [(DAY * part / 5, everything) for part in range(1, 5)]
    return [ask for _, asks in sorted(asked, key=lambda each: each[0]) for ask in asks]


def transcripts(rng: random.Random) -> list[list[Said]]:
    """The courses of the transcripts beside the checkout; none where there are none."""
    timed, untimed = [], []
    for path in sorted((DATA / "agents").rglob("*.jsonl*")):
        records = [*_records(path)]
        if "tau-bench" in path.parts:
            untimed += [record.get("traj", []) for record in records]
        else:
            timed.append([Said(0, len(json.dumps(record)), record.get("type") == "user") for record in records])
            timed[-1] = [
                Said(pause, said.size, said.by_user) for pause, said in zip(_pauses(records), timed[-1], strict=True)
            ]
    pauses = [said.after for course in timed for said in course if said.after] or [1.0]
    guessed = [
        [Said(rng.choice(pauses), len(json.dumps(one)), one.get("role") == "user") for one in messages]
        for messages in untimed
    ]
    return [course for course in (*timed, *guessed) if len(course) > 3]


def _records(path: Path):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # some of the transcripts are torn
        if isinstance(record, dict):
            yield record


def _pauses(records: list[dict]) -> list[float]:
    """Seconds between records, none of them negative; 0 where a record tells no time."""
    pauses, last = [], None
    for record in records:
        told = record.get("timestamp")
        now = datetime.fromisoformat(told).timestamp() if isinstance(told, str) else None
        pauses.append(0.0 if now is None or last is None else max(now - last, 0.0))
        last = now if now is not None else last
    return pauses
