"""A file that is never changed, only replaced whole: by one that is synced, and with the one before kept beside it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from holdall.errors import StorageBusy
from holdall.folders.private import private_folder

__all__ = ["ReplacedFile"]


class ReplacedFile:
    """``name.json`` in a folder of its own, which one process has at a time; and ``name.before.json``.

    Everything happens in the folder that is locked, whatever comes to stand in its place under its name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Raises ``StorageBusy`` while another process has it, ``SettingsError`` and ``OSError``."""
        self.path = private_folder(folder) / f"{name}.json"
        self.before = self.path.with_name(f"{name}.before.json")
        self._new = self.path.with_name(f"{name}.new.json")
        self.undecided = False
        """A replacement failed half way: only opening the file again tells which of the two there is."""
        self.fd = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(self.fd)  # which the last replacement may have lacked
        except BlockingIOError:
            self.close()
            raise StorageBusy(f"{self.path}: another process has it open") from None
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes | None:
        """The bytes; ``None`` where there never was a file."""
        if self._stat(self.path) is None and self._stat(self.before) is None:
            return None
        with os.fdopen(os.open(self.path.name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd), "rb") as file:
            return file.read()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        found = self._stat(self.path)
        return 0 if found is None else found.st_size

    def replace(self, data: bytes, *, keep: bool) -> None:
        """Make ``data`` the file, durably; ``keep`` the one before. What fails leaves the file as it was."""
        try:
            how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(self._new.name, how, 0o600, dir_fd=self.fd), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # tried once: when it fails, this file is never used
            self._unlink(self.before)
            if keep and self._stat(self.path) is not None:
                os.link(self.path.name, self.before.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            self._unlink(self._new)
            raise
        self.undecided = True
        os.rename(self._new.name, self.path.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)
        self.undecided = False

    def _stat(self, path: Path) -> os.stat_result | None:
        try:
            return os.stat(path.name, dir_fd=self.fd)
        except FileNotFoundError:
            return None

    def _unlink(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=self.fd)

    def close(self) -> None:
        """Let it go, and its lock."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
