"""Who has the store open: the processes that live, and those that died with a write-ahead log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from holdall_file.faults import Busy
from holdall_file.folder import Descriptor, Folder, lock

__all__ = ["anybody", "dead", "graveyard", "join", "unlocked"]

_LIVING = "living.lock"


@contextmanager
def graveyard(folder: Folder, how: int = fcntl.LOCK_EX) -> Generator[None]:
    """The right to make and remove write-ahead logs, or shared, to judge them; raises ``Busy``."""
    with _locked(folder, "graves.lock", how):
        yield


@contextmanager
def _locked(folder: Folder, name: str, how: int) -> Generator[None]:
    """Unlocked in so many words: closing does not do that while a child that was forked meanwhile has the file too."""
    file = folder.open(name, os.O_RDWR | os.O_CREAT)
    try:
        lock(file.fd, how)
        try:
            yield
        finally:
            fcntl.flock(file.fd, fcntl.LOCK_UN)
    finally:
        file.close()


def dead(folder: Folder, own: str) -> list[str]:
    """The logs whose processes died. Raises ``Busy`` while another process is at work on them."""
    names = [name for name in folder.wals() if f"wal/{name}" != own]
    if not names:
        return []
    with graveyard(folder, fcntl.LOCK_SH):
        return [name for name in names if unlocked(folder, f"wal/{name}")]


def unlocked(folder: Folder, name: str) -> bool:
    """Whether no process has the file locked; not when it is gone, be it since it was opened here."""
    try:
        file = folder.open(name)
    except FileNotFoundError:
        return False
    try:
        lock(file.fd, fcntl.LOCK_SH)
        return os.fstat(file.fd).st_nlink > 0
    except Busy:
        return False
    finally:
        file.close()


def join(folder: Folder) -> Descriptor:
    """Be one of the living until it is closed. Only in a store that is in order; raises ``Busy``."""
    file = folder.open(_LIVING, os.O_RDWR | os.O_CREAT)
    try:
        lock(file.fd, fcntl.LOCK_SH)
    except Busy:
        file.close()
        raise
    return file


def anybody(folder: Folder) -> bool:
    """Whether a process lives that has joined. Raises ``Busy`` while another one asks, who could be taken for one."""
    with graveyard(folder):
        try:
            with _locked(folder, _LIVING, fcntl.LOCK_EX):
                return False
        except Busy:
            return True
