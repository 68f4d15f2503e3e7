"""Reading a log that is not in memory: from its last checkpoint when all is well, else from its start."""

from __future__ import annotations

import os

from msgspec import Struct

from holdall.errors import Damaged
from holdall_file.faults import Bad
from holdall_file.lines import FORMAT, START, Header, Parsed, Short, check, decode, parse
from holdall_file.state import State

__all__ = ["Found", "catch_up", "header_of", "open_tail", "read_at", "read_everything", "read_line", "resume"]

_HEADER = 2048
_TAIL = 16 * 1024
_CHUNK = 256 * 1024
_NEXT = b"\n" + START


class Stretch(Struct, frozen=True):
    """Bytes that are not as they were written."""

    start: int
    stop: int
    reason: str
    members: bool
    """Whether the line itself can be read: only records of it can't."""


class Found(Struct):
    """A log as it was read: its header, its state, and the stretches that can't be read."""

    header: Header
    state: State
    bad: list[Stretch] = []


def read_at(fd: int, start: int, stop: int) -> bytes:
    """The bytes from ``start`` to ``stop``, fewer at the file's end."""
    data = os.pread(fd, stop - start, start)
    while 0 < len(data) < stop - start:
        more = os.pread(fd, stop - start - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


def header_of(fd: int, size: int) -> tuple[Header, int]:
    """The header, and where it ends."""
    wanted = _HEADER
    while True:
        data = read_at(fd, 0, min(wanted, size))
        try:
            header, end = decode(data)
        except Short as short:
            if short.needs > size:
                raise Bad(0, "the header is cut short") from None
            wanted = short.needs + 2
            continue
        if end > size:
            raise Bad(0, "the header is cut short")
        if header.holdall != "session" or header.format > FORMAT:
            raise Damaged(header.partition, f"format {header.format} is newer than this version reads ({FORMAT})")
        return header, end


def read_line(fd: int, at: int, size: int, guess: int = 4096) -> Parsed:
    """The line at ``at``; its records are not read."""
    while True:
        try:
            parsed = parse(read_at(fd, at, min(at + guess, size)), 0, at)
        except Short as short:
            if short.needs > size:
                raise Bad(at, "the line is cut short") from None
            guess = max(short.needs - at, guess * 2)
        else:
            if parsed.end <= size:
                return parsed
            raise Bad(at, "the line is cut short")


def open_tail(fd: int, size: int) -> Found:
    """The log from its last checkpoint on; every byte from there on is checked. Raises ``Bad``."""
    header, start = header_of(fd, size)
    state = State(header.partition, start)
    last, data, base = _last_line(fd, start, size)
    at = last.start if last.line.checkpoint else last.line.last
    if last.end != size:
        raise Bad(last.start, "the last line is cut short")
    state.end = at = at or start
    if at < base:
        data, base = read_at(fd, at, base) + data, at
    _go_on(state, data, base, last)
    if state.head is None:
        raise Bad(start, "the log holds no commit")
    return Found(header, state)


def _last_line(fd: int, start: int, size: int) -> tuple[Parsed, bytes, int]:
    wanted = _TAIL
    while True:
        base = max(start - 1, size - wanted)
        data = read_at(fd, base, size)
        found = _last_start(data)
        if found >= 0:
            try:
                return parse(data, found + 1, base), data, base
            except Short:
                raise Bad(base + found + 1, "the last line is cut short") from None
        if base < start:
            raise Bad(start, "no line follows the header")
        wanted *= 8


def _last_start(data: bytes) -> int:
    """Where ``_NEXT`` stands last. Looking for its first byte alone is much faster, and few lines have another."""
    found = data.rfind(b"\n")
    while found >= 0 and not data.startswith(_NEXT, found):
        found = data.rfind(b"\n", 0, found)
    return found


def catch_up(state: State, fd: int, size: int) -> None:
    """Go on from ``state.end`` to ``size``; raises ``Bad``, with everything before it applied."""
    _go_on(state, read_at(fd, state.end, size), state.end)
    if state.end != size:
        raise Bad(state.end, "the last line is cut short")


def _go_on(state: State, data: bytes, base: int, last: Parsed | None = None) -> None:
    """Apply the lines; ``last`` is one of them whose members were read before."""
    end = base + len(data)
    while state.end < end:
        try:
            if last is not None and state.end == last.start:
                check(data, last, base)
                state.apply(last)
            else:
                state.apply(parse(data, state.end - base, base, whole=True))
        except Short:
            raise Bad(state.end, "the last line is cut short") from None


def read_everything(fd: int, size: int) -> Found:
    """The log from its start, over everything that can't be read. Raises ``Bad`` for a header that can't."""
    header, start = header_of(fd, size)
    found = Found(header, State(header.partition, start))
    state = found.state
    data, base = b"", start
    while state.end < size:
        try:
            state.apply(parse(data, state.end - base, base, whole=True), gaps=bool(found.bad))
        except Short as short:
            if base + len(data) < size:
                data, base = read_at(fd, state.end, min(max(short.needs, state.end + _CHUNK), size)), state.end
            else:
                _pass_over(found, fd, size, "the line is cut short")
        except Bad as bad:
            _pass_over(found, fd, size, bad.reason)
    return found


def _pass_over(found: Found, fd: int, size: int, reason: str) -> None:
    """Go on behind a line that can't be read; where only its records can't, its members still count."""
    state = found.state
    start = state.end
    try:
        parsed = read_line(fd, start, size)
        state.apply(parsed, gaps=bool(found.bad))
        found.bad.append(Stretch(start, parsed.end, reason, members=True))
    except Bad:
        stop = resume(fd, start + 1, size)
        found.bad.append(Stretch(start, stop, reason, members=False))
        state.skip(stop)


def resume(fd: int, at: int, size: int) -> int:
    """Where the next line seems to start, at or after ``at``."""
    at -= 1
    while at < size:
        data = read_at(fd, at, min(at + _CHUNK, size))
        found = data.find(_NEXT)
        if found >= 0:
            return at + found + 1
        at += max(len(data) - len(_NEXT) + 1, 1)
    return size
