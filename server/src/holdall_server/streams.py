"""The streams of events that a worker has open: how many there may be, and their end when it stops."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

from holdall import Change, HoldallError, NotFound
from holdall.sessions.live.following import Follower
from holdall_server.problems import Problem

__all__ = ["MEDIA", "PATIENCE", "Streams"]

MEDIA = "text/event-stream"
PATIENCE = 30.0
"""Seconds that a client may take to take a piece of a stream."""
_FIRST = b"retry: 1000\n\n"
"""Come again after a second."""
_BEAT = b":\n\n"
"""A comment, now and then, so that what is in between keeps the connection open."""
_PIECE = 64 << 10
_LATER = "10"
"""Seconds after which an owner with too many streams may try again: that one ends is up to the owner."""
_ENDS = (
    (b"\n", b" "), (b"\r", b" "),  # between JSON's own words
    (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"),  # inside its texts
)  # fmt: skip
"""What ends a line, by the specification or only for many clients, and what JSON has in its place."""
log = logging.getLogger("holdall.server")


class Streams:
    """The open streams of one worker."""

    def __init__(self, most: int, each: int) -> None:
        """At most ``most`` streams, and at most ``each`` of one owner."""
        self.most = most
        self.each = each
        self._owners: dict[Follower, str] = {}
        """Of each stream that is open, who follows."""
        self._stopping = False
        self._said: tuple[Change | None, bytes] = None, b""
        """The change that was told last, and how: others who follow the same session are told it, too."""

    def __len__(self) -> int:
        return len(self._owners)

    def check_room(self, owner: str) -> None:
        """Raise ``Problem`` when another stream would be too many: 429 for ``owner``, or 503 for the worker.

        It is 503, too, when the worker is about to stop.
        """
        if sum(each == owner for each in self._owners.values()) >= self.each:
            detail = f"there are {self.each:,} streams for this owner already, and there may be no more: close one"
            raise Problem(429, "too-many-streams", detail, headers={"Retry-After": _LATER})
        if self._stopping or len(self) >= self.most:
            detail = "there are too many streams, or the server stops; try again"
            raise Problem(503, "too-many-streams", detail, headers={"Retry-After": "1"})

    def open(self, follower: Follower, owner: str) -> AsyncGenerator[bytes]:
        """The pieces of the stream of a follower, which it closes at its end; raises as ``check_room`` does."""
        try:
            self.check_room(owner)  # others may have come while the follower was made
        except Problem:
            follower.close()
            raise
        self._owners[follower] = owner
        return self._pieces(follower)

    def stop(self) -> None:
        """End every stream, and begin no other."""
        self._stopping = True
        for follower in self._owners:
            follower.stop()

    async def _pieces(self, follower: Follower) -> AsyncGenerator[bytes]:
        try:
            yield _FIRST
            while not follower.ended:
                changes = await follower.some()
                piece = b""
                for change in changes:
                    if self._said[0] is not change:
                        self._said = change, event(change)
                    piece += self._said[1]
                    while len(piece) > _PIECE:  # what a client does not take is kept: of a large event, this much
                        yield piece[:_PIECE]
                        piece = piece[_PIECE:]
                if piece or not changes:
                    yield piece or _BEAT
        except NotFound:
            return  # the session may not be seen any more: who asks again is told so
        except HoldallError:
            log.exception("a stream of events breaks off")
        finally:
            del self._owners[follower]
            follower.close()
            if not self._owners:
                self._said = None, b""


def event(change: Change) -> bytes:
    """A change as a server-sent event, of three lines for everybody's notion of a line."""
    data = change.raw
    for end, instead in _ENDS:
        data = data.replace(end, instead)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (change.id.encode(), change.type.encode(), data)
