"""SQLite in a process that forks: a child has what its parent had open, and none of the locks on it.

SQLite remembers which files its process has locked. A child that opens one of them takes its parent's locks for its own:
others take themselves for alone, and remove the log that it writes to, with what it has acknowledged. So a child closes
what it has of its parent at once. Where that cannot be, for only the thread that made a connection may close it, or another
one was using SQLite at that very moment, it refuses the files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from weakref import WeakSet

from holdall.errors import StorageUnavailable

__all__ = ["Opened", "using"]

_Identity = tuple[int, int]


class Opened:
    """A connection of this process, from before it is made until it is ``done``. One that can be closed is used within ``using``."""

    close: Callable[[], object] | None = None
    """Closes it, in a child, in another thread. Without it a child refuses the file."""

    def __init__(self, path: str) -> None:
        """Raises ``StorageUnavailable`` for a file that is refused."""
        if _identity(path) in _inherited:
            raise StorageUnavailable(f"{path}: this process was forked while its parent had it open; start another one")
        self._path = path
        _open.add(self)

    @property
    def identity(self) -> _Identity | None:
        """Which file it is."""
        return _identity(self._path)

    def done(self) -> None:
        """It is closed."""
        _open.discard(self)

    def until(self, close: Callable[[], object]) -> Callable[[], None]:
        """``close``, and then it is done."""

        def closed() -> None:
            close()
            self.done()

        return closed


@contextmanager
def using() -> Generator[None]:
    """Within: this thread uses SQLite."""
    thread = threading.get_ident()
    already = thread in _busy
    _busy.add(thread)
    try:
        yield
    finally:
        if not already:
            _busy.discard(thread)


_open: WeakSet[Opened] = WeakSet()
_busy: set[int] = set()
_inherited: set[_Identity | None] = set()
_kept: list[Opened] = []
"""Connections of a parent that must not be closed here."""


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path as text
    except OSError:  # there is none, or nobody can open it either
        return None
    return found.st_dev, found.st_ino


def _in_child() -> None:
    opened, busy = list(_open), bool(_busy)
    _open.clear()
    _busy.clear()
    for one in opened:
        if busy or one.close is None:
            _kept.append(one)
            _inherited.add(one.identity)
        else:
            one.close()
    _inherited.discard(None)


os.register_at_fork(after_in_child=_in_child)
