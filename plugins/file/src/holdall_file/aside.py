"""Sessions that are put aside: what is known of more of them than can have a file open.

A session that many others were used after gives its file back, and what takes much memory. When it is used again and
its file is still the one, it goes on from there: of the log nothing is read but the first line.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from holdall_file.folder import Descriptor
from holdall_file.lines import FORMAT, Header, encode

if TYPE_CHECKING:
    from holdall_file.session import Session

__all__ = ["Aside"]

_ROOM = 32 * 1024 * 1024
"""Bytes that all of them may take, about."""
_WEIGHT, _LANE_WEIGHT, _MOVED_WEIGHT, _MARK_WEIGHT = 4_000, 500, 300, 200
"""Bytes that a session takes, one of its lanes, the place of a record that was written again, and a mark."""
_MOST = 256
"""A session with more of those is forgotten."""
_NO_FILE = Descriptor(-1)


class _Entry(Struct, gc=False):
    """A session, the places of its newest records, and how many bytes both take, about."""

    session: Session
    places: bytes
    weight: int


class Aside:
    """Used by who holds the writer's turn."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._size = 0

    def __contains__(self, partition: str) -> bool:
        return partition in self._entries

    def put(self, session: Session) -> None:
        """Put a session aside, unless somebody is at it, or too much is to be kept of it.

        For want of room those are forgotten that have been here longest.
        """
        if session.held or session.dead or not session.guard.acquire(blocking=False):
            return
        try:
            entry = _fold_up(session)
            if entry is None:
                return
            session.dead = True  # for a reader who has just found it
            session.file = _NO_FILE  # its own is closed when the last who reads from it lets go
        finally:
            session.guard.release()
        self._forget(session.partition)
        self._entries[session.partition] = entry
        self._size += entry.weight
        while self._size > _ROOM:
            self._forget(next(iter(self._entries)))

    def _forget(self, partition: str) -> _Entry | None:
        entry = self._entries.pop(partition, None)
        if entry is not None:
            self._size -= entry.weight
        return entry

    def take(self, partition: str, file: Descriptor) -> Session | None:
        """The session with its ``file``, if that begins as its own did; whether it has grown is the caller's to ask.

        In any case the session is not aside any more.
        """
        entry = self._forget(partition)
        if entry is None:
            return None
        session = entry.session
        header = encode(Header("session", FORMAT, session.id, partition))
        if os.pread(file.fd, len(header), 0) != header:
            return None
        session.state.unfold(entry.places)
        session.file, session.dead = file, False
        return session


def _fold_up(session: Session) -> _Entry | None:
    """Take from a session what needs much memory; ``None``, and nothing is taken: too much would be left."""
    state = session.state
    head, tracks = state.head, state.tracks
    moved = sum(len(track.moved) for track in tracks.values())
    if session.writing or head is None or state.wide or moved > _MOST:
        return None
    state.cool(wholly=True)
    places = state.fold()
    weight = _WEIGHT + _LANE_WEIGHT * len(tracks) + _MARK_WEIGHT * len(head.marks) + _MOVED_WEIGHT * moved
    weight += 2 * (sum(map(len, tracks)) + sum(map(len, head.marks))) + len(places)
    return _Entry(session, places, weight)
