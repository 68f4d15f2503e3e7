"""Many processes, one folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from killed import append

from holdall.contract import Scan, Span
from holdall.errors import StorageBusy, StorageUnavailable
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings, mending, opening, stock
from holdall_file.faults import Busy
from holdall_file.folder import Folder, lock
from holdall_file.living import anybody, graveyard, join

spawn = multiprocessing.get_context("spawn")


def appender(path, worker, count):
    async def run():
        store = await FileSessionStorage.open(FileSettings(path=path))
        for n in range(count):
            await append(store, "shared", json.dumps([worker, n]).encode())
        await store.close()

    asyncio.run(run())


async def test_four_processes_append_a_thousand(open_store, tmp_path):
    store = await open_store()
    children = [spawn.Process(target=appender, args=(tmp_path / "store", n, 250)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        await asyncio.to_thread(child.join)
    found = await store.load("shared", Span("messages/main"))
    got = [json.loads(record) for record in found.records.values()]
    assert len(got) == 1000
    for worker in range(4):
        assert [n for who, n in got if who == worker] == list(range(250))
    assert [item.head for item in await store.scan(Scan("recent"))] == [found.head]


def endless(path, names, ready):
    async def run():
        store = await FileSessionStorage.open(FileSettings(path=path))
        for name in names:
            await append(store, name, b"0")
        ready.set()
        await asyncio.gather(*(many(store, name) for name in names))

    async def many(store, name):
        for n in range(1, 1_000_000):
            await append(store, name, b"%d" % n)

    asyncio.run(run())


async def test_who_lives_on_puts_in_order_what_the_dead_left(open_store, tmp_path):
    store = await open_store()
    for _ in range(5):
        ready = spawn.Event()
        child = spawn.Process(target=endless, args=(tmp_path / "store", ["a", "b", "c"], ready))
        child.start()
        await asyncio.to_thread(ready.wait)
        await asyncio.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        await asyncio.to_thread(child.join)
        for name in "abc":
            await append(store, name, b'"after"')
            found = await store.load(name, Span("messages/main"))
            assert list(found.records.values())[-1] == b'"after"'
            runs = b" ".join(found.records.values()).split(b'"after"')[:-1]
            for run in runs:
                assert [int(n) for n in run.split()] == list(range(len(run.split())))
    assert store.report().buried == 5
    assert store.report().damaged == 0
    assert len(list((tmp_path / "store" / "wal").iterdir())) == 1


async def test_a_commit_that_is_not_synced_is_seen_by_nobody(open_store, filled, monkeypatch):
    """Neither in the process that writes it, whose loop goes on reading, nor in another that shares the folder."""
    store, other = await open_store(), await open_store()
    await filled(store, "s", 3)
    old = (await other.load("s")).head
    sync, entered, done = os.fdatasync, asyncio.Event(), False
    loop = asyncio.get_running_loop()

    def slow(fd):
        loop.call_soon_threadsafe(entered.set)
        time.sleep(0.3)
        nonlocal done
        done = True
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    writing = asyncio.create_task(store.commit(Step(old).append("messages/main", b"1").build()))
    await entered.wait()
    assert not done
    assert (await store.load("s")).head == old
    assert not done
    foreign = asyncio.create_task(other.load("s"))
    await asyncio.sleep(0.1)
    assert not done
    assert not foreign.done()
    await writing
    assert (await foreign).head.version == old.version + 1
    assert (await store.load("s")).head.version == old.version + 1


async def test_the_loop_goes_on_while_another_process_has_the_lock(open_store, tmp_path, log_of, filled):
    store = await open_store()
    await filled(store, "s", 1)
    head = (await store.load("s")).head
    fd = os.open(log_of(tmp_path / "store"), os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    waiting = asyncio.create_task(store.commit(Step(head).append("messages/main", b"1").build()))
    await append(store, "other", b"1")
    assert not waiting.done()
    os.close(fd)
    await waiting


async def test_a_forked_child_is_refused_and_holds_no_lock(open_store, filled):
    store = await open_store()
    await filled(store, "s", 1)
    read, write = os.pipe()
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            store._check()
        except StorageUnavailable:
            os.write(write, b"refused")
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    assert os.read(read, 10) == b"refused"
    os.close(read)
    os.close(write)
    assert (await store.load("s")) is not None


async def test_few_descriptors_many_sessions(open_store):
    """Sessions are evicted with their last bytes in the shared log only, and come back whole."""
    store = await open_store(open_sessions=8, shared_log_bytes=64 * 1024)

    async def write(name):
        for n in range(10):
            await append(store, name, b'"%d %s"' % (n, b"x" * 500))

    names = [f"s{n}" for n in range(40)]
    await asyncio.gather(*map(write, names))
    assert len(store._shelf.all()) <= 8
    for name in names:
        found = await store.load(name, Span("messages/main"))
        assert [int(record[1:].split()[0]) for record in found.records.values()] == list(range(10))


async def test_commits_that_wait_together_share_a_sync(open_store, filled, monkeypatch):
    store = await open_store()
    heads = {}
    for n in range(16):
        await filled(store, f"s{n}", 1)
        heads[f"s{n}"] = (await store.load(f"s{n}")).head
    syncs = 0
    sync = os.fdatasync

    def counting(fd):
        nonlocal syncs
        syncs += 1
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", counting)
    for _ in range(10):
        commits = {name: Step(head).append("messages/main", b"1").build() for name, head in heads.items()}
        await asyncio.gather(*(store.commit(commit) for commit in commits.values()))
        heads = {name: commit.onto(heads[name]) for name, commit in commits.items()}
    assert syncs <= 20


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_a_clean_close_leaves_nothing_to_recover(open_store, tmp_path, filled, durability):
    store = await open_store(durability=durability)
    await filled(store, "s", 5)
    assert len(list((tmp_path / "store" / "wal").iterdir())) == 1
    await store.close()
    assert not list((tmp_path / "store" / "wal").iterdir())
    store = await open_store()
    assert not store.report().unclean


async def test_opening_while_another_process_makes_its_log(open_store, tmp_path, monkeypatch, filled):
    """It waits: the crash tool saw an internal ``Busy`` come out of three processes that opened at once."""
    await filled(await open_store(), "s", 1)
    making = os.open(tmp_path / "store" / "graves.lock", os.O_RDWR)
    enter = opening._enter

    def entered(folder, store):
        alone = enter(folder, store)
        fcntl.flock(making, fcntl.LOCK_EX)
        threading.Timer(0.05, fcntl.flock, (making, fcntl.LOCK_UN)).start()
        return alone

    monkeypatch.setattr(opening, "_enter", entered)
    store = await open_store()
    fcntl.flock(making, fcntl.LOCK_EX)
    threading.Timer(0.05, fcntl.flock, (making, fcntl.LOCK_UN)).start()
    await append(store, "s", b"1")
    os.close(making)


async def test_who_only_reads_syncs_nothing_and_leaves_no_trace(open_store, tmp_path, filled, monkeypatch):
    store = await open_store()
    await filled(store, "s", 3)
    await store.close()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")}
    with monkeypatch.context() as patch:
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, lambda _: pytest.fail("nothing was written"))
        store = await open_store()
        assert len((await store.load("s", Span("messages/main"))).records) == 3
        assert await store.load("nobody") is None
        await store.close()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*")} == before


def dying(path):
    async def run():
        store = await FileSessionStorage.open(FileSettings(path=path))
        await append(store, "s", b"1")
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


async def killed(path):
    child = spawn.Process(target=dying, args=(path,))
    child.start()
    await asyncio.to_thread(child.join)


async def test_one_who_only_reads_vouches_that_the_store_was_recovered(open_store, tmp_path):
    """The last writer died; who comes then buries it while the reader lives on, and waits for nobody."""
    reader = await open_store()
    assert await reader.load("s") is None
    await killed(tmp_path / "store")
    third = await open_store()
    assert third.report().buried == 1
    assert not third.report().unclean
    assert await reader.load("s") == await third.load("s")
    await append(reader, "s", b"2")
    found = await third.load("s", Span("messages/main"))
    assert list(found.records.values()) == [b"1", b"2"]


async def test_where_nobody_lives_who_joined_the_dead_are_not_just_buried(open_store, tmp_path, monkeypatch):
    """Somebody may have died while recovering the store: until one is alone in it, nobody comes in."""
    await killed(tmp_path / "store")
    folder = Folder(str(tmp_path / "store"), durable=True)
    probing = folder.open("store.lock")
    lock(probing.fd, fcntl.LOCK_SH)
    monkeypatch.setattr(opening, "_PATIENCE", 0.1)
    with pytest.raises(StorageBusy):
        await open_store()
    probing.close()
    store = await open_store()
    assert store.report().unclean
    assert len((await store.load("s", Span("messages/main"))).records) == 1
    folder.close()


def test_who_asks_for_the_living_is_not_taken_for_one(tmp_path):
    folder = Folder(str(tmp_path), durable=True)
    assert not anybody(folder)
    with graveyard(folder), pytest.raises(Busy):
        anybody(folder)
    one, another = join(folder), join(folder)
    assert anybody(folder)
    one.close()
    assert anybody(folder)
    another.close()
    assert not anybody(folder)
    folder.close()


async def test_a_repair_that_only_looks_takes_nobody_who_writes_meanwhile_for_damage(open_store, tmp_path, monkeypatch):
    store = await open_store()
    await append(store, "shared", b"0")
    await append(store, "other", b"0")
    every = stock.every_head

    def meanwhile(folder):
        child = spawn.Process(target=appender, args=(tmp_path / "store", 0, 3))
        child.start()
        child.join()
        yield from every(folder)

    monkeypatch.setattr(stock, "every_head", meanwhile)
    assert list(await store.repair(apply=False)) == []
    with closing(sqlite3.connect(tmp_path / "store" / "catalog.db")) as database, database:
        database.execute("DELETE FROM rows WHERE name = ?", (b"other",))
    assert list(await store.repair(apply=False)) == ["catalog.db: entries of 'other', which come from its log again"]


async def test_a_log_that_goes_while_a_repair_looks_is_no_damage(open_store, tmp_path, monkeypatch, log_of):
    store = await open_store()
    await append(store, "shared", b"0")
    there = mending._is

    def gone(folder, name, kind):
        if name.endswith(".jsonl"):
            log_of(tmp_path / "store", "shared").unlink()
        return there(folder, name, kind)

    monkeypatch.setattr(mending, "_is", gone)
    assert list(await store.repair(apply=False)) == []
