"""Writing a log again with only what is still alive, in the place of the old one."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from zlib import crc32

from holdall.contract import Span
from holdall_file.folder import Folder, lock, log_name, logger, sync, write_all
from holdall_file.lines import FORMAT, Entry, Header, Line, compose, encode, pack
from holdall_file.seek import Plan, read
from holdall_file.session import Session
from holdall_file.state import State, Track

__all__ = ["compact"]

_LINE = 64
_BYTES = 256 * 1024
_RECENT = 256
"""How many of the newest records the last checkpoint names: whole pages, for nothing else stands behind it yet."""


def compact(folder: Folder, session: Session) -> None:
    """Replace a log, whose lock is held, by a shorter one with another file id."""
    old = session.state
    if old.head is None:
        return
    temporary = f"s/{session.digest[:2]}/{session.digest}.{os.urandom(4).hex()}.tmp"
    file = folder.create(temporary)
    try:
        lock(file.fd, fcntl.LOCK_EX)
        header = encode(Header("session", FORMAT, os.urandom(8).hex(), session.partition))
        write_all(file.fd, header, 0)
        state = State(session.partition, len(header))
        state.head = old.head
        _copy(session, state, file.fd)
        sync(file.fd)
        folder.rename(temporary, log_name(session.digest))
        folder.sync(f"s/{session.digest[:2]}")
    except BaseException:
        with suppress(FileNotFoundError):
            folder.unlink(temporary)
        raise
    logger.info("%s compacted from %d to %d bytes", log_name(session.digest), old.end, state.end)


def _copy(session: Session, state: State, fd: int) -> None:
    head = session.state.head
    if head is None:
        return
    for name, lane in head.lanes.items():
        track = state.tracks[name] = Track(0, 0)
        track.first = lane.first
        at = lane.first
        while at < lane.stop:
            span = Span(name, at, at + _LINE)
            records = read(Plan(session.digest, session.file, head, session.state, [span]))
            _pack(state, fd, list(records.items()))
            at += _LINE
        track.peak = max(track.peak, lane.stop)
    _put(state, fd, state.checkpoint_line(named=_RECENT), [])


def _pack(state: State, fd: int, records: list[tuple[tuple[str, int], bytes]]) -> None:
    raws: list[bytes] = []
    at: list[Entry] = []
    size = 0
    for (lane, position), record in records:
        raw, form = pack(record)
        raws.append(raw)
        at.append((lane, position, len(raw), crc32(raw), form))
        size += len(raw)
        if size > _BYTES:
            _put(state, fd, Line(packed=len(at), at=at), raws)
            raws, at, size = [], [], 0
    if at:
        _put(state, fd, Line(packed=len(at), at=at), raws)
    if state.bytes_since > _BYTES:
        _put(state, fd, state.checkpoint_line(), [])


def _put(state: State, fd: int, line: Line, raws: list[bytes]) -> None:
    data, parsed = compose(line, state.end, raws)
    write_all(fd, data, parsed.start)
    state.apply(parsed)
