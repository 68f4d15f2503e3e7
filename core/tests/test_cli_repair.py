"""``holdall repair``: it says what would be lost, puts everything else right, and can be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import holdall
from holdall.cli import main
from holdall.testing.faults.calls import FAULTS, KILL, Point, points_of

pytestmark = pytest.mark.covers("ST-11", "ST-14")
SESSIONS, HURT, MESSAGES, MESSAGE = 4, 2, 4, 1
"""How many sessions there are, and which is damaged; how many messages each has, and which of them is."""
KILLS = int(os.environ.get("REPAIR_KILLS", "2"))
"""At how many of its writing calls a repair of each backend is killed, one after the other."""
DURABLE = ["file", "diskcache", "tinydb"]


def text(session: int, message: int) -> str:
    return f"<<{session} says {message}: so be it>>"


@dataclass
class Place:
    """A store that was closed as it should be, and what is in it."""

    backend: str
    folder: Path
    capsys: pytest.CaptureFixture[str]
    ids: list[str] = field(default_factory=list[str])
    exports: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(["--config", str(self.folder / "store.toml"), *arguments])
        out, err = self.capsys.readouterr()
        return code, out, err

    async def fill(self) -> None:
        options = f'use = "{self.backend}"\n[storage.options]\npath = "{(self.folder / "store").as_posix()}"\n'
        (self.folder / "store.toml").write_text(f"[storage]\n{options}")
        async with holdall.open(self.folder / "store.toml") as store:
            made = [await store.create(owner="ana", title=f"session {n}", tags=["t"]) for n in range(SESSIONS)]
            self.ids = [session.id for session in made]
            for m in range(MESSAGES):
                said = ([{"role": "user", "content": text(n, m)}] for n in range(SESSIONS))
                await asyncio.gather(*map(store.append, self.ids, said))

    def export(self, session: str) -> str:
        code, out, _ = self.run("export", session, "--format", "json")
        assert code == 0
        return out

    def texts(self) -> list[str]:
        """What the messages of the damaged session say."""
        return [message["content"] for message in json.loads(self.export(self.ids[HURT]))["messages"]]

    def log(self) -> Path:
        """The log of the session that is damaged, where there are logs."""
        (found,) = [path for path in self.logs() if self.ids[HURT].encode() in path.read_bytes()[:400]]
        return found

    def logs(self) -> list[Path]:
        return sorted((self.folder / "store").glob("s/*/*.jsonl"))

    def stored(self) -> object:
        """What a dry run must leave alone."""
        at = self.folder / "store"
        if self.backend == "file":
            return {path: path.read_bytes() for path in self.logs()}
        if self.backend == "tinydb":
            return (at / "sessions.json").read_bytes()
        with closing(sqlite3.connect(at / "cache.db")) as db:
            return db.execute("SELECT key, value FROM Cache ORDER BY key").fetchall()

    def kept(self, wanted: bytes) -> bool:
        """Whether quarantine has ``wanted``."""
        found = (self.folder / "store" / "quarantine").iterdir()
        return any(wanted in path.read_bytes() for path in found)


@pytest.fixture(params=DURABLE)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def place(backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    made = Place(backend, tmp_path, capsys)
    asyncio.run(made.fill())
    made.exports = {session: made.export(session) for session in made.ids}
    return made


def flip(path: Path, at: int) -> bytes:
    """Flip a bit of the byte at ``at``; what then stands there, with its neighbours."""
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
    os.utime(path, (0, 0))  # what rots was not written to lately
    return bytes(data[at - 2 : at + 3])


def flipped(place: Place, wanted: str) -> bytes:
    """Flip a bit in the middle of ``wanted``, wherever the store has it."""
    for path in place.logs() or (place.folder / "store").glob("[cs]*[bn]"):
        at = path.read_bytes().find(wanted.encode())
        if at >= 0:
            return flip(path, at + len(wanted) // 2)
    raise AssertionError(wanted)


def record(place: Place) -> bytes:
    return flipped(place, text(HURT, MESSAGE))


def session(place: Place) -> bytes:
    return flipped(place, f'"title":"session {HURT}"')


def head(place: Place) -> bytes:
    if place.backend == "diskcache":
        with closing(sqlite3.connect(place.folder / "store" / "cache.db")) as db, db:
            key = f"head 0: {2**63:016x} session/{place.ids[HURT]}"
            db.execute("UPDATE Cache SET value = CAST('spoilt' AS BLOB) WHERE key = ?", (key,))
            assert db.total_changes
        return b"spoilt"
    return flipped(place, f'"partition":"session/{place.ids[HURT]}"')


def last_line(place: Place) -> bytes:
    return flip(place.log(), place.log().read_bytes().rindex(b'\n{"crc"') + 60)


def header(place: Place) -> bytes:
    return flip(place.log(), 40)


def unlisted(place: Place) -> bytes:
    """The index that lists are made of has lost a session, under one mark or altogether."""
    name = f"session/{place.ids[HURT]}"
    if place.backend == "diskcache":
        change(place, "cache.db", "DELETE FROM Cache WHERE key LIKE ?", f"mark 6:recent%{name}")
    else:
        change(place, "catalog.db", "DELETE FROM rows WHERE kind = '=recent' AND name = ?", name.encode())
        change(place, "catalog.db", "DELETE FROM rows WHERE name = ?", f"session/{place.ids[HURT + 1]}".encode())
    return b""


def invented(place: Place) -> bytes:
    """The index has a session that is not there, or has it where it does not belong."""
    name = f"session/{place.ids[HURT]}"
    if place.backend == "diskcache":
        for old, new in ((name, "session/none"), (":recent", ":rectnt"), (f" {2**63:016x}"[:3], " ff")):
            change(
                place,
                "cache.db",
                "INSERT INTO Cache (key, raw, mode, value, store_time, access_time, size)"
                " SELECT replace(key, ?, ?), raw, mode, value, store_time, access_time, size FROM Cache WHERE key LIKE ?",
                old,
                new,
                f"mark 6:recent%{name}",
            )
        return b""
    change(
        place,
        "catalog.db",
        "INSERT INTO rows SELECT kind, score, ?, version FROM rows WHERE name = ?",
        b"x",
        name.encode(),
    )
    change(place, "catalog.db", "INSERT INTO rows SELECT kind, 7, name, version FROM rows WHERE kind = '=recent'")
    return b""


def change(place: Place, file: str, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(place.folder / "store" / file)) as db, db:
        db.execute(statement, values)
        assert db.total_changes


Spoil = Callable[[Place], bytes]
LOST: list[tuple[Spoil, str, str]] = [
    (record, "all", "the message msg_main_0000000001; one that says so is in its place"),
    (session, "all", "the session's own record; its messages are kept, and 'nobody' owns it now"),
    (head, "diskcache tinydb", "its head; when it expires is not known"),
    (last_line, "file", "its newest commit; it is set back to the one before"),
    (header, "file", "all of it ("),
]


@pytest.mark.parametrize(
    ("spoil", "backend", "lost"),
    [
        pytest.param(spoil, backend, lost, id=f"{spoil.__name__}-{backend}")
        for spoil, backends, lost in LOST
        for backend in (DURABLE if backends == "all" else backends.split())
    ],
)
def test_what_is_damaged_is_named_then_put_right(place: Place, spoil: Spoil, lost: str) -> None:
    bad = spoil(place)
    before = place.stored()
    code, out, _ = place.run("repair", "--owner", "nobody")
    assert code == 1
    assert lost in out
    assert out.endswith("found; nothing is changed without --apply\n")
    assert place.stored() == before
    code, out, _ = place.run("repair", "--apply", "--owner", "nobody")
    assert code == 0
    assert lost in out
    assert place.kept(bad)
    check_repaired(place)
    texts = [] if spoil is header else place.texts()
    whole = [text(HURT, m) for m in range(MESSAGES)]
    if spoil is record:
        assert texts[MESSAGE].startswith("[lost")
        texts[MESSAGE] = whole[MESSAGE]
    assert texts == (whole[:-1] if spoil is last_line else [] if spoil is header else whole)
    assert len(place.run("list", "--json")[1].splitlines()) == len(place.ids) - (spoil is header)


@pytest.mark.parametrize("backend", ["file", "diskcache"])
@pytest.mark.parametrize("spoil", [unlisted, invented])
def test_an_index_that_lacks_or_invents_entries_costs_nothing(place: Place, spoil: Spoil) -> None:
    """The file backend's lists look at the logs, so that what is invented is not even a damage."""
    assert place.run("verify")[0] == 0  # a catalogue is made when somebody asks for it
    spoil(place)
    found = 0 if (spoil, place.backend) == (invented, "file") else 1
    code, out, _ = place.run("repair")
    assert code == found, out
    code, out, _ = place.run("repair", "--apply")
    assert code == 0
    assert ("0 damages repaired" in out) == (not found)
    check_repaired(place)
    assert place.export(place.ids[HURT]) == place.exports[place.ids[HURT]]
    assert len(place.run("list", "--json")[1].splitlines()) == len(place.ids)


@pytest.mark.parametrize("backend", ["file"])
def test_verify_tells_what_its_opening_cut_off(place: Place) -> None:
    """A copy of a store in use looks like one that was killed; what is torn in it is cut off before anything is read."""
    left = place.folder / "left"
    with asyncio.Runner() as runner:
        store = holdall.open(place.folder / "store.toml")
        opened = runner.run(store.__aenter__())
        runner.run(opened.append(place.ids[HURT], [{"role": "user", "content": "more"}]))
        shutil.copytree(place.folder / "store", left)
        runner.run(store.__aexit__(None, None, None))
    log = left / place.log().relative_to(place.folder / "store")
    with log.open("ab") as file:
        file.write(b'{"crc":"00000000","meta":')
    shutil.rmtree(place.folder / "store")
    left.rename(place.folder / "store")
    code, out, err = place.run("verify")
    assert (code, out.endswith("0 problems\n")) == (0, True)
    assert f"{log.name}: 25 bytes at " in err
    assert "unclean stop: 0 lines redone, 1 torn, 0 damaged" in err
    assert place.run("verify")[2] == ""


@pytest.mark.parametrize("backend", ["file"])
def test_a_store_that_is_in_use_is_not_repaired(place: Place) -> None:
    record(place)
    before = place.stored()
    with asyncio.Runner() as runner:
        store = holdall.open(place.folder / "store.toml")
        runner.run(store.__aenter__())
        code, _, err = place.run("repair", "--apply")
        assert code == 3
        assert err.endswith("holdall: other processes have the store open; stop them, then repair it\n")
        assert place.stored() == before
        runner.run(store.__aexit__(None, None, None))
    assert place.run("repair", "--apply")[0] == 0
    check_repaired(place)


@pytest.mark.crash
def test_a_repair_that_is_killed_is_run_again(place: Place) -> None:
    """At any call that writes: nothing that was not damaged is lost, and what was damaged is kept."""
    if shutil.which("strace") is None:
        pytest.skip("MISSING: strace")
    bad = [record(place), (last_line if place.backend == "file" else head)(place)]
    store, spoilt = place.folder / "store", place.folder / "spoilt"
    store.rename(spoilt)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    shutil.copytree(spoilt, store)
    points = [point for point in points_of(traced(place, None), store) if point.fault == KILL]
    assert len(points) > 5
    for point in random.Random(seed).sample(points, min(KILLS, len(points))):
        shutil.rmtree(store)
        shutil.copytree(spoilt, store)
        traced(place, point)
        assert place.run("repair", "--apply")[0] == 0, point
        assert all(map(place.kept, bad)), point
        check_repaired(place)
        texts = place.texts()
        assert texts.pop(MESSAGE).startswith("[lost")
        whole = [text(HURT, m) for m in range(MESSAGES) if m != MESSAGE]
        assert texts == (whole[:-1] if place.backend == "file" else whole), point


def traced(place: Place, point: Point | None) -> list[str]:
    """Repair, and kill it at a point; the calls that were seen."""
    log = place.folder / "calls"
    calls, inject = (",".join(FAULTS), []) if point is None else (point.call, ["-e", f"inject={point.injection}"])
    command = ["strace", "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace={calls}", "-e", "signal=none", *inject]
    command += [sys.executable, "-m", "holdall.cli", "--config", str(place.folder / "store.toml"), "repair", "--apply"]
    subprocess.run(command, capture_output=True, check=False)
    return log.read_text(errors="replace").splitlines()


def check_repaired(place: Place) -> None:
    """Nothing is left to find, and all other sessions are what they were."""
    code, out, _ = place.run("verify")
    assert (code, out.rsplit("; ", 1)[1]) == (0, "0 problems\n")
    assert place.run("repair", "--apply")[:2] == (0, "0 damages repaired\n")
    for n, session in enumerate(place.ids):
        if n != HURT:
            assert place.export(session) == place.exports[session]
