"""``catalog.log``: what is about to be committed, appended before it is, by every process.

No process changes a session without a line here first, so whoever has read the log to its end and meets no line of a
session knows that it is as it was. The first line says which log it is, and how often everybody was told to look at
every session anew.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from holdall_file.faults import Busy
from holdall_file.folder import Descriptor, Folder, lock_soon, sync, write_all

__all__ = [
    "GOING",
    "GONE",
    "HEADER",
    "IDENTITY",
    "ROTATE",
    "Intent",
    "Intents",
    "begin",
    "header_of",
    "intents_in",
    "new_header",
]

Intent = tuple[str, int, int, dict[str, int | None]]
"""Name, version, the decided version it was made on (or ``GONE``, ``GOING``), marks."""
GONE, GOING = -1, -2
"""In the place of a version: the partition was removed; it is about to be."""
ROTATE = 4 * 1024 * 1024
"""A log that is larger wants to be merged and emptied, in bytes."""
IDENTITY, HEADER = 32, 65
"""The length of a log's name at its start, and of its first line."""

_NEWS = ROTATE // 2
_NOW = fcntl.LOCK_SH | fcntl.LOCK_NB
_HEADER = re.compile(rb"[0-9a-f]{64}\n")
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Intent)


def intents_in(data: bytes) -> Iterable[Intent]:
    """The intents of whole lines, in order."""
    try:
        return _decoder.decode_lines(data)
    except (ValueError, msgspec.DecodeError):
        return _readable(data)


def _readable(data: bytes) -> Iterator[Intent]:
    for line in data.split(b"\n"):
        if line:
            try:
                yield _decoder.decode(line)
            except (ValueError, msgspec.DecodeError):  # the first line, or the end of a process that was killed
                continue


def header_of(log: Descriptor) -> bytes:
    """The first line: the same bytes as before mean that nothing is to be looked at anew."""
    return os.pread(log.fd, HEADER, 0)


def new_header() -> bytes:
    """The first line of a log that is begun."""
    return _token() + _token() + b"\n"


def begin(log: Descriptor, header: bytes) -> None:
    """Start a log over. The new first line comes before the old ones go: no moment is without one."""
    write_all(log.fd, header, 0)
    os.ftruncate(log.fd, HEADER)


class Intents:
    """The end of the log, where commits append. Used by the writer's thread."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._file = _opened(folder)
        self._dirty = False
        self._told = os.fstat(self._file.fd).st_size
        self.bulky = False
        """Whether there is enough in the log that the catalogue should take it in."""

    def append(
        self, intents: Iterable[tuple[str, int, int, Mapping[str, int | None] | msgspec.Raw]], *, wait: bool = True
    ) -> None:
        """Write down what is about to be committed. Each batch starts on a line of its own.

        Raises ``Busy`` while somebody empties the log, without ``wait`` at once.
        """
        data = b"\n" + _encoder.encode_lines(intents)
        while True:
            fd = self._file.fd
            try:
                fcntl.flock(fd, _NOW)  # held against the one who empties the log
            except BlockingIOError:
                if not wait:
                    raise Busy from None
                lock_soon(fd, fcntl.LOCK_SH)
            try:
                done = os.write(fd, data)
                while done < len(data):
                    done += os.write(fd, data[done:])
                found = os.fstat(fd)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
            self._dirty = True
            if found.st_nlink:
                break
            self._file = _opened(self._folder)  # somebody removed it: nobody might find what was written there
        if not 0 <= found.st_size - self._told <= _NEWS:
            self.bulky = found.st_size > self._told
            self._told = found.st_size

    def going(self, name: str, version: int) -> None:
        """Write down that a partition, whose log is locked, is about to be removed.

        Without room for that every process is told to look at everything anew, which overwrites a few bytes in place.
        Either way whoever lists the partition next must wait for the lock. Raises ``Busy``.
        """
        try:
            self.append([(name, version, GOING, {})])
        except OSError:
            log = self._folder.open("catalog.log")
            with _alone(log):
                write_all(log.fd, _token(), IDENTITY)

    def gone(self, name: str, version: int) -> None:
        """Write down that a partition was removed."""
        self.append([(name, version, GONE, {})])

    def close(self, *, durable: bool) -> None:
        """Make it last, where that was promised."""
        if durable and self._dirty:
            os.fdatasync(self._file.fd)
        self._file.close()

    def forget(self) -> None:
        """Let the file and its lock go."""
        self._file.close()


def _opened(folder: Folder) -> Descriptor:
    """The log, with a first line, for appending. Raises ``Busy``."""
    while True:
        log = folder.open("catalog.log", os.O_RDWR | os.O_CREAT)
        with _alone(log):
            if not os.fstat(log.fd).st_nlink:
                continue
            if _HEADER.fullmatch(header_of(log)) is None:
                write_all(log.fd, new_header(), 0)
                if folder.durable:
                    sync(log.fd)
                    folder.sync(".")
        fcntl.fcntl(log.fd, fcntl.F_SETFL, os.O_APPEND)
        return log


@contextmanager
def _alone(log: Descriptor) -> Generator[None]:
    lock_soon(log.fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(log.fd, fcntl.LOCK_UN)


def _token() -> bytes:
    return os.urandom(IDENTITY // 2).hex().encode()
