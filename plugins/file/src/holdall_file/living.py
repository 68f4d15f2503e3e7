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
    file = folder.open("graves.lock", os.O_RDWR | os.O_CREAT)
    try:
        lock(file.fd, how)
        yield
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
    """Whether no process has the file locked; not when it is gone."""
    try:
        file = folder.open(name)
    except FileNotFoundError:
        return False
    try:
        lock(file.fd, fcntl.LOCK_SH)
    except Busy:
        return False
    finally:
        file.close()
    return True


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
        file = folder.open(_LIVING, os.O_RDWR | os.O_CREAT)
        try:
            lock(file.fd, fcntl.LOCK_EX)
        except Busy:
            return True
        finally:
            file.close()
    return False
