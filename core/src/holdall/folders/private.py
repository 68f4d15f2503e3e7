"""A storage's folder: for its owner only, and durable."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from holdall.errors import SettingsError

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

__all__ = ["absolute", "private", "private_folder", "sync_file"]


def private_folder(path: Path) -> Path:
    """Make ``path`` and what lies above it, for its owner only, whatever the umask; each durable before the next.

    Raises ``SettingsError`` when it is there already and belongs to somebody else, or others may write to it.
    """
    return path.__class__(private(absolute(path)))


def absolute(path: str | PathLike[str]) -> str:
    """``path`` from the root on, as pathlib would say it; ``~`` is the home that it stands for."""
    text = os.fspath(path)
    if text.startswith("~") or os.sep != "/":
        from pathlib import Path  # noqa: PLC0415 - it knows homes and drives, and refuses what is none

        return str(Path(text).expanduser().absolute())
    steps = os.path.join(os.getcwd(), text).split("/")
    return "/" + "/".join([step for step in steps if step not in ("", ".")])


def private(path: str) -> str:
    """The same as ``private_folder``, of an absolute path as text."""
    _make(path)
    found = os.stat(path)
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise SettingsError(f"the data folder {path} belongs to another user (uid {found.st_uid})")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"the data folder {path} is writable by others; chmod 700 it")
    if found.st_mode & 0o077:
        os.chmod(path, 0o700)
    return path


def sync_file(path: str | PathLike[str]) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make(path: str) -> None:
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    _make(above)
    try:
        os.mkdir(path, mode=0o700)
    except FileExistsError:
        if os.path.isdir(path):
            return
        raise SettingsError(f"the data folder {path} is a file") from None
    os.chmod(path, 0o700)
    if os.name == "posix":
        sync_file(above)
