"""The catalogue is derived: it may be behind, ahead, or gone."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3

import pytest

from holdall.contract import Scan
from holdall.testing.steps import Step
from holdall_file import intents as module


async def listed(store, **wanted):
    return [item.head.partition for item in await store.scan(Scan(**wanted))]


@pytest.mark.parametrize("how", ["delete", "garbage", "both"])
async def test_it_is_made_again(open_store, tmp_path, filled, how):
    store = await open_store()
    for n in range(20):
        await filled(store, f"s{n:02}", n)
    expected = await listed(store, mark="recent", descending=True)
    await store.close()
    for path in (tmp_path / "store").glob("catalog.*"):
        if how == "both" or (how == "delete" and path.name.startswith("catalog.db")):
            path.unlink()
        elif path.name == "catalog.db":
            path.write_bytes(b"not a database, " * 1000)
    store = await open_store()
    assert sorted(await listed(store, mark="recent")) == sorted(expected)
    assert await listed(store) == [f"s{n:02}" for n in range(20)]
    await filled(store, "new", 50)
    assert (await listed(store, mark="recent", descending=True))[0] == "new"


async def test_two_may_make_it_at_once(open_store, tmp_path, filled):
    """SQLite does not wait for one who has a new database locked when it changes how that is written to."""
    store = await open_store()
    await filled(store, "one", 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "store" / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        listing = asyncio.create_task(listed(store))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(listing), 0.2)
        other.execute("ROLLBACK")
        assert await listing == ["one"]


async def test_its_log_is_emptied(open_store, tmp_path, filled, monkeypatch):
    monkeypatch.setattr(module, "ROTATE", 2000)
    store, other = await open_store(), await open_store()
    for n in range(10):
        await filled(store if n % 2 else other, f"s{n}", 20)
        assert await listed(store) == [f"s{m}" for m in range(n + 1)]
        assert await listed(other, mark="recent", limit=3) == await listed(store, mark="recent", limit=3)
    assert (tmp_path / "store" / "catalog.log").stat().st_size < 4000
    assert len(await listed(store, mark="recent")) == 10


async def test_after_a_crash_it_lacks_nothing_although_its_log_is_lost(open_store, tmp_path, filled):
    store = await open_store()
    await filled(store, "old", 2)
    await listed(store)
    await filled(store, "new", 3)
    folder = tmp_path / "crashed"
    shutil.copytree(tmp_path / "store", folder)
    (folder / "catalog.log").write_bytes(b"")
    again = await open_store(folder)
    assert await listed(again) == ["new", "old"]
    assert await listed(again, mark="recent") == ["old", "new"]


async def test_entries_of_hot_sessions_do_not_pile_up(open_store, tmp_path, filled):
    import sqlite3  # noqa: PLC0415

    store = await open_store(durability="process")
    for n in range(5):
        await filled(store, f"s{n}", 200)
    assert len(await listed(store, mark="recent")) == 5
    await store.close()
    db = sqlite3.connect(tmp_path / "store" / "catalog.db")
    assert db.execute("SELECT count(*) FROM rows").fetchone()[0] <= 20
    db.close()


async def test_a_name_used_again(open_store):
    store = await open_store()
    version = 100
    for _ in range(3):
        commit = Step("s", version=version).append("session", b"{}").mark("m", version).build()
        await store.commit(commit)
        assert await listed(store, mark="m") == ["s"]
        await store.drop("s", expect=version)
        assert await listed(store, mark="m") == []
        assert await listed(store) == []
        version += 100


def truncated(path, part):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])


def garbled(path, page):
    data = bytearray(path.read_bytes())
    data[page * 4096 + 8 : page * 4096 + 520] = b"\xff" * 512
    path.write_bytes(data)


@pytest.mark.parametrize("how", [truncated, garbled])
@pytest.mark.parametrize("crash", [False, True])
async def test_a_damaged_database_is_made_again(open_store, tmp_path, filled, *, how, crash):
    store = await open_store(durability="process")
    names = [f"s{n:03}" for n in range(150)]
    for name in names:
        await filled(store, name, 0)
    assert await listed(store, limit=500) == names
    await store.close()
    folder = tmp_path / "store"
    pages = (folder / "catalog.db").stat().st_size // 4096
    assert pages > 4
    for case in range(pages) if how is garbled else (0.1, 0.5, 0.9, 0.99):
        copy = tmp_path / f"copy{case}"
        shutil.copytree(folder, copy)
        how(copy / "catalog.db", case)
        if crash:
            (copy / "wal" / "1-00.wal").touch()
        store = await open_store(copy)
        await filled(store, "t", 0)
        assert await listed(store, limit=500) == [*names, "t"]
        assert await listed(store, mark="recent", limit=500) == [*names, "t"]
        assert await store.faults() == ["catalog.db: it was damaged, and was made again from the logs"]
        await store.close()
        store = await open_store(copy)
        assert await listed(store, limit=500) == [*names, "t"]
        assert await store.faults() == []
        await store.close()


async def test_a_database_that_is_damaged_in_use_is_made_again_for_everybody(open_store, tmp_path, filled):
    store, other = await open_store(), await open_store()
    await filled(store, "a", 1)
    assert await listed(store) == await listed(other) == ["a"]
    await other._beside(lambda catalog: catalog._db.execute("DELETE FROM merged"))
    assert await listed(store) == ["a"]
    await filled(store, "b", 1)
    assert await listed(store, mark="recent") == ["a", "b"]
    inode = (tmp_path / "store" / "catalog.db").stat().st_ino
    await filled(other, "c", 1)
    assert await listed(other) == await listed(store) == ["a", "b", "c"]
    assert (tmp_path / "store" / "catalog.db").stat().st_ino == inode
    assert len(await store.faults()) == 1
    assert await other.faults() == []
