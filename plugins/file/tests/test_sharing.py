"""Many processes, one folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import multiprocessing
import os
import signal
import threading
import time

import pytest

from holdall.contract import Scan, Span
from holdall.errors import Conflict, StorageUnavailable
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings, opening

spawn = multiprocessing.get_context("spawn")


async def append(store, name, record):
    while True:
        found = await store.load(name)
        step = Step(name if found is None else found.head).append("messages/main", record)
        try:
            await store.commit(step.mark("recent", step.version).build())
        except Conflict:
            continue
        return


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


async def test_opening_while_another_process_makes_its_log(open_store, tmp_path, monkeypatch):
    """It waits: the crash tool saw an internal ``Busy`` come out of three processes that opened at once."""
    await open_store()
    making = os.open(tmp_path / "store" / "graves.lock", os.O_RDWR)
    enter = opening._enter

    def entered(folder, store):
        alone = enter(folder, store)
        fcntl.flock(making, fcntl.LOCK_EX)
        threading.Timer(0.05, fcntl.flock, (making, fcntl.LOCK_UN)).start()
        return alone

    monkeypatch.setattr(opening, "_enter", entered)
    await open_store()
    os.close(making)
