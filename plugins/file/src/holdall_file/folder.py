"""The store's folder: private, opened once, and never left through a name or a link."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
import weakref
from collections.abc import Iterator
from time import monotonic, sleep

from holdall.digests import sha256
from holdall.errors import Damaged
from holdall.folders.private import private
from holdall_file.faults import Busy, SyncFailed
from holdall_file.report import Report

__all__ = ["LONG", "Descriptor", "Folder", "digest_of", "lock", "lock_soon", "log_name", "logger", "sync", "write_all"]

logger = logging.getLogger("holdall.file")

NO_LOG = "it is not a file of this store"
_FOREIGN = (errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO)
"""What opening a link, a directory, something below a file, or a pipe or socket ends in."""
_PAUSE = 0.0005
LONG = 30.0
"""Seconds to wait for a lock where giving up costs much: who looks at every log would begin anew."""
_LOG = re.compile("[0-9a-f]{64}\\.jsonl")
_WAL = re.compile("[0-9]+-[0-9a-f]+\\.wal")


class Descriptor:
    """An open file, closed when the last one who holds it lets go: a reader on another thread never loses it."""

    __slots__ = ("__weakref__", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        _open.add(self)

    def close(self) -> None:
        """Close it now; for a holder that knows that it is the last."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


_open: weakref.WeakSet[Descriptor] = weakref.WeakSet()


def _close_all() -> None:
    """In a forked child: a lock of its parent's would last until it has closed the file, too."""
    for one in list(_open):
        one.close()


os.register_at_fork(after_in_child=_close_all)


def digest_of(partition: str) -> str:
    """The name of the partition's file: no part of the partition's own name ever reaches the file system."""
    return sha256(partition.encode("utf-8", "surrogatepass")).hexdigest()


def log_name(digest: str) -> str:
    """Where the log of ``digest`` lies inside the folder."""
    return f"s/{digest[:2]}/{digest}.jsonl"


def lock(fd: int, how: int) -> None:
    """Lock without waiting; raises ``Busy``."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy from None


def lock_soon(fd: int, how: int, patience: float = 0.1) -> None:
    """Lock, waiting for ``patience`` seconds; then it raises ``Busy``: a process that is stopped keeps what it has."""
    until = monotonic() + patience
    while True:
        try:
            return lock(fd, how)
        except Busy:
            if monotonic() >= until:
                raise
            sleep(_PAUSE)


def sync(fd: int) -> None:
    """Bring a file's bytes to the disk. A failure is never tried again: the kernel forgets what it lost."""
    try:
        os.fdatasync(fd)
    except OSError as error:
        raise SyncFailed(error.errno, f"sync failed: {error.strerror}") from error


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at ``offset``, however many calls it takes."""
    done = os.pwrite(fd, data, offset)
    if done < len(data):
        view = memoryview(data)
        while done < len(data):
            done += os.pwrite(fd, view[done:], offset + done)


class Folder:
    """Opens, creates and removes files below one directory, by its descriptor."""

    def __init__(self, path: str, *, durable: bool) -> None:
        self.path = private(path)
        self.durable = durable
        """Whether a power cut may cost nothing that was acknowledged."""
        self.report = Report()
        self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in ("s", "wal", "quarantine"):
                self.make(name)
        except BaseException:
            self.close()
            raise

    def make(self, name: str) -> None:
        """Make a directory, private and durable, unless it is there."""
        try:
            os.mkdir(name, 0o700, dir_fd=self.fd)
        except FileExistsError:
            return
        os.chmod(name, 0o700, dir_fd=self.fd)
        self.sync(name.rpartition("/")[0] or ".")

    def open(self, name: str, flags: int = os.O_RDWR) -> Descriptor:
        """Open a file; one that is created is private whatever the umask."""
        try:
            fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        except OSError as error:
            if error.errno in _FOREIGN and name.startswith("s/") and not flags & os.O_CREAT:
                raise self.foreign(name) from None
            raise
        if flags & os.O_CREAT:
            os.fchmod(fd, 0o600)
        return Descriptor(fd)

    def foreign(self, name: str) -> Damaged:
        """Note that something else has the name of a log, or of a directory of logs."""
        self.report.fault(name, NO_LOG)
        return Damaged(name, NO_LOG)

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name below ``s/``; links are not followed."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            raise self.foreign(name) from None
        return True

    def create(self, name: str) -> Descriptor:
        """Make a file that must not be there yet."""
        return self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def sync(self, name: str) -> None:
        """Make the creations, renames and removals inside a directory durable."""
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            os.fsync(fd)
        except OSError as error:
            raise SyncFailed(error.errno, f"sync failed: {error.strerror}") from error
        finally:
            os.close(fd)

    def sync_everything(self) -> None:
        """Bring everything on this file system to the disk: cheaper than many single syncs."""
        import ctypes  # noqa: PLC0415 - a process that only reads does not come here

        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(self.fd):
            code = ctypes.get_errno()
            raise SyncFailed(code, f"sync failed: {os.strerror(code)}")

    def link(self, old: str, new: str) -> None:
        """Give ``old`` the name ``new``, or leave it as it is; raises ``FileExistsError`` rather than replace."""
        os.link(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        try:
            os.unlink(old, dir_fd=self.fd)
        except BaseException:
            os.unlink(new, dir_fd=self.fd)
            raise

    def rename(self, old: str, new: str) -> None:
        """Put ``old`` in the place of ``new``."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Remove a name."""
        os.unlink(name, dir_fd=self.fd)

    def list(self, name: str) -> list[str]:
        """The names inside a directory."""
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            return sorted(os.listdir(fd))  # noqa: PTH208 - by descriptor
        finally:
            os.close(fd)

    def logs(self) -> Iterator[tuple[str, str]]:
        """Every log below ``s/``, and every temporary file, as ``(directory, name)``; what is neither is noted."""
        for part in self.list("s"):
            directory = f"s/{part}"
            if not self._is(directory, stat.S_IFDIR):
                continue
            for name in self.list(directory):
                if name.endswith(".tmp"):
                    yield directory, name
                elif _LOG.fullmatch(name) is None:
                    self.report.fault(f"{directory}/{name}", NO_LOG)
                elif self._is(f"{directory}/{name}", stat.S_IFREG):
                    yield directory, name

    def wals(self) -> list[str]:
        """The names of the write-ahead logs; what is none is noted."""
        found: list[str] = []
        for name in self.list("wal"):
            if _WAL.fullmatch(name) is None:
                self.report.fault(f"wal/{name}", "it is not a write-ahead log of this store")
            elif self._is(f"wal/{name}", stat.S_IFREG):
                found.append(name)
        return found

    def _is(self, name: str, kind: int) -> bool:
        """Whether ``name`` is what its place asks for. Noted when it is something else, not when it is gone."""
        try:
            there = stat.S_IFMT(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False
        if there != kind:
            self.report.fault(name, NO_LOG)
        return there == kind

    def quarantine(self, name: str, data: bytes, reason: str) -> bool:
        """Keep ``data`` aside and say so; False when it was kept before."""
        try:
            kept = self.create(f"quarantine/{name}")
            try:
                write_all(kept.fd, data, 0)
            finally:
                kept.close()
        except FileExistsError:
            return False
        except OSError as error:
            logger.error("%s: %d bytes could not be kept: %s", reason, len(data), error)  # noqa: TRY400 - enough
            return True
        logger.error("%s: %d bytes kept in quarantine/%s", reason, len(data), name)
        return True

    def close(self) -> None:
        """Let the directory go."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
