"""A process that is stopped keeps its locks: who needs them waits for a while, and is told."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from killed import append, records

from holdall.contract import Scan
from holdall.errors import StorageError, StorageUnavailable
from holdall_file import intents, mending, recent, shelf, stock, storage

NEWEST = Scan("recent", limit=10, descending=True)
LISTING = """
import asyncio, sys
from holdall.contract import Scan
from holdall_file import FileSessionStorage, FileSettings
async def run():
    store = await FileSessionStorage.open(FileSettings(path=sys.argv[1]))
    print(len(await store.scan(Scan())))
    await store.close()
asyncio.run(run())
"""
pytestmark = pytest.mark.covers("ST-11")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(storage, "_PATIENCE", 0.2)
    for module in (mending, stock):
        monkeypatch.setattr(module, "LONG", 0.1)


@contextmanager
def kept(path, how=fcntl.LOCK_EX):
    """What a process has that was stopped in the middle of something."""
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


async def test_one_who_was_stopped_while_it_announced_a_commit_keeps_nobody_from_beginning(open_store, tmp_path):
    await append(await open_store(), "s", b"0")
    other = await open_store()
    with kept(tmp_path / "store" / "catalog.log", fcntl.LOCK_SH):
        with pytest.raises(StorageUnavailable, match="another process"):
            await append(other, "s", b"1")
        assert await records(other) == [b"0"]
    await append(other, "s", b"1")
    assert await records(other) == [b"0", b"1"]


async def test_one_who_was_stopped_while_it_emptied_the_log_keeps_nobody_waiting(open_store, tmp_path):
    store = await open_store()
    await append(store, "s", b"0")
    with kept(tmp_path / "store" / "catalog.log"):
        for name in ("s", "new"):
            with pytest.raises(StorageUnavailable, match="another process"):
                await append(store, name, b"1")
        with pytest.raises(StorageUnavailable, match="another process"):
            await store.drop("s", expect=(await store.load("s")).head.version)
        with pytest.raises(StorageUnavailable, match="another process"):
            await store.scan(NEWEST)
        assert await records(store) == [b"0"]
    for name in ("s", "new"):
        await append(store, name, b"1")
    assert await records(store) == [b"0", b"1"]
    assert {item.head.partition for item in await store.scan(NEWEST)} == {"s", "new"}


async def test_lists_go_on_where_the_log_cannot_be_emptied(open_store, tmp_path, monkeypatch):
    store = await open_store()
    await append(store, "s", b"0")
    monkeypatch.setattr(intents, "ROTATE", 100)
    log = tmp_path / "store" / "catalog.log"
    with kept(log, fcntl.LOCK_SH):
        await append(store, "new", b"0")
        assert len(await store.scan(Scan())) == 2
        assert log.stat().st_size > 100
    assert len(await store.scan(Scan())) == 2
    assert log.stat().st_size == intents.HEADER


async def test_a_session_of_one_who_was_stopped(open_store, tmp_path, log_of):
    store = await open_store()
    for name in ("s", "t", "other"):
        await append(store, name, b"0")
    with kept(log_of(tmp_path / "store", "s")), kept(log_of(tmp_path / "store", "t")):
        looks = [append(store, "s", b"1"), store.purge("s"), store.scan(Scan("recent", limit=10, descending=True))]
        for look in [*looks, store.repair(apply=False)]:
            with pytest.raises(StorageUnavailable, match="another process"):
                await look
        await append(store, "other", b"1")
    assert await store.repair(apply=False) == []
    assert await records(store) == [b"0"]


@pytest.mark.parametrize(("part", "name"), [(shelf.Shelf, "_open"), (recent.Recent, "_adopt")])
async def test_what_the_system_says_while_sessions_are_listed_is_told(open_store, monkeypatch, part, name):
    store = await open_store()
    await append(store, "s", b"0")
    other = await open_store()

    def lacking(*_):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(part, name, lacking)
        with pytest.raises(StorageError, match="Too many open files"):
            await other.scan(NEWEST)
    assert len(await other.scan(NEWEST)) == 1


async def test_another_store_in_the_same_process_takes_no_locks_of_the_database_away(open_store, tmp_path):
    """A process that closes a file loses the locks that it has on it: others would take themselves for the last."""
    stores = [await open_store(), await open_store()]
    for number, store in enumerate(stores):
        await append(store, f"s{number}", b"0")
        assert len(await store.scan(Scan())) == number + 1
    database = tmp_path / "store" / "catalog.db-wal"
    inode = database.stat().st_ino
    listed = subprocess.run([sys.executable, "-c", LISTING, tmp_path / "store"], capture_output=True, check=True)  # noqa: ASYNC221
    assert listed.stdout == b"2\n"
    assert database.stat().st_ino == inode


async def test_a_catalogue_that_is_a_link_is_not_followed(open_store, tmp_path):
    store = await open_store()
    await append(store, "s", b"0")
    (tmp_path / "store" / "catalog.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="a link"):
        await store.scan(Scan())
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("steps", range(1, 8))
async def test_a_close_that_nobody_waits_for_any_more_is_finished(open_store, tmp_path, steps):
    """Else the process keeps its log and its locks for as long as it lives."""
    store = await open_store()
    await append(store, "s", b"0")
    assert len(await store.scan(Scan())) == 1
    closing = asyncio.ensure_future(store.close())
    for _ in range(steps):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await store.close()
    assert not list((tmp_path / "store" / "wal").iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("holdall-file")]
