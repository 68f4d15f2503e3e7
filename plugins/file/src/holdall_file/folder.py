"""The store's folder: private, opened once, and never left through a name or a link."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from holdall.folders import private_folder
from holdall_file.faults import Busy, SyncFailed
from holdall_file.report import Report

__all__ = ["Descriptor", "Folder", "digest_of", "lock", "log_name", "logger", "sync", "write_all"]

logger = logging.getLogger("holdall.file")

_libc = ctypes.CDLL(None, use_errno=True)


class Descriptor:
    """An open file, closed when the last one who holds it lets go: a reader on another thread never loses it."""

    __slots__ = ("__weakref__", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        """Close it now; for a holder that knows that it is the last."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


def digest_of(partition: str) -> str:
    """The name of the partition's file: no part of the partition's own name ever reaches the file system."""
    return hashlib.sha256(partition.encode("utf-8", "surrogatepass")).hexdigest()


def log_name(digest: str) -> str:
    """Where the log of ``digest`` lies inside the folder."""
    return f"s/{digest[:2]}/{digest}.jsonl"


def lock(fd: int, how: int) -> None:
    """Lock without waiting; raises ``Busy``."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy from None


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

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self.durable = durable
        """Whether a power cut may cost nothing that was acknowledged."""
        self.report = Report()
        self.fd = os.open(private_folder(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        if flags & os.O_CREAT:
            os.fchmod(fd, 0o600)
        return Descriptor(fd)

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
        if not hasattr(_libc, "syncfs"):
            os.sync()
        elif _libc.syncfs(self.fd):
            code = ctypes.get_errno()
            raise SyncFailed(code, f"sync failed: {os.strerror(code)}")

    def link(self, old: str, new: str) -> None:
        """Give ``old`` the name ``new``; raises ``FileExistsError`` rather than replace."""
        os.link(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.unlink(old, dir_fd=self.fd)

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
        """Every file below ``s/`` as ``(directory, name)``."""
        for part in self.list("s"):
            for name in self.list(f"s/{part}"):
                yield f"s/{part}", name

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
