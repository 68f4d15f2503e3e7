"""A file that is never changed, only replaced whole: by one that is synced, and with the one before kept beside it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from holdall.errors import StorageBusy
from holdall.folders.private import private_folder

__all__ = ["ReplacedFile"]


class ReplacedFile:
    """``name.json`` in a folder of its own, which one process has at a time; and ``name.before.json``."""

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
        return self.path.read_bytes() if self.path.exists() or self.before.exists() else None

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def replace(self, data: bytes, *, keep: bool) -> None:
        """Make ``data`` the file, durably; ``keep`` the one before. What fails leaves the file as it was."""
        try:
            with os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # tried once: when it fails, this file is never used
            self.before.unlink(missing_ok=True)
            if keep and self.path.exists():
                self.before.hardlink_to(self.path)
        except BaseException:
            self._new.unlink(missing_ok=True)
            raise
        self.undecided = True
        self._new.replace(self.path)
        os.fsync(self.fd)
        self.undecided = False

    def close(self) -> None:
        """Let it go, and its lock."""
        os.close(self.fd)
