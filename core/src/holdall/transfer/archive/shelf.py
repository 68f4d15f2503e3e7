"""The folder of archives: names after the time, temporary files, and what is old."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

__all__ = ["aged", "claimed", "name_of", "swept"]

_ARCHIVE = re.compile(r"holdall-\d{8}T\d{9}Z\.jsonl")
_PARTIAL = ".partial"
_BUFFER = 1 << 20


def name_of(made: int) -> str:
    """The name of an archive that is made at ``made`` (ms): names are in the order of their times."""
    at = datetime.fromtimestamp(made // 1000, UTC)
    return f"holdall-{at:%Y%m%dT%H%M%S}{made % 1000:03d}Z.jsonl"


def claimed(path: Path) -> tuple[Path, IO[bytes]]:
    """A temporary file for the archive ``path``: its owner's only, and locked for as long as it is open.

    Who sweeps may look at a new one before it is locked. He removes it, or was stopped with it in his hands: then it is another.
    """
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if _locked(fd) and os.fstat(fd).st_nlink:
            return temporary, os.fdopen(fd, "wb", buffering=_BUFFER)
        os.close(fd)
        temporary.unlink(missing_ok=True)


def swept(path: Path) -> list[Path]:
    """Remove what killed backups left: temporary files of ``path``, or of any archive where it has such a name."""
    gone: list[Path] = []
    for other in sorted(path.parent.glob(f".*{_PARTIAL}")):
        archive = other.name[1 : -len(_PARTIAL)].rpartition(".")[0]
        ours = archive == path.name or (_ARCHIVE.fullmatch(archive) and _ARCHIVE.fullmatch(path.name))
        if ours and other.is_file() and _removed(other):
            gone.append(other)
    return gone


def aged(folder: Path, keep: int) -> list[Path]:
    """Remove all archives in ``folder`` that are named after a time, but the newest ``keep``."""
    named = sorted(path for path in folder.iterdir() if _ARCHIVE.fullmatch(path.name))
    for path in named[:-keep]:
        path.unlink()
    return named[:-keep]


def _removed(path: Path) -> bool:
    """Remove a temporary file, unless it is in use, or gone. Nobody takes it for his meanwhile."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        if _locked(file.fileno()):
            path.unlink()
            return True
    return False


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
