"""Leaving no byte behind: of one session's log, of write-ahead logs, of what was kept aside."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

from holdall_file.compaction import compact
from holdall_file.folder import Folder, digest_of, write_all
from holdall_file.lasting import Lasting
from holdall_file.living import dead
from holdall_file.recovery import bury
from holdall_file.shelf import Shelf
from holdall_file.wal import Wal

__all__ = ["ASKED", "purge"]

ASKED = "scrub"
"""The file that changes when every process is asked to empty its write-ahead log."""
_BLOCK = 1 << 20


def purge(folder: Folder, shelf: Shelf, wal: Wal, lasting: Lasting, partition: str) -> list[str]:
    """Write the session's log anew, and take what others have of it; a line for each place that still has some.

    Raises ``Busy`` while another process has the log.
    """
    digest = digest_of(partition)
    if dead(folder, wal.name):
        bury(folder, wal.name)
    session = shelf.hold(partition, fcntl.LOCK_EX)
    if session is not None:
        try:
            _unlink(folder, f"s/{digest[:2]}", lambda name: name.startswith(f"{digest}.") and name.endswith(".tmp"))
            wal.announce([digest])
            compact(folder, session)
            shelf.remove(session)
            lasting.synced(digest)
        finally:
            shelf.release(session)
    _unlink(folder, "quarantine", lambda name: digest in name)
    left = [] if lasting.scrub() else [f"{wal.name}: it is needed until the store is opened again, for a sync failed"]
    others = [f"wal/{name}" for name in folder.wals() if f"wal/{name}" != wal.name]
    having = [name for name in others if _has(folder, name, bytes.fromhex(digest))]
    if having:
        _ask(folder)
    return left + [f"{name}: a process that is running has it, and empties it within a minute or so" for name in having]


def _unlink(folder: Folder, directory: str, which: Callable[[str], bool]) -> None:
    try:
        names = [name for name in folder.list(directory) if which(name)]
    except FileNotFoundError:
        return
    for name in names:
        folder.unlink(f"{directory}/{name}")
    if names:
        folder.sync(directory)


def _has(folder: Folder, name: str, digest: bytes) -> bool:
    """Whether a write-ahead log has an entry of the session, be it of long ago."""
    try:
        file = folder.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        at, tail = _SKIP, b""
        while data := os.pread(file.fd, _BLOCK, at):
            if digest in tail + data:
                return True
            at, tail = at + len(data), data[-len(digest) :]
        return False
    finally:
        file.close()


_SKIP = 4096
"""What a write-ahead log has before its entries: names of files, and nothing of what is in them."""


def _ask(folder: Folder) -> None:
    """Ask every process to empty its log."""
    with suppress(FileExistsError):
        folder.create(ASKED).close()
    file = folder.open(ASKED)
    try:
        write_all(file.fd, os.urandom(16), 0)
    finally:
        file.close()
