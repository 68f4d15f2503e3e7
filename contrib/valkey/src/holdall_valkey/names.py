"""Keys, and members of an index that sort as ``(score, partition)`` does.

All keys of a partition share one hash tag, so one slot. An index of marks is a sorted set of its own.
"""

from __future__ import annotations

import os
from hashlib import sha256

__all__ = ["Names", "behind", "member", "partition_of", "stamp", "too_late"]

_END = b"\0\1"
"""Ends a partition in a member; NUL inside one is written as NUL and 0xFF, so the order of names stays theirs."""


class Names:
    """The keys of one store."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()
        self.names = self._prefix + b":names"
        """The index of all partitions, every score 0."""

    def head(self, partition: str) -> bytes:
        """The hash with the head."""
        return b"%b:{%b}:head" % (self._prefix, _tag(partition))

    def lanes(self, partition: str) -> bytes:
        """What the keys of its lanes begin with."""
        return b"%b:{%b}:lane:" % (self._prefix, _tag(partition))

    def lane(self, partition: str, lane: str) -> bytes:
        """The hash with the records of a lane."""
        return self.lanes(partition) + lane.encode()

    def mark(self, mark: str | None) -> bytes:
        """The index of a mark; without one, of all partitions."""
        return self.names if mark is None else b"%b:mark:%b" % (self._prefix, mark.encode())


def _tag(partition: str) -> bytes:
    return sha256(partition.encode()).hexdigest()[:40].encode()


def stamp(not_after: int) -> bytes:
    """What tells one try of a commit from every other, and until when (ms since 1970) it may still be made."""
    return b"%d.%b" % (not_after, os.urandom(6).hex().encode())


def too_late(stamped: bytes, now: int) -> bool:
    """Whether the commit that ``stamped`` was made for can no longer be made."""
    return now > int(stamped.partition(b".")[0])


def member(partition: str, stamped: bytes) -> bytes:
    """The entry of one try of a commit: no other one, before or after, has the same."""
    return _escaped(partition) + _END + stamped


def behind(partition: str, *, descending: bool) -> bytes:
    """A place just behind every entry of ``partition``, as the walk goes."""
    return _escaped(partition) + (b"\0\0" if descending else b"\0\2")


def partition_of(entry: bytes) -> tuple[str, bytes]:
    """The partition that an entry names, and the stamp of the commit that it was made for."""
    name, _, stamped = entry.rpartition(_END)
    return name.replace(b"\0\xff", b"\0").decode(), stamped


def _escaped(partition: str) -> bytes:
    return partition.encode().replace(b"\0", b"\0\xff")
