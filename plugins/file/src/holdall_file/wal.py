"""The write-ahead log of one process: one sync for the lines of many sessions.

The file exists and is locked for as long as the process has the store open, in every mode. One that is found
unlocked therefore means that its process died; what to do then is in ``recovery``.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Protocol
from zlib import crc32

import msgspec

from holdall.folders import no_room
from holdall_file.folder import Descriptor, Folder, lock, sync, write_all

__all__ = ["ENTRY", "FLIGHT", "Entry", "Wal", "Written", "entries_of", "flight_of", "started_of"]

_MAGIC = b'{"holdall":"wal"'
_FLIGHT = 512
_FIRST = 4096
_COUNT = struct.Struct(">I")
_STEP = 1024 * 1024
_ENTRY = struct.Struct(">4sIQQ32s16sQI")
"""Mark, CRC-32 of all that follows, epoch, number, file, file id, offset, length; then the bytes."""
_BODY = struct.Struct(">QQ48sQI")
"""The same from the epoch on; file and file id together are a session's ``key``."""
_MARK = b"HDW1"
ENTRY = _ENTRY.size
"""How many bytes an entry has besides its own."""
FLIGHT = (_FIRST - _FLIGHT - _COUNT.size) // 32
"""How many files a batch may touch."""


class _Header(msgspec.Struct):
    holdall: str
    format: int
    pid: int
    started: int


class Entry(msgspec.Struct, frozen=True):
    """Bytes that belong at ``offset`` of the file ``digest`` with the id ``id``."""

    digest: str
    id: str
    offset: int
    data: bytes


class Written(Protocol):
    """Bytes that were written behind the end of one file, and are to last."""

    digest: str
    id: str
    key: bytes
    start: int
    end: int

    @property
    def data(self) -> bytes:
        """The bytes from ``start`` to ``end``."""
        ...


class Wal:
    """This process's log."""

    def __init__(self, folder: Folder, size: int) -> None:
        self.name = f"wal/{os.getpid()}-{os.urandom(8).hex()}.wal"
        self._size = size
        self._file = folder.create(self.name)
        try:
            lock(self._file.fd, fcntl.LOCK_EX)
            write_all(self._file.fd, _COUNT.pack(0), _FLIGHT)
            self._begin(time.time_ns())
            folder.sync("wal")
        except BaseException:
            self._file.close()  # now: where descriptors have run out, the next try needs it
            folder.unlink(self.name)
            raise
        self._flight: Sequence[str] = ()
        self._epoch = 1
        self._number = 0
        self._at = _FIRST
        self._filled = _FIRST

    def _begin(self, now: int) -> None:
        """Say, durably, since when files have been changed, by the clock that their times are of."""
        write_all(self._file.fd, msgspec.json.encode(_Header("wal", 1, os.getpid(), now)) + b"\n", 0)
        sync(self._file.fd)
        self._started = now

    @property
    def fd(self) -> int:
        """The open file."""
        return self._file.fd

    def announce(self, digests: Sequence[str]) -> None:
        """Say which files are about to be written, for the one who finds this process dead."""
        now = time.time_ns()
        if now < self._started:  # the clock was put back: what is written from now on would look older than this log
            self._begin(now)
        if digests != self._flight:
            write_all(self._file.fd, _COUNT.pack(len(digests)) + bytes.fromhex("".join(digests)), _FLIGHT)
            self._flight = digests

    def ready(self, size: int) -> bool:
        """Whether ``size`` more bytes fit where no space has to be made first."""
        return self._at + size <= self._filled

    def room(self, size: int) -> bool:
        """Whether ``size`` more bytes fit."""
        return self._at + size <= self._size

    def prepare(self, size: int) -> None:
        """Make space for ``size`` more bytes: zeros, so that most syncs need not change the file's size."""
        if self.ready(size):
            return
        filled = min(-(-(self._at + size) // _STEP) * _STEP, self._size)
        try:
            write_all(self._file.fd, bytes(filled - self._filled), self._filled)
        except OSError as error:
            if not no_room(error):
                raise
            os.ftruncate(self._file.fd, self._filled)  # it is only for speed: the room is left to what is needed
            return
        sync(self._file.fd)
        self._filled = filled

    def append(self, written: Sequence[Written]) -> None:
        """Write the same bytes here, for which there is space, and sync once."""
        parts: list[bytes] = []
        number, epoch = self._number, self._epoch
        for one in written:
            number += 1
            data = one.data
            body = _BODY.pack(epoch, number, one.key, one.start, len(data))
            parts += (_MARK, _COUNT.pack(crc32(data, crc32(body))), body, data)
        blob = b"".join(parts)
        write_all(self._file.fd, blob, self._at)
        sync(self._file.fd)
        self._at += len(blob)
        self._number = number

    def restart(self) -> None:
        """Begin again at the start: every file that the entries name is on the disk."""
        self._epoch += 1
        self._at = _FIRST

    def scrub(self) -> None:
        """Begin again, and leave nothing behind: every file that the entries name is on the disk."""
        self.restart()
        write_all(self._file.fd, bytes(self._filled - _FIRST), _FIRST)
        sync(self._file.fd)

    def remove(self, folder: Folder) -> None:
        """Remove the file: nothing in it is needed any more."""
        folder.unlink(self.name)
        folder.sync("wal")
        self._file.close()

    def forget(self) -> None:
        """Let the descriptor and its lock go."""
        self._file.close()


def started_of(file: Descriptor) -> int:
    """When the log's process opened the store, in nanoseconds since 1970; 0 when that can't be read."""
    try:
        return msgspec.json.decode(os.pread(file.fd, _FLIGHT, 0).split(b"\n")[0], type=_Header).started
    except (ValueError, msgspec.DecodeError):
        return 0


def flight_of(file: Descriptor) -> list[str]:
    """The files that its process was last about to write."""
    data = os.pread(file.fd, _FIRST - _FLIGHT, _FLIGHT)
    if len(data) < _COUNT.size:
        return []
    (count,) = _COUNT.unpack_from(data)
    names = data[_COUNT.size : _COUNT.size + 32 * min(count, FLIGHT)]
    return [names[at : at + 32].hex() for at in range(0, len(names) - 31, 32)]


def entries_of(file: Descriptor) -> Iterator[Entry]:
    """The entries of the last epoch, up to the first that is not whole."""
    size = os.fstat(file.fd).st_size
    at, epoch, last = _FIRST, 0, 0
    while at + _ENTRY.size <= size:
        head = os.pread(file.fd, _ENTRY.size, at)
        mark, crc, this, number, digest, file_id, offset, length = _ENTRY.unpack(head)
        if mark != _MARK or length > size or (epoch and (this != epoch or number != last + 1)):
            return
        data = os.pread(file.fd, length, at + _ENTRY.size)
        if len(data) != length or crc32(data, crc32(head[8:])) != crc:
            return
        epoch, last = this, number
        yield Entry(digest.hex(), file_id.decode("ascii", "replace"), offset, data)
        at += _ENTRY.size + length
