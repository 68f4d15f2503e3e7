"""A store with many sessions, then one flipped bit in some of them."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import holdall

__all__ = ["build", "damage", "text", "write_config"]

MESSAGES = 5
_AT_ONCE = 100
_LONG_AGO = 86_400


def text(session: int, message: int) -> str:
    """What a message says; it is nowhere else in the store."""
    return f"<<{session} says {message}: the quick brown fox>>"


def write_config(folder: Path, backend: str) -> Path:
    """A configuration for a store below ``folder``."""
    path = folder / "store.toml"
    room = "max_bytes = 1000000000\n" if backend == "tinydb" else ""
    path.write_text(
        f'[storage]\nuse = "{backend}"\n[storage.options]\npath = "{folder / "store"}"\n{room}[sessions]\nsweep_every = 0\n'
    )
    return path


async def build(config: Path, sessions: int) -> list[str]:
    """Make the sessions, many at once; their ids."""
    ids: list[str] = []
    async with holdall.open(config) as store:
        for first in range(0, sessions, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, sessions))
            messages = ([{"role": "user", "content": text(n, m)} for m in range(MESSAGES)] for n in numbers)
            made = await asyncio.gather(*(store.create(owner="ana", messages=each) for each in messages))
            ids += [session.id for session in made]
    return ids


def damage(folder: Path, backend: str, ids: Mapping[int, str], chance: random.Random) -> None:
    """Flip one bit in each of the sessions ``ids``: anywhere in a log (file), or in a message of it."""
    if backend == "file":
        _logs(folder, ids, chance)
    elif backend == "diskcache":
        _cells(folder, ids, chance)
    else:
        path = folder / "sessions.json"
        data = bytearray(path.read_bytes())
        for number in ids:
            wanted = text(number, chance.randrange(MESSAGES)).encode()
            _flip(data, data.index(wanted) + chance.randrange(len(wanted)), chance)
        path.write_bytes(data)


def _logs(folder: Path, ids: Mapping[int, str], chance: random.Random) -> None:
    names = {f'"partition":"session/{session}"'.encode() for session in ids.values()}
    for path in sorted(folder.glob("s/*/*.jsonl")):
        data = bytearray(path.read_bytes())
        line = bytes(data[: data.index(b"\n")])
        if any(name in line for name in names):
            _flip(data, chance.randrange(len(data)), chance)
            path.write_bytes(data)
            old = path.stat().st_mtime - _LONG_AGO  # what rots was not written to lately
            os.utime(path, (old, old))


def _cells(folder: Path, ids: Mapping[int, str], chance: random.Random) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as db, db:
        for session in ids.values():
            name = f"session/{session}"
            key = f"record {len(name)}:{name} {2**63 + chance.randrange(MESSAGES):016x} messages/main"
            ((value,),) = db.execute("SELECT value FROM Cache WHERE key = ?", (key,)).fetchall()
            data = bytearray(value)
            _flip(data, chance.randrange(len(data)), chance)
            db.execute("UPDATE Cache SET value = ? WHERE key = ?", (bytes(data), key))


def _flip(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)
