"""Bytes that are not what was written are kept, for whoever wants to look at them, until somebody deletes them."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from holdall.errors import Damaged
from holdall.folders.private import sync_file

__all__ = ["Quarantine"]

log = logging.getLogger("holdall.folders")


class Quarantine:
    """The folder ``quarantine`` beside a storage's data, and what was found damaged since the storage was opened."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "quarantine"
        self._found: dict[str, str] = {}

    def damaged(self, name: str, data: bytes | None, reason: str = "it is missing, or not what was written") -> Damaged:
        """The error to raise about ``name``, which is told in ``lines`` from now on; ``data`` is kept."""
        if data is not None and name not in self._found:
            self.keep(name, data)
        self._found[name] = str(damage := Damaged(name, reason))
        return damage

    def keep(self, name: str, data: bytes) -> None:
        """Keep ``data``, durably, unless it was kept before, under a hash of ``name``. Without room it is only told."""
        path = self._place / f"{sha256(name.encode()).hexdigest()[:32]}.{crc32(data):08x}.damaged"
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._place.mkdir(mode=0o700, exist_ok=True)
            if path.exists():
                return
            _write(part, data)
            part.replace(path)  # whoever finds it by its name finds all of it
            sync_file(self._place)
        except OSError as error:
            part.unlink(missing_ok=True)
            log.error("%s: %d damaged bytes could not be kept: %s", name, len(data), error)  # noqa: TRY400 - as told
        else:
            log.error("%s: %d damaged bytes are kept in %s", name, len(data), path)

    def lines(self) -> list[str]:
        """What was found, a line each."""
        return list(self._found.values())

    def clear(self) -> None:
        """Tell of it no more: it has been put right."""
        self._found.clear()


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
