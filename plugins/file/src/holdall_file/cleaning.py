"""What was kept aside does not stay for ever: it is a person's words, and it takes room."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress

from holdall_file.folder import Folder, logger

__all__ = ["Cleaning"]

_EVERY = 3600.0
_DAY = 86_400.0


class Cleaning:
    """Removes files from quarantine when they are old: at the opening, and once an hour while the store is in use."""

    def __init__(self, folder: Folder, days: int) -> None:
        self._folder = folder
        self._age = days * _DAY
        self._next = self._look = 0.0
        self._asked = self._when()

    @property
    def due(self) -> bool:
        """Whether an hour has passed."""
        return time.monotonic() >= self._next

    @property
    def asked(self) -> bool:
        """Whether another process asked, since this was last said, to empty the write-ahead log. Looks once a second."""
        now = time.monotonic()
        if now < self._look:
            return False
        self._look, before = now + 1, self._asked
        self._asked = self._when()
        return self._asked != before

    def _when(self) -> int:
        try:
            return os.stat("scrub", dir_fd=self._folder.fd).st_mtime_ns
        except FileNotFoundError:
            return 0

    def clean(self) -> None:
        """Remove what is older than the days that were configured. Other processes may do the same."""
        self._next, before = time.monotonic() + _EVERY, time.time() - self._age
        try:
            for name in self._folder.list("quarantine"):
                self._clean(f"quarantine/{name}", before)
        except OSError:  # nobody's session depends on it
            logger.exception("quarantine can't be cleaned")

    def _clean(self, path: str, before: float) -> None:
        with suppress(FileNotFoundError):
            found = os.stat(path, dir_fd=self._folder.fd, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_mtime < before:
                self._folder.unlink(path)
                logger.warning("%s was kept long enough, and is removed", path)
