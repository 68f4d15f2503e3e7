"""After a crash: repeating the write-ahead logs, cutting off what was half written, keeping aside what is damaged.

Two ways lead here. Whoever opens a store that nobody else has open ``recovers`` it whole, which is all that a power
cut needs. Where other processes live on, a dead one is ``buried``: the page cache still has all that it wrote, so
only its last files need a look and a sync.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from itertools import groupby

from holdall.errors import Damaged
from holdall.folders import no_room
from holdall_file.cold import Found, Stretch, header_of, open_tail, read_at, read_everything, read_line
from holdall_file.faults import Bad
from holdall_file.folder import Descriptor, Folder, lock, log_name, logger, sync, write_all
from holdall_file.lines import Short, parse
from holdall_file.living import dead, graveyard, unlocked
from holdall_file.wal import Entry, entries_of, flight_of, started_of

__all__ = ["bury", "recover", "repair", "report_damage", "settle"]

_SLACK = 60 * 10**9
"""How far clocks and file times may differ."""
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What the process or the machine lacks: it says nothing of the log, which would stay torn and count as damaged."""


def bury(folder: Folder, own: str) -> None:
    """Put in order what dead processes left while others live on. Raises ``Busy``: come again."""
    with graveyard(folder):
        for name in folder.wals():
            if f"wal/{name}" != own and unlocked(folder, f"wal/{name}"):
                _bury_one(folder, f"wal/{name}")


def _bury_one(folder: Folder, name: str) -> None:
    file = folder.open(name)
    flight = flight_of(file)
    file.close()
    for digest in flight:
        try:
            _tidy(folder, f"s/{digest[:2]}", digest)
            repair(folder, digest)
        except Damaged as error:  # whoever asks for it by name is told
            folder.report.fault(log_name(digest), error.reason)
    folder.sync_everything()  # whatever is promised here, the dead one may have promised more
    folder.unlink(name)
    folder.sync("wal")
    folder.report.buried += 1
    logger.warning("the process of %s died; %d files checked", name, len(flight))


def _tidy(folder: Folder, directory: str, prefix: str) -> None:
    """Remove what creations and compactions left behind, unless somebody is still at it."""
    try:
        names = folder.list(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.endswith(".tmp") and name.startswith(prefix) and unlocked(folder, f"{directory}/{name}"):
            with suppress(FileNotFoundError):
                folder.unlink(f"{directory}/{name}")


def repair(folder: Folder, digest: str) -> Found | None:
    """Cut a torn end off a log, or remove a log whose creation never came to an end."""
    try:
        file = folder.open(log_name(digest))
    except FileNotFoundError:
        return None
    lock(file.fd, fcntl.LOCK_EX)
    try:
        size = os.fstat(file.fd).st_size
        try:
            return open_tail(file.fd, size)
        except Bad:
            return _mend(folder, file, digest, size)
    finally:
        file.close()


def _mend(folder: Folder, file: Descriptor, digest: str, size: int) -> Found | None:
    try:
        found = read_everything(file.fd, size)
    except Bad as fault:
        if _lines_after(file.fd, 0, size):
            report_damage(folder, file.fd, digest, Stretch(0, size, fault.reason, members=False))
            return None
        found = None
    if found is None or found.state.head is None:
        _keep_torn(folder, file.fd, digest, 0)
        folder.unlink(log_name(digest))
        if folder.durable:
            folder.sync(f"s/{digest[:2]}")
        return None
    cut = _torn_from(file.fd, found, size)
    if cut is not None:
        _keep_torn(folder, file.fd, digest, cut)
        os.ftruncate(file.fd, cut)
        if folder.durable:
            sync(file.fd)
        return open_or_read(file.fd, cut)
    for stretch in found.bad:
        report_damage(folder, file.fd, digest, stretch)
    return found


def open_or_read(fd: int, size: int) -> Found:
    """The log from its tail, or where that can't be, from its start."""
    try:
        return open_tail(fd, size)
    except Bad:
        return read_everything(fd, size)


def _lines_after(fd: int, at: int, size: int) -> bool:
    """Whether anything behind ``at`` still looks like a line that was written by itself."""
    data = read_at(fd, at, size)
    start = data.find(b'\n{"crc":"')
    while start >= 0:
        try:
            if parse(data, start + 1, at).line.group is None:
                return True
        except (Bad, Short):
            pass
        start = data.find(b'\n{"crc":"', start + 1)
    return False


def _torn_from(fd: int, found: Found, size: int) -> int | None:
    """Where the write begins that was never finished, if that is what is wrong with the end of a log.

    The lines of one write name its start as their group: when all good lines behind a bad one belong to the same
    write, none of them was acknowledged.
    """
    for bad in found.bad:
        start, stop = bad.start, bad.stop
        if stop >= size:
            return start
        data = read_at(fd, stop, size)
        at, together = 0, True
        while at < len(data) and together:
            try:
                parsed = parse(data, at, stop)
            except (Bad, Short):
                break
            together = parsed.line.group is not None and parsed.line.group <= start
            at = parsed.end - stop
        if together:
            return start
    return None


def _keep_torn(folder: Folder, fd: int, digest: str, start: int) -> None:
    found = os.fstat(fd)
    data = read_at(fd, start, found.st_size)
    note = f"{log_name(digest)}: {len(data)} bytes at {start} were never finished and are cut off"
    folder.report.torn += 1
    folder.report.note(note)
    folder.quarantine(f"{digest}.{start}.{found.st_mtime_ns}.torn", data, note)


def report_damage(folder: Folder, fd: int, digest: str, stretch: Stretch) -> None:
    """Report damage, once, and keep a copy of it; the log itself is left as it is."""
    start, stop = stretch.start, stretch.stop
    damage = f"{stop - start} bytes at {start} are damaged: {stretch.reason}"
    if folder.report.fault(log_name(digest), damage):
        note = f"{log_name(digest)}: {damage}"
        folder.report.damaged += 1
        folder.report.note(note)
        folder.quarantine(f"{digest}.{start}.damaged", read_at(fd, start, stop), note)


def recover(folder: Folder) -> list[Found] | None:
    """Make a store whole that nobody else has open; ``None``: it was closed as it should be.

    The logs that may have changed come back, for the catalogue. ``settle`` ends it.
    """
    names = dead(folder, "")
    if not names:
        return None
    folder.report.unclean = True
    since: list[int] = []
    entries: list[Entry] = []
    for name in names:
        file = folder.open(f"wal/{name}")
        since.append(started_of(file))
        entries += entries_of(file)
        file.close()
    _redo(folder, entries)
    return _sweep(folder, min(since) - _SLACK)


def settle(folder: Folder) -> None:
    """Make the recovery last, and forget what it came from."""
    folder.sync_everything()
    for name in dead(folder, ""):
        folder.unlink(f"wal/{name}")
    folder.sync("wal")
    report = folder.report
    logger.warning("unclean stop: %d lines redone, %d torn, %d damaged", report.redone, report.torn, report.damaged)


def _sweep(folder: Folder, since: int) -> list[Found]:
    """Check every log that was written since ``since``."""
    found: list[Found] = []
    for directory, name in folder.logs():
        if name.endswith(".tmp"):
            _tidy(folder, directory, name)
            continue
        if os.stat(f"{directory}/{name}", dir_fd=folder.fd, follow_symlinks=False).st_mtime_ns < since:
            continue
        try:
            log = repair(folder, name.removesuffix(".jsonl"))
        except (OSError, Damaged) as error:  # whoever asks for it by name is told
            if no_room(error) or getattr(error, "errno", 0) in _SHORT:
                raise
            folder.report.fault(f"{directory}/{name}", str(error))
            logger.error("%s/%s can't be checked: %s", directory, name, error)
            continue
        if log is not None and log.state.head is not None:
            found.append(log)
    return found


def _redo(folder: Folder, entries: list[Entry]) -> None:
    """Bring the entries of every log into their files, from low offsets to high."""
    entries.sort(key=lambda entry: (entry.digest, entry.offset))
    for digest, group in groupby(entries, key=lambda entry: entry.digest):
        try:
            file = folder.open(log_name(digest))
        except (FileNotFoundError, Damaged):
            continue
        try:
            header = header_of(file.fd, os.fstat(file.fd).st_size)[0]
            for entry in group:
                if entry.id == header.id:
                    folder.report.redone += _redo_entry(file.fd, entry)
        except (Bad, Damaged) as error:
            logger.error("a write-ahead log does not fit %s: %s", log_name(digest), error)
        finally:
            file.close()


def _redo_entry(fd: int, entry: Entry) -> int:
    """Line by line, until another whole line came to stand in the place of one; how many were not there.

    That one was written after this write had failed, so what follows here may lie in the middle of what is good.
    """
    at = redone = 0
    while at < len(entry.data):
        end = parse(entry.data, at, 0).end
        offset, line = entry.offset + at, entry.data[at:end]
        size = os.fstat(fd).st_size
        if offset > size:
            raise Bad(offset, "the file ends before it")
        there = read_at(fd, offset, min(offset + len(line), size))
        if there != line and _whole(fd, offset, size):
            break
        write_all(fd, line, offset)  # the same bytes too: a failed sync may have left them in memory only
        redone += there != line
        at = end
    return redone


def _whole(fd: int, offset: int, size: int) -> bool:
    """Whether a whole line stands at ``offset``."""
    try:
        end = read_line(fd, offset, size).end
        parse(read_at(fd, offset, end), 0, offset, whole=True)
    except (Bad, Short):
        return False
    return True
