"""The least that an append can be: the same calls to the system as the file backend's, and nothing else in Python.

Straight on, for sessions that are open: no other lanes, no branches, keys, limits, checkpoints, caches, readers or
failures. So the difference to the backend is what all of those cost, and no backend in Python is faster than this.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

_SPACE = 8 << 20
_ENTRY = struct.Struct(">QQ32s16sQI")
_ROLES = frozenset(("system", "user", "assistant", "tool"))
_OWNER, _STATUS = "owner/" + "0" * 40, "owner+status/" + "0" * 40
_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Encoder().encode_lines
_sync = os.fdatasync

CASE = "the least, in straight Python"


class _Log:
    """One session: its log, and what stands at the end of it."""

    __slots__ = ("bytes", "end", "fd", "version")

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_CREAT | os.O_RDWR)
        self.version = self.end = self.bytes = 0

    def put_together(self, message: Mapping[str, Any]) -> tuple[bytes, Mapping[str, int]]:
        """The next line, of a message that is looked at, and what the catalogue is told."""
        if message["role"] not in _ROLES or type(message["content"]) is not str:
            raise ValueError("no message")
        now = time.time_ns() // 1000
        self.version = version = self.version + 1
        record = b'{"id":"m%d",%b' % (version, _encode({**message, "at": now // 1000})[1:])
        self.bytes += len(record)
        marks = {"recent": now, _OWNER: now, _STATUS: now, "bytes": self.bytes}
        at = [("messages/main", version, len(record), crc32(record), 0)]
        lanes = {"messages/main": [0, version, 1]}
        members = _encode({"commit": version, "on": version - 1, "last": 0, "lanes": lanes, "marks": marks, "at": at})
        checked = b'"meta":%d,%b' % (len(members) - 2, members[1:-1])
        return b'{"crc":"%08x",%b,"records":[%b]}\n' % (crc32(checked), checked, record), marks

    def lock(self) -> None:
        """Take the lock, and see that nobody else was here."""
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(self.fd)
        if found.st_size != self.end or not found.st_nlink:
            raise ValueError("somebody else was here")


class Least:
    """Some logs, one catalogue of intents, one write-ahead log."""

    def __init__(self, folder: Path, *, sync: bool, logs: int = 1) -> None:
        folder.mkdir()
        self._logs = [_Log(folder / f"log-{number}") for number in range(logs)]
        self._catalogue = os.open(folder / "catalogue", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._wal = os.open(folder / "wal", os.O_CREAT | os.O_WRONLY)
        os.pwrite(self._wal, b"\0" * _SPACE, 0)
        os.fsync(self._wal)
        self._sync = sync
        self._at = 0
        self._waiting: list[tuple[asyncio.Future[None], _Log, Mapping[str, Any]]] = []

    async def append(self, message: Mapping[str, Any]) -> None:
        """Check the message and make it last, in the first of the logs."""
        self._commit([(self._logs[0], message)])

    def append_together(self, log: int, message: Mapping[str, Any]) -> asyncio.Future[None]:
        """The same with one sync for all that come in this turn of the event loop; a log once a turn."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._commit_all)
        self._waiting.append((future, self._logs[log], message))
        return future

    def _commit_all(self) -> None:
        batch, self._waiting = self._waiting, []
        self._commit([(log, message) for _, log, message in batch])
        for future, _, _ in batch:
            future.set_result(None)

    def _commit(self, batch: Sequence[tuple[_Log, Mapping[str, Any]]]) -> None:
        told: list[tuple[str, int, int, Mapping[str, int]]] = []
        lines: list[tuple[_Log, bytes]] = []
        for log, message in batch:
            log.lock()
            line, marks = log.put_together(message)
            told.append(("s/0123456789abcdef", log.version, log.version - 1, marks))
            lines.append((log, line))
        self._announce(b"\n" + _lines(told))
        for log, line in lines:
            os.pwrite(log.fd, line, log.end)
        if self._sync:
            self._log_ahead(lines)
        for log, line in lines:
            fcntl.flock(log.fd, fcntl.LOCK_UN)
            log.end += len(line)

    def _announce(self, told: bytes) -> None:
        catalogue = self._catalogue
        fcntl.flock(catalogue, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.write(catalogue, told)
        os.fstat(catalogue)
        fcntl.flock(catalogue, fcntl.LOCK_UN)

    def _log_ahead(self, lines: Sequence[tuple[_Log, bytes]]) -> None:
        entries: list[bytes] = []
        for log, line in lines:
            body = _ENTRY.pack(1, log.version, b"d" * 32, b"i" * 16, log.end, len(line))
            entries.append(b"HDW1%b%b%b" % (crc32(line, crc32(body)).to_bytes(4, "big"), body, line))
        data = b"".join(entries)
        if self._at + len(data) > _SPACE:
            self._at = 0
        os.pwrite(self._wal, data, self._at)
        _sync(self._wal)
        self._at += len(data)

    def close(self) -> None:
        """Close the files."""
        for fd in (*(log.fd for log in self._logs), self._catalogue, self._wal):
            os.close(fd)
