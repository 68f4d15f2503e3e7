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
    from holdall_file.shelf import Session

__all__ = ["Aside"]

_ROOM = 32 * 1024 * 1024
"""Bytes that all of them may take, about."""
_WEIGHT, _LANE_WEIGHT, _MOVED_WEIGHT, _MARK_WEIGHT = 4_000, 500, 300, 200
"""Bytes that a session takes, one of its lanes, the place of a record that was written again, and a mark."""
_MOST = 256
"""A session with more of those is forgotten."""
_NO_FILE = Descriptor(-1)


class _Folded(Struct, gc=False):
    """A session, the places of its newest records, and how many bytes both take, about."""

    session: Session
    places: bytes
    weight: int


class Aside:
    """Used by who holds the writer's turn."""

    def __init__(self) -> None:
        self._folded: dict[str, _Folded] = {}
        self._size = 0

    def __contains__(self, partition: str) -> bool:
        return partition in self._folded

    def put(self, session: Session) -> None:
        """Put a session aside, unless somebody is at it; for want of room those go that have been here longest."""
        if session.held or session.dead or not session.guard.acquire(blocking=False):
            return
        try:
            folded = _folded(session)
            if folded is None:
                return
            session.dead = True  # for a reader who has just found it
            session.file = _NO_FILE  # its own is closed when the last who reads from it lets go
        finally:
            session.guard.release()
        self._forget(session.partition)
        self._folded[session.partition] = folded
        self._size += folded.weight
        while self._size > _ROOM:
            self._forget(next(iter(self._folded)))

    def _forget(self, partition: str) -> _Folded | None:
        folded = self._folded.pop(partition, None)
        if folded is not None:
            self._size -= folded.weight
        return folded

    def take(self, partition: str, file: Descriptor) -> Session | None:
        """The session with its ``file``, if that is still the one it had. In any case it is not aside any more."""
        folded = self._forget(partition)
        if folded is None:
            return None
        session = folded.session
        header = encode(Header("session", FORMAT, session.id, partition))
        if os.pread(file.fd, len(header), 0) != header:
            return None
        session.state.unfold(folded.places)
        session.file, session.dead = file, False
        return session


def _folded(session: Session) -> _Folded | None:
    """A session without what takes much memory; ``None``: too much of it can't be left out."""
    state = session.state
    moved = sum(len(track.moved) for track in state.tracks.values())
    if session.writing or state.head is None or state.wide or moved > _MOST:
        return None
    state.cool(wholly=True)
    places = state.fold()
    marks = state.head.marks
    names = sum(map(len, state.tracks)) + sum(map(len, marks))
    weight = _WEIGHT + _LANE_WEIGHT * len(state.tracks) + _MARK_WEIGHT * len(marks) + 2 * names + len(places)
    weight += _MOVED_WEIGHT * moved
    return _Folded(session, places, weight)
