"""Real processes that have a store open, do what they are told, and are killed where they are told."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from types import SimpleNamespace

from holdall.contract import Span
from holdall.errors import Conflict
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings, beginning, shortcut, wal
from holdall_file.wal import Wal

made = multiprocessing.get_context("forkserver")
made.set_forkserver_preload(["killed"])


def kill_me(*_: object, **__: object) -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def _half(fd: int, data: bytes, offset: int) -> None:
    os.pwrite(fd, data[: len(data) // 2], offset)
    kill_me()


def _put_back() -> None:
    """From the second look on, the clock is two hours behind what it was."""
    looks = iter([time.time_ns() + 2 * 3600 * 10**9])
    wal.time = SimpleNamespace(time_ns=lambda: next(looks, None) or time.time_ns())


POINTS = {
    "its clock is put back": _put_back,
    "its log is made": lambda: setattr(beginning, "Writer", kill_me),
    "the line is half written": lambda: setattr(shortcut, "write_all", _half),
    "the line is written": lambda: setattr(Wal, "append", kill_me),
}
"""Where a process can be told to die when it writes next; and what may happen to it before."""


async def append(store, name, record):
    """Append to a session until nobody was faster."""
    while True:
        found = await store.load(name)
        step = Step(name if found is None else found.head).append("messages/main", record)
        try:
            await store.commit(step.mark("recent", step.version).build())
        except Conflict:
            continue
        return


async def records(store, name="s"):
    """What the session has."""
    found = await store.load(name, Span("messages/main"))
    return None if found is None else list(found.records.values())


def _serve(door, settings):
    async def run():
        store = await FileSessionStorage.open(FileSettings(**settings))
        door.send("open")
        while True:
            word, *rest = await asyncio.to_thread(door.recv)
            if word == "append":
                for record in rest:
                    await append(store, "s", record)
            elif word == "die when":
                POINTS[rest[0]]()
            door.send(await records(store))

    asyncio.run(run())


class Process:
    """One that has the store open."""

    def __init__(self, **settings):
        self._door, theirs = made.Pipe()
        self._process = made.Process(target=_serve, args=(theirs, settings))
        self._process.start()
        theirs.close()

    async def told(self):
        """What it says next; ``EOFError``: it died."""
        return await asyncio.to_thread(self._door.recv)

    async def __call__(self, *words):
        self._door.send(words)
        return await self.told()

    async def dies(self, *words):
        """Let it do something that it does not survive."""
        self._door.send(words)
        try:
            said = await self.told()
        except (EOFError, ConnectionResetError):
            await asyncio.to_thread(self._process.join)
        else:
            raise AssertionError(f"it lives, and says {said}")

    def kill(self):
        """Send it SIGKILL, and wait until all that it had open is closed."""
        self._process.kill()
        self._process.join()
        self._door.close()


class Processes:
    """Opens them, and knows them all."""

    def __init__(self):
        self._born = []

    async def __call__(self, **settings):
        """One more that has the store open."""
        one = Process(**settings)
        self._born.append(one)
        assert await one.told() == "open"
        return one

    def kill(self):
        """Kill all of them."""
        for one in self._born:
            one.kill()
