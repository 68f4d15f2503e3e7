"""A storage's folder: for its owner only, and durable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from holdall.errors import SettingsError

__all__ = ["private_folder", "sync_file"]


def private_folder(path: Path) -> Path:
    """Make ``path`` and what lies above it, for its owner only, whatever the umask; each durable before the next.

    Raises ``SettingsError`` when it is there already and belongs to somebody else, or others may write to it.
    """
    path = path.expanduser().absolute()
    _make(path)
    found = path.stat()
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise SettingsError(f"the data folder {path} belongs to another user (uid {found.st_uid})")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"the data folder {path} is writable by others; chmod 700 it")
    if found.st_mode & 0o077:
        path.chmod(0o700)
    return path


def sync_file(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make(path: Path) -> None:
    if path.is_dir():
        return
    _make(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_dir():
            return
        raise SettingsError(f"the data folder {path} is a file") from None
    path.chmod(0o700)
    if os.name == "posix":
        sync_file(path.parent)
