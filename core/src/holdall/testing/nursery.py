"""A process that has imported everything already, and forks children that can begin at once.

``python -m holdall.testing.nursery FD '{"plugin": …, "modules": […]}'`` is the other side of ``Nursery``. It has one
thread and has opened no storage, so a fork of it is as good as a fresh process, and saves most of a second.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, Self

from holdall.testing.children import PATIENCE, Child
from holdall.testing.opening import Subject, find

__all__ = ["Forked", "Nursery"]

_MOST = 1 << 17
_WHOLE = ("holdall.sessions", "holdall.checking", "holdall.folders")
_WARM = (
    "holdall.opening", "holdall.sessions.store", "asyncio.runners", "concurrent.futures.thread",
    "copy", "dataclasses", "random", "uuid_utils",
)  # fmt: skip


class Forked:
    """A child of the nursery. It is not ours, so we know when it ends and not how."""

    def __init__(self, pid: int, stdin: IO[str], stdout: IO[str]) -> None:
        self.pid = pid
        self.stdin: IO[str] | None = stdin
        self.stdout: IO[str] | None = stdout
        self._ended = False
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle, self._ended = -1, True

    def kill(self) -> None:
        """Send it SIGKILL."""
        if not self._ended:
            try:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            except ProcessLookupError:
                return

    def poll(self) -> int | None:
        """``None`` while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it is gone, with all that it had open."""
        code = self._look(PATIENCE if timeout is None else timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a child of the nursery", timeout or PATIENCE)
        return code

    def _look(self, patience: float) -> int | None:
        if not self._ended:
            self._ended = bool(select.select([self._handle], [], [], patience)[0])
            if self._ended:
                os.close(self._handle)
        return 0 if self._ended else None


class Nursery:
    """Forks children that run ``main(task)`` of one of ``modules``."""

    def __init__(self, subject: Subject, *modules: str, env: Mapping[str, str] | None = None) -> None:
        self._subject = subject
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told = {"plugin": subject.plugin, "file": subject.file, "modules": modules}
        command = [sys.executable, "-m", "holdall.testing.nursery", str(theirs.fileno()), json.dumps(told)]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, **(env or {})}
            )

    def child(self, module: str, options: Mapping[str, Any], task: Mapping[str, Any]) -> Child:
        """A process that runs ``module.main(task)``; its output is a socket, which takes ``write`` and ``send``."""
        return Child(self.fork(module, options, task))

    def fork(self, module: str, options: Mapping[str, Any], task: Mapping[str, Any]) -> Forked:
        """The same, for who reads its pipe himself."""
        named = {"plugin": self._subject.plugin, "file": self._subject.file, "options": dict(options), **task}
        told = json.dumps({"module": module, "task": named}, default=str).encode()
        assert len(told) < _MOST, "a task is too long to be told"
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = socket.socketpair()
        socket.send_fds(self._ours, [told], [theirs_in, theirs_out.fileno()])
        os.close(theirs_in)
        theirs_out.close()
        answer = self._ours.recv(64)
        assert answer, "the nursery ended"
        return Forked(int(answer), os.fdopen(ours_in, "w"), os.fdopen(ours_out.detach()))

    def close(self) -> None:
        """Close it; its children live on."""
        self._ours.close()
        self._process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(door: socket.socket) -> dict[str, Any] | None:
    """Fork a child for each task; only the children come back, with theirs."""
    while True:
        told, handles, _, _ = socket.recv_fds(door, _MOST, 2)
        if not told:
            return None
        pid = os.fork()
        if pid == 0:
            for n, handle in enumerate(handles):
                os.dup2(handle, n)
                os.close(handle)
            door.close()
            return json.loads(told)
        for handle in handles:
            os.close(handle)
        door.send(str(pid).encode())


def _import_all(package: str) -> None:
    """Import every module of ``package``: a child that did it late would open files among the calls that are counted."""
    places = getattr(sys.modules.get(package) or importlib.import_module(package), "__path__", ())
    for found in pkgutil.walk_packages(places, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _main(handle: int, told: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    modules: Sequence[str] = told["modules"]
    for name in (*_WARM, *modules):
        importlib.import_module(name)
    _import_all(find(told["plugin"], told["file"]).open.__module__.partition(".")[0])
    for package in _WHOLE:
        _import_all(package)
    order = _serve(socket.socket(fileno=handle))
    if order is not None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
        asyncio.run(importlib.import_module(order["module"]).main(order["task"]))


if __name__ == "__main__":
    _main(int(sys.argv[1]), json.loads(sys.argv[2]))
