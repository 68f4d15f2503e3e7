"""Putting damaged logs right, when somebody asks for it: what is cut off or moved away stays in quarantine.

What reading only refuses and reports is decided here. A log whose last line is damaged is set back to the line before
it; one that cannot be read at all is moved away; one of which all that is alive can be read is written anew. Records
that are lost are not replaced: their bytes are the core's.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from dataclasses import dataclass, field

from holdall.contract import Head
from holdall.errors import Damaged, StorageBusy, StorageFull
from holdall_file.cold import Found, read_at, read_everything
from holdall_file.compaction import compact
from holdall_file.faults import Bad, Busy
from holdall_file.folder import LONG, Descriptor, Folder, digest_of, lock, lock_soon, log_name, sync, write_all
from holdall_file.lines import Line, compose
from holdall_file.shelf import Shelf

__all__ = ["Mended", "alone", "mend"]


@dataclass(slots=True)
class Mended:
    """What was lost, a line for each damage, and the heads that the catalogue must be told of."""

    lost: list[str] = field(default_factory=list[str])
    heads: list[Head] = field(default_factory=list[Head])


def alone(store: Descriptor) -> None:
    """Keep every other process out until the store is closed; raises ``StorageBusy`` while there is one."""
    try:
        lock(store.fd, fcntl.LOCK_EX)
    except Busy:
        lock_soon(store.fd, fcntl.LOCK_SH, LONG)  # asking for more has cost what there was
        raise StorageBusy("other processes have the store open; stop them, then repair it") from None


def mend(folder: Folder, shelf: Shelf, *, apply: bool) -> Mended:
    """Look at every log, and put right what can be; without ``apply`` only say it. Raises ``Busy``."""
    mended = Mended()
    for part in folder.list("s"):
        directory = f"s/{part}"
        if not _is(folder, directory, stat.S_IFDIR):
            _move_away(folder, directory, mended, "it is not a file of this store", apply=apply)
            continue
        for name in folder.list(directory):
            path = f"{directory}/{name}"
            digest = name.removesuffix(".jsonl")
            if name.endswith(".tmp"):
                continue
            if log_name(digest) == path and _is(folder, path, stat.S_IFREG):
                _log(folder, shelf, digest, mended, apply=apply)
                if apply and not folder.exists(path):
                    shelf.moved_away(digest)
            else:
                _move_away(folder, path, mended, "it is not a file of this store", apply=apply)
    return mended


def _is(folder: Folder, name: str, kind: int) -> bool:
    """Whether it is of that kind, or gone by now."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode) == kind
    except FileNotFoundError:
        return True


def _log(folder: Folder, shelf: Shelf, digest: str, mended: Mended, *, apply: bool) -> None:
    name = log_name(digest)
    try:
        file = folder.open(name)
    except FileNotFoundError:  # its session was dropped meanwhile
        return
    try:
        lock_soon(file.fd, fcntl.LOCK_EX if apply else fcntl.LOCK_SH, LONG)
        size = os.fstat(file.fd).st_size
        try:
            found = read_everything(file.fd, size)
        except (Bad, Damaged) as error:
            _move_away(folder, name, mended, error.reason, apply=apply)
            return
        head, partition = found.state.head, found.header.partition
        if digest_of(partition) != digest or head is None:
            reason = "it holds no commit" if head is None else f"it belongs to {partition!r}"
            _move_away(folder, name, mended, reason, apply=apply)
            return
        if not found.bad:
            return
        for bad in found.bad:
            where = f"bytes {bad.start} to {bad.stop} ({bad.reason})"
            mended.lost.append(f"{name} ({partition!r}): {where}, and what of them is alive")
        last = found.bad[-1]
        if last.stop >= size and not last.members:
            mended.lost.append(f"{name} ({partition!r}): its newest commit; it is set back to the one before")
            if apply:
                mended.heads.append(_set_back(folder, file, found, last.start))
                folder.report.settled(name)
    finally:
        file.close()
    if apply:
        _write_anew(folder, shelf, partition)


def _set_back(folder: Folder, file: Descriptor, found: Found, start: int) -> Head:
    """Cut the damaged end off, and commit nothing on what is left, so that no version comes a second time."""
    state = found.state
    head = state.head
    if head is None:
        raise AssertionError("a log without a head is moved away")
    digest = digest_of(state.partition)
    _keep(folder, f"{digest}.{start}.damaged", read_at(file.fd, start, os.fstat(file.fd).st_size))
    version = max(head.version + 1, time.time_ns() // 1000)
    line = Line(commit=version, on=head.version, expires=head.expires_at, last=state.checkpoint)
    data, _ = compose(line, start)
    os.ftruncate(file.fd, start)
    write_all(file.fd, data, start)
    sync(file.fd)
    return Head(state.partition, version, version, head.expires_at, head.lanes, head.marks)


def _write_anew(folder: Folder, shelf: Shelf, partition: str) -> None:
    """Leave damage behind that no live record is in. Where one is, the core must replace it first."""
    session = shelf.hold(partition, fcntl.LOCK_EX)
    if session is None:
        return
    try:
        folder.sync_everything()  # what is kept in quarantine, before it is gone from here
        compact(folder, session)
    except Damaged:
        return
    finally:
        shelf.release(session)
        shelf.remove(session)
    folder.report.settled(log_name(session.digest))


def _move_away(folder: Folder, name: str, mended: Mended, reason: str, *, apply: bool) -> None:
    owner = folder.report.owners.get(name)
    mended.lost.append(f"{name}{'' if owner is None else f' ({owner!r})'}: all of it ({reason})")
    if apply:
        folder.rename(name, f"quarantine/{name.replace('/', '-')}.{time.time_ns()}.moved")
        folder.sync("quarantine")
        folder.sync(name.rpartition("/")[0])
        folder.report.settled(name)


def _keep(folder: Folder, name: str, data: bytes) -> None:
    """Keep bytes for certain, before they are cut off."""
    folder.quarantine(name, data, "cut off by a repair")
    try:
        kept = folder.open(f"quarantine/{name}", os.O_RDONLY)
    except FileNotFoundError:
        raise StorageFull(f"there is no room to keep what {name} is cut off from") from None
    try:
        if read_at(kept.fd, 0, len(data) + 1) != data:
            raise StorageFull(f"quarantine/{name} is there already, and is not what is to be kept")
        sync(kept.fd)
    finally:
        kept.close()
    folder.sync("quarantine")
