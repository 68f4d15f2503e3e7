"""The lock on the folder, for which nobody waits for ever: a process that is stopped keeps what it has."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

__all__ = ["locked"]

_PAUSE = 0.005


@contextmanager
def locked(path: Path, patience: float) -> Generator[None]:
    """Within: no other process is. Raises ``BlockingIOError`` after ``patience`` seconds of waiting."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _held.add(fd)
    try:
        _wait(fd, monotonic() + patience)
        yield
    finally:
        _held.discard(fd)
        os.close(fd)


def _wait(fd: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= until:
                raise
        sleep(_PAUSE)


_held: set[int] = set()


def _close_all() -> None:
    """In a forked child: a lock of its parent's would last until it has closed the file, too."""
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_close_all)
