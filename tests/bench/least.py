"""The least that an append can be: the same calls to the system as the file backend's, and nothing else in Python.

Straight on, for one session that is open: no other lanes, no branches, keys, limits, checkpoints, caches, readers or
failures. So the difference to the backend is what all of those cost, and no backend in Python is faster than this.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

_SPACE = 8 << 20
_ENTRY = struct.Struct(">QQ32s16sQI")
_ROLES = frozenset(("system", "user", "assistant", "tool"))
_OWNER, _STATUS = "owner/" + "0" * 40, "owner+status/" + "0" * 40
_encode = msgspec.json.Encoder().encode
_sync = os.fdatasync

CASE = "the least, in straight Python"


class Least:
    """One log, one catalogue of intents, one write-ahead log."""

    def __init__(self, folder: Path, *, sync: bool) -> None:
        folder.mkdir()
        self._log = os.open(folder / "log", os.O_CREAT | os.O_RDWR)
        self._catalogue = os.open(folder / "catalogue", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._wal = os.open(folder / "wal", os.O_CREAT | os.O_WRONLY)
        os.pwrite(self._wal, b"\0" * _SPACE, 0)
        os.fsync(self._wal)
        self._sync = sync
        self._end = self._at = self._version = self._bytes = 0

    async def append(self, message: Mapping[str, Any]) -> bytes:
        """Check the message and make it last."""
        if message["role"] not in _ROLES or type(message["content"]) is not str:
            raise ValueError("no message")
        now = time.time_ns() // 1000
        self._version = version = self._version + 1
        record = b'{"id":"m%d",%b' % (version, _encode({**message, "at": now // 1000})[1:])
        self._bytes += len(record)
        marks = {"recent": now, _OWNER: now, _STATUS: now, "bytes": self._bytes}
        await self._commit(version, record, marks)
        return record

    async def _commit(self, version: int, record: bytes, marks: Mapping[str, int]) -> None:
        log, catalogue = self._log, self._catalogue
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(log)
        if found.st_size != self._end or not found.st_nlink:
            raise ValueError("somebody else was here")
        at = [("messages/main", version, len(record), crc32(record), 0)]
        lanes = {"messages/main": [0, version, 1]}
        members = _encode({"commit": version, "on": version - 1, "last": 0, "lanes": lanes, "marks": marks, "at": at})
        checked = b'"meta":%d,%b' % (len(members) - 2, members[1:-1])
        line = b'{"crc":"%08x",%b,"records":[%b]}\n' % (crc32(checked), checked, record)
        fcntl.flock(catalogue, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.write(catalogue, b"\n%b\n" % _encode(("s/0123456789abcdef", version, version - 1, marks)))
        os.fstat(catalogue)
        fcntl.flock(catalogue, fcntl.LOCK_UN)
        os.pwrite(log, line, self._end)
        if self._sync:
            self._log_ahead(version, line)
        fcntl.flock(log, fcntl.LOCK_UN)
        self._end += len(line)

    def _log_ahead(self, version: int, line: bytes) -> None:
        body = _ENTRY.pack(1, version, b"d" * 32, b"i" * 16, self._end, len(line))
        entry = b"HDW1%b%b%b" % (crc32(line, crc32(body)).to_bytes(4, "big"), body, line)
        if self._at + len(entry) > _SPACE:
            self._at = 0
        os.pwrite(self._wal, entry, self._at)
        _sync(self._wal)
        self._at += len(entry)

    def close(self) -> None:
        """Close the files."""
        for fd in (self._log, self._catalogue, self._wal):
            os.close(fd)
