"""Several workers on one socket: started together, brought back when they die, stopped without loss.

The socket is the supervisor's, so connections that wait for a worker outlive the death of one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from holdall import Settings, SettingsError, StorageError
from holdall_server.worker import FAILED, READY, work

__all__ = ["run"]

log = logging.getLogger("holdall.server")
_MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"
_SLOWEST = 2.0
"""Seconds that a worker which keeps dying waits at most before it is started again."""
_MARGIN = 5.0
"""Seconds beyond the grace after which a worker that does not stop is killed."""


@dataclass(slots=True)
class Seat:
    """A place for a worker, and the worker in it."""

    process: BaseProcess
    orders: Connection[Any, Any]
    ready: bool = False


def run(settings: Settings, sock: socket.socket, *, ready: Callable[[], None]) -> None:
    """Keep ``settings.server.workers`` processes serving until a signal says to stop."""
    with _measures(), _signals() as told:
        Supervisor(settings, sock, ready, told).run()


class Supervisor:
    """Starts, watches and stops the workers."""

    def __init__(self, settings: Settings, sock: socket.socket, ready: Callable[[], None], told: socket.socket) -> None:
        self._settings = settings
        self._sock = sock
        self._ready: Callable[[], None] | None = ready
        self._told = told
        self._context = _context()
        self._seats: list[Seat] = []
        self._deaths: list[float] = []
        self._due: list[float] = []
        self._cut = False

    def run(self) -> None:
        """Until a signal comes, or the workers cannot even start."""
        try:
            for _ in range(self._settings.server.workers):
                self._start()
            while not self._stopped():
                self._watch()
        finally:
            self._stop()
        if self._cut:
            raise SystemExit(1)

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(self._settings, self._sock, theirs), name="holdall-worker", daemon=True
        )
        process.start()
        theirs.close()
        self._seats.append(Seat(process, ours))

    def _stopped(self) -> bool:
        try:
            return bool(self._told.recv(64))
        except BlockingIOError:
            return False

    def _watch(self) -> None:
        """Wait for the next thing that happens, and deal with it."""
        watched: list[Any] = [self._told]
        for seat in self._seats:
            watched += [seat.process.sentinel, seat.orders]
        patience = max(min(self._due) - time.monotonic(), 0) if self._due else None
        wait(watched, patience)
        for seat in list(self._seats):
            self._listen(seat)
            if not seat.process.is_alive():
                self._bury(seat)
        now = time.monotonic()
        for due in [due for due in self._due if due <= now]:
            self._due.remove(due)
            self._start()

    def _listen(self, seat: Seat) -> None:
        try:
            while seat.orders.poll():
                said = seat.orders.recv()
                if said == READY:
                    seat.ready = True
                    self._tell()
                elif self._ready is not None and said[0] == FAILED:
                    _, why, configured = said
                    raise SettingsError(why) if configured else StorageError(f"a worker cannot start: {why}")
                else:
                    log.error("a worker cannot start: %s", said[1])
        except (EOFError, OSError):
            return
        if self._ready is not None and all(seat.ready for seat in self._seats):
            self._ready()
            self._ready = None

    def _bury(self, seat: Seat) -> None:
        """Take a dead worker's measures out of the sums, and see to it that another takes its place."""
        self._seats.remove(seat)
        seat.orders.close()
        seat.process.join()
        pid, code = seat.process.pid, seat.process.exitcode
        _forget(pid)
        if self._ready is not None and not seat.ready:
            raise StorageError(f"a worker ended with status {code} before it could serve")
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if death > now - 10), now]
        pause = 0.0 if len(self._deaths) <= self._settings.server.workers else min(0.1 * len(self._deaths), _SLOWEST)
        self._due.append(now + pause)
        log.error("worker %s ended with status %s; another is started in %.1f s", pid, code, pause)
        self._tell()

    def _tell(self) -> None:
        """Let every worker know how many they are."""
        alive = sum(seat.ready for seat in self._seats)
        for seat in self._seats:
            try:
                seat.orders.send(alive)
            except OSError:
                continue

    def _stop(self) -> None:
        for seat in self._seats:
            seat.process.terminate()
            seat.orders.close()  # says the same to one that cannot hear signals yet
        deadline = time.monotonic() + self._settings.server.grace + _MARGIN
        for seat in self._seats:
            seat.process.join(max(deadline - time.monotonic(), 0))
            if seat.process.is_alive():
                log.error("worker %s did not stop in time and is killed", seat.process.pid)
                self._cut = True
                seat.process.kill()
                seat.process.join()


def _context() -> Any:
    """Workers are forked from a process that has imported everything already, where the system can do that."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["holdall_server.warm"])
    return context


@contextmanager
def _signals() -> Generator[socket.socket, None, None]:
    """A socket that can be read once a signal to stop has come."""
    told, teller = socket.socketpair()
    told.setblocking(False)
    teller.setblocking(False)

    def tell(*_: int | FrameType | None) -> None:
        teller.send(b"!")

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        told.close()
        teller.close()


@contextmanager
def _measures() -> Generator[None, None, None]:
    """A directory in which the workers put their measures; cleared of what an earlier server left."""
    given = os.environ.get(_MULTIPROC)
    directory = Path(given or tempfile.mkdtemp(prefix="holdall-metrics-"))
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob("*.db"):
        left.unlink()
    os.environ[_MULTIPROC] = str(directory)
    try:
        yield
    finally:
        if given is None:
            del os.environ[_MULTIPROC]
            shutil.rmtree(directory, ignore_errors=True)


def _forget(pid: int | None) -> None:
    """Remove the gauges of a dead worker; its counters stay in the sums."""
    directory = os.environ.get(_MULTIPROC)
    if directory is not None and pid is not None:
        for left in Path(directory).glob(f"gauge_live*_{pid}.db"):
            left.unlink(missing_ok=True)
