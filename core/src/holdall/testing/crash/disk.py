"""A disk whose power can be cut: a fresh ext4 in a file, shut down without a last sync."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

__all__ = ["CutDisk", "Missing"]

SHUT_DOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)
SIZE = 512 << 20
PATIENCE = 60.0
"""Seconds to wait for one of the machine's few loop devices, which others use too."""


class Missing(Exception):
    """The machine lacks what a power cut needs."""


def _run(*command: str) -> None:
    """Run a tool of the system; its message is in the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _patiently(action: Callable[[], None], patience: float) -> None:
    """Try until it works or time is up: the resource is shared with others."""
    end = time.monotonic() + patience
    while True:
        try:
            action()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


class CutDisk:
    """An image file in ``folder``, mounted beside it."""

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self.root = folder / "disk"
        self._mounted = False
        if os.geteuid() != 0:
            raise Missing("a power cut needs root, to mount a file system")
        for tool in ("mkfs.ext4", "mount", "umount"):
            if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin") is None:
                raise Missing(f"a power cut needs {tool}")
        if not Path("/dev/loop-control").exists():
            raise Missing("a power cut needs loop devices")
        folder.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(exist_ok=True)

    def renew(self) -> None:
        """Put a fresh, empty file system in."""
        self.release()
        self._image.unlink(missing_ok=True)
        with self._image.open("wb") as image:
            image.truncate(SIZE)
        _run("mkfs.ext4", "-qF", str(self._image))
        self._mount()

    def cut(self) -> None:
        """Take the power away: what was not synced is gone."""
        folder = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUT_DOWN, NO_LOG_FLUSH)
        finally:
            os.close(folder)

    def power_up(self) -> None:
        """Mount what the cut left."""
        self.release()
        self._mount()

    def release(self) -> None:
        """Unmount; the loop device is given back."""
        if self._mounted:
            _patiently(lambda: _run("umount", str(self.root)), 10)
            self._mounted = False

    def _mount(self) -> None:
        try:
            _patiently(lambda: _run("mount", "-o", "loop", str(self._image), str(self.root)), PATIENCE)
        except OSError as error:
            raise Missing(f"a power cut needs a free loop device: {error}") from error
        self._mounted = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._image.unlink(missing_ok=True)
