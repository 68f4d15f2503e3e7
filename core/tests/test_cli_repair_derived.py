"""A bit flips in what a session keeps of its threads and totals, in the files of each backend: ``holdall repair``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.stores import user
from test_cli_repair import DURABLE, Place

import holdall
from holdall.sessions import totals
from holdall.sessions.names import message_id

pytestmark = pytest.mark.covers("ST-11", "CV-04", "CV-05")
RECORDS = {
    "threads": rb'{"root":',
    "replies": rb'{"n":1,"ids":',
    "places": rb"\[\[\d|W1s",
    "totals/main": rb'{"roles":{',
}
"""How records of each lane begin, and nothing else in a store; TinyDB has arrays in base64."""


class Talk(Place):
    """A store of one session, with threads and totals."""

    async def fill(self) -> None:
        options = f'use = "{self.backend}"\n[storage.options]\npath = "{(self.folder / "store").as_posix()}"\n'
        (self.folder / "store.toml").write_text(f"[storage]\n{options}")
        async with holdall.open(self.folder / "store.toml") as store:
            session = await store.create(owner="ana", messages=[user(f"m{n}", cost_usd=0.5) for n in range(8)])
            await session.append([user("re", reply_to=message_id(n % 3)) for n in range(9)])
            await session.totals()
            self.ids = [session.id]

    def told(self) -> list[str]:
        """What the command line says of threads and totals."""
        asked = (["threads"], ["threads", "--of", message_id(1)], ["totals"])
        found = [self.run(name, self.ids[0], *more, "--json") for name, *more in asked]
        assert [code for code, *_ in found] == [0, 0, 0], found
        return [out for _, out, _ in found]

    def rot(self, lane: str) -> None:
        """Flip a bit in the newest record of a lane."""
        if self.backend == "diskcache":
            with closing(sqlite3.connect(self.folder / "store" / "cache.db")) as db, db:
                (key, value), *_ = db.execute(
                    "SELECT key, CAST(value AS BLOB) FROM Cache WHERE key LIKE ? ORDER BY key DESC",
                    (f"record %{lane}",),
                )
                db.execute("UPDATE Cache SET value = ? WHERE key = ?", (flipped(lane, value), key))
            return
        path = self.folder / "store" / "sessions.json" if self.backend == "tinydb" else self.logs()[0]
        path.write_bytes(flipped(lane, path.read_bytes()))
        os.utime(path, (0, 0))  # what rots was not written to lately


def flipped(lane: str, data: bytes) -> bytes:
    """``data`` with another bit in the last record of ``lane`` that it has."""
    *_, found = re.finditer(RECORDS[lane], data)
    return data[: found.end()] + bytes([data[found.end()] ^ 4]) + data[found.end() + 1 :]


@pytest.fixture(params=DURABLE)
def place(request: pytest.FixtureRequest, tmp_path: Path, capsys, monkeypatch) -> Talk:
    monkeypatch.setattr(totals, "BLOCK", 4)
    monkeypatch.setattr(totals, "_KEPT_AFTER", 1)
    made = Talk(request.param, tmp_path, capsys)
    asyncio.run(made.fill())
    return made


@pytest.mark.parametrize("lane", RECORDS)
def test_threads_and_totals_are_made_again(place: Talk, lane: str) -> None:
    before = place.told()
    place.rot(lane)
    code, out, _ = place.run("verify")
    assert code == 1
    assert f"session/{place.ids[0]} {lane}[" in out
    stored = place.stored()
    code, out, _ = place.run("repair")
    assert code == 1
    assert f" {lane}[" in out
    assert ": nothing; it is made again from the messages\n" in out
    assert place.stored() == stored
    assert place.run("repair", "--apply")[:2] == (
        0,
        out.replace("found; nothing is changed without --apply", "repaired"),
    )
    assert place.run("verify")[1].endswith("; 0 problems\n")
    assert place.run("repair", "--apply")[:2] == (0, "0 damages repaired\n")
    assert place.told() == before
    assert place.run("append", place.ids[0], "and this", "--reply-to", message_id(1))[0] == 0
    assert json.loads(place.told()[2].splitlines()[-1])["messages"] == 18
