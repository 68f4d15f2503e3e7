"""A child that is forked has all files that its parent had open: it closes them, so that it keeps none of its locks."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading

from killed import append

from holdall_file import beginning, recovery
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
