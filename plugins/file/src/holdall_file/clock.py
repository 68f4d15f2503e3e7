"""Timing the disk: on a busy machine most of what a sync seems to take is waiting for a processor afterwards."""

from __future__ import annotations

import os
import threading
from time import perf_counter

from holdall_file.folder import Descriptor

__all__ = ["Stopwatch", "Waits"]

_SOURCE = "/proc/thread-self/schedstat"
_SUSPICIOUS = 0.001
_CLOSELY = 64


class Waits(threading.local):
    """How long the calling thread was ready to run and had no processor; 0 where the system does not say."""

    def __init__(self) -> None:
        try:
            self._file: Descriptor | None = Descriptor(os.open(_SOURCE, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self._file = None

    def total(self) -> float:
        """In seconds, ever."""
        return 0.0 if self._file is None else int(os.pread(self._file.fd, 64, 0).split()[1]) / 1e9


class Stopwatch:
    """Times one thing after another, without the waits for a processor.

    Asking for those takes as long as a small write, so it starts with the first thing that seems to take long, which
    is told as it seemed, and ends some time after the last.
    """

    def __init__(self) -> None:
        self._waits = Waits()
        self._closely = 0
        self._began = self._waited = 0.0

    def start(self) -> None:
        """Begin, in the thread that will stop it."""
        if self._closely:
            self._waited = self._waits.total()
        self._began = perf_counter()

    def stop(self) -> float:
        """How many seconds it took."""
        seconds = perf_counter() - self._began
        closely = self._closely
        if seconds < _SUSPICIOUS:
            if closely:
                self._closely = closely - 1
            return seconds
        self._closely = _CLOSELY
        return seconds - (self._waits.total() - self._waited) if closely else seconds
