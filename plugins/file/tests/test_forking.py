"""A child that is forked has all files that its parent had open: it closes them, so that it keeps none of its locks."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from pathlib import Path

from killed import append

from holdall.contract import Scan
from holdall_file import FileSessionStorage, FileSettings, beginning, recovery
from holdall_file.folder import Folder, digest_of, lock, log_name
from holdall_file.living import graveyard, unlocked


async def test_a_child_that_is_forked_while_the_log_is_made_does_not_keep_it_locked(open_store, tmp_path, monkeypatch):
    """Else nobody would see its parent die."""
    store = await open_store()
    making, forked = asyncio.Event(), threading.Event()
    loop, make = asyncio.get_running_loop(), beginning.Wal

    def slowly(folder, size):
        made = make(folder, size)
        loop.call_soon_threadsafe(making.set)
        forked.wait(0.2)  # nobody forks meanwhile: who wants to, waits
        return made

    monkeypatch.setattr(beginning, "Wal", slowly)
    first = asyncio.ensure_future(append(store, "s", b"1"))
    await making.wait()
    end, other_end = os.pipe()
    hears, said = os.pipe()
    child = fork()
    if child == 0:
        os.write(said, b"!")
        os.close(other_end)
        os.read(end, 1)
        os._exit(0)
    forked.set()
    os.read(hears, 1)
    for ours in (end, hears, said):
        os.close(ours)
    try:
        await first
        (name,) = (tmp_path / "store" / "wal").iterdir()
        store._opened.writer._wal.forget()  # all that the kernel does with it when the parent is killed
        folder = Folder(str(tmp_path / "store"), durable=True)
        assert unlocked(folder, f"wal/{name.name}")
        folder.close()
    finally:
        os.close(other_end)
        await asyncio.to_thread(os.waitpid, child, 0)


def fork():
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def test_a_child_that_is_forked_in_the_graveyard_does_not_keep_the_others_out(tmp_path):
    folder = Folder(str(tmp_path), durable=True)
    end, other_end = os.pipe()
    with graveyard(folder):
        child = fork()
        if child == 0:
            os.close(other_end)
            os.read(end, 1)
            os._exit(0)
    os.close(end)
    try:
        with graveyard(folder):
            pass
    finally:
        os.close(other_end)
        os.waitpid(child, 0)
        folder.close()


async def test_a_child_that_is_forked_while_a_log_is_looked_at_does_not_keep_it_locked(open_store, monkeypatch):
    """Compaction, repair and catalogue lock logs of their own accord: a child closes whatever was open."""
    store = await open_store()
    await append(store, "s", b"1")
    folder = store._opened.folder
    end, other_end = os.pipe()
    hears, said = os.pipe()
    born, look = [], recovery.open_tail

    def forks(fd, size):
        born.append(fork())
        if born == [0]:
            os.write(said, b"!")
            os.close(other_end)
            os.read(end, 1)
            os._exit(0)
        return look(fd, size)

    monkeypatch.setattr(recovery, "open_tail", forks)
    recovery.repair(folder, digest_of("s"))
    os.read(hears, 1)
    for ours in (end, hears, said):
        os.close(ours)
    try:
        log = folder.open(log_name(digest_of("s")))
        lock(log.fd, fcntl.LOCK_EX)
        log.close()
    finally:
        os.close(other_end)
        await asyncio.to_thread(os.waitpid, born[0], 0)


def locks_of_sqlite():
    locks = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    return sum(f" {os.getpid()} " in line and "POSIX" in line for line in locks)


def listed(path):
    """How many sessions the store has, for a child that has a loop of its parent's."""
    found = []

    async def run():
        store = await FileSessionStorage.open(FileSettings(path=path))
        found.append(len(await store.scan(Scan())))
        found.append(locks_of_sqlite())
        await store.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    thread.join()
    return found


async def test_a_child_has_its_own_locks_on_the_catalogue(open_store, tmp_path):
    """SQLite takes those of the parent for its own, and then has none: the next one to close would take itself for the last."""
    store = await open_store()
    await append(store, "s", b"1")
    assert len(await store.scan(Scan())) == 1
    hears, said = os.pipe()
    child = fork()
    if child == 0:
        os.write(said, repr(listed(tmp_path / "store")).encode())
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    assert os.read(hears, 100) == b"[1, 2]"
    os.close(hears)
    os.close(said)
    await append(store, "t", b"1")
    assert len(await store.scan(Scan())) == 2


async def test_a_child_that_comes_while_the_catalogue_is_used_does_not_use_it(open_store, tmp_path):
    store = await open_store()
    await append(store, "s", b"1")
    assert len(await store.scan(Scan())) == 1
    using, forked = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slowly(_):
        loop.call_soon_threadsafe(using.set)
        forked.wait()

    busy = asyncio.ensure_future(store._beside(slowly))
    await using.wait()
    hears, said = os.pipe()
    child = fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(said, repr(listed(tmp_path / "store")).encode())
        os._exit(0)
    forked.set()
    await asyncio.to_thread(os.waitpid, child, 0)
    await busy
    assert os.read(hears, 100) == b"[]"
    os.close(hears)
    os.close(said)
    assert len(await store.scan(Scan())) == 1
