"""A bit flips in a record: it is found, costs that record only, is kept aside and reported, and can be repaired."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import holdall
from holdall.codecs import Codec
from holdall.errors import Damaged
from holdall.opening import open_storage
from holdall.plugins import Plugins
from holdall.settings import read_settings
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import DATA, flip, settings

SESSIONS, MESSAGES = 6, 10
FLIPS = int(os.environ.get("MATRIX_FLIPS", "25"))
"""How many records are damaged, one after the other; the long form takes 1,000."""
SEED = 7


def text(session: int, message: int) -> str:
    return f"<<session {session} message {message}: the quick brown fox>>"


async def fill(config: dict) -> list[str]:
    async with holdall.open(config) as store:
        made = [await store.create(owner="ana", title=f"s{n}") for n in range(SESSIONS)]
        for n, session in enumerate(made):
            await session.append([{"role": "user", "content": text(n, m)} for m in range(MESSAGES)])
        return [session.id for session in made]


async def opened(config: dict):
    return await open_storage(read_settings(config).storage, Plugins())


def damage(folder: Path, backend: str, wanted: bytes, rng: random.Random) -> None:
    assert any(flip(path, wanted, rng) for path in folder.glob(DATA[backend])), "the record is nowhere"


@pytest.mark.covers("QA-08")
@cells("bit flip in a record", file="T", diskcache="T", tinydb="T")
async def test_matrix(backend: str, tmp_path: Path) -> None:
    """One flipped bit in any of many records is found each time; everything else is served; a repair costs that record."""
    rng = random.Random(SEED)
    print("seed", SEED, "flips", FLIPS)
    config = settings(backend, tmp_path)
    ids = await fill(config)
    folder, good = tmp_path / "store", tmp_path / "good"
    shutil.copytree(folder, good)
    for _ in range(FLIPS):
        shutil.rmtree(folder)
        shutil.copytree(good, folder)
        session, message = rng.randrange(SESSIONS), rng.randrange(MESSAGES)
        damage(folder, backend, text(session, message).encode(), rng)
        storage = await opened(config)
        found = await verify(storage, Codec())
        place = (f"session/{ids[session]}", "messages/main", message)
        assert [(each.partition, each.lane, each.position) for each in found.hurt] == [place]
        assert found.records == SESSIONS * (MESSAGES + 1) - 1, "all the others are served"
        await storage.close()
        assert any((folder / "quarantine").iterdir()), "the damaged bytes are kept"
        if rng.random() < 5 / FLIPS:
            await repaired(config, place, ids)


async def repaired(config: dict, place: tuple[str, str, int], ids: list[str]) -> None:
    for applied in (False, True):
        storage = await opened(config)
        report = await repair(storage, Codec(), apply=applied, owner="nobody")
        assert [(each.hurt.partition, each.hurt.lane, each.hurt.position) for each in report.losses] == [place]
        assert report.left == []
        await storage.close()
    storage = await opened(config)
    assert (await verify(storage, Codec())).problems == []
    again = await repair(storage, Codec(), apply=True, owner="nobody")
    assert (again.losses, again.left, again.storage) == ([], [], [])
    await storage.close()
    async with holdall.open(config) as store:
        assert len((await store.list(owner="ana")).items) == SESSIONS
        for n, session in enumerate(ids):
            page = await store.history(session)
            expected = [text(n, m) for m in range(MESSAGES)]
            if place[0] == f"session/{session}":
                assert page.items[place[2]].text.startswith("[lost")
                expected[place[2]] = page.items[place[2]].text
            assert [item.text for item in page] == expected
            await store.append(session, [{"role": "user", "content": "after"}])


@cells("bit flip in a record", file="T", diskcache="T", tinydb="T")
async def test_a_lost_session_record_costs_its_title_and_not_its_messages(backend: str, tmp_path: Path) -> None:
    config = settings(backend, tmp_path)
    ids = await fill(config)
    damage(tmp_path / "store", backend, f'"title":"s{3}"'.encode(), random.Random(1))
    async with holdall.open(config) as store:
        with pytest.raises(Damaged):
            await store.get(ids[3])
        assert (await store.get(ids[2])).title == "s2"
    storage = await opened(config)
    report = await repair(storage, Codec(), apply=True, owner="nobody")
    assert report.left == []
    await storage.close()
    storage = await opened(config)
    assert (await verify(storage, Codec())).problems == []
    await storage.close()
    async with holdall.open(config) as store:
        page = await store.history(ids[3])
        assert [item.text for item in page] == [text(3, m) for m in range(MESSAGES)]
        assert (await store.get(ids[3])).owner == "nobody"
        assert [session.id for session in (await store.list(owner="nobody")).items] == [ids[3]]
