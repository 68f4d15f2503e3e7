"""A line: one conversation from its first message to its last, through the lanes of all the branches it runs in.

Messages are numbered along a line: the number in a message's id is its place there, whichever branch's lane holds it.
So a page, a cursor and a fork are arithmetic, and nothing needs an index.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from holdall.contract import Span
from holdall.sessions.names import message_id, messages_lane

__all__ = ["Line", "Path"]

Path = tuple[tuple[str, int], ...]
"""The branches that a line runs through before its own, each with the position at which it leaves it."""


class Line(msgspec.Struct, frozen=True):
    """Where the messages of one branch lie, at one moment."""

    branch: str
    path: Path
    first: int
    """The position of the first message."""
    base: int
    """The position of the branch's own first message."""
    stop: int
    """The position behind the last one."""

    def segments(self) -> Iterator[tuple[str, int, int]]:
        """The branches in order, each with the positions that the line has in it: it may end before its own branch."""
        start = self.first
        for branch, left in self.path:
            stop = min(left, self.stop)
            yield branch, start, stop
            start = stop
        yield self.branch, self.base, self.stop

    def holds(self, branch: str, position: int) -> bool:
        """Whether a message of ``branch`` is part of the line."""
        return any(name == branch and start <= position < stop for name, start, stop in self.segments())

    def id_at(self, position: int) -> str:
        """The id of the message at ``position``: also of the one that would be appended next."""
        name = next((branch for branch, left in self.path if position < left), self.branch)
        return message_id(position, name)

    def spans(self, start: int, stop: int | None) -> list[Span]:
        """The records at positions ``start`` to ``stop`` (``None``: to the end), wherever the end is by then."""
        found: list[Span] = []
        for branch, first, end in self.segments():
            last = stop if branch == self.branch else end if stop is None else min(end, stop)
            if last is None or max(first, start) < last:
                found.append(Span(messages_lane(branch), max(first, start), last))
        return found

    def cut(self, stop: int) -> Path:
        """The path of a branch that leaves this line before ``stop``."""
        return tuple((branch, min(end, stop)) for branch, start, end in self.segments() if start < min(end, stop))

    def meet(self, other: Line) -> int | None:
        """The position before which both lines have the same messages; ``None``: they share none."""
        shared: int | None = None
        for (mine, start, stop), (theirs, _, end) in zip(self.segments(), other.segments(), strict=False):
            if mine != theirs or start >= min(stop, end):
                break
            shared = min(stop, end)
            if stop != end:
                break
        return shared
