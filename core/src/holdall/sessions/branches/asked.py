"""Which page of a branch is wanted, and how it is put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdall.contract import Head
from holdall.errors import NotFound
from holdall.sessions.names import PARTS, message_id
from holdall.sessions.views import Message, Page

__all__ = ["Asked", "Cursor", "built", "no_cursor"]

Cursor = tuple[str, int]
"""The branch and the position that the id of a message names."""


class Asked(msgspec.Struct, frozen=True):
    """Which page is wanted."""

    branch: str | None
    limit: int
    before: Cursor | None
    after: Cursor | None

    @property
    def cursor(self) -> Cursor | None:
        """The cursor, of whichever side."""
        return self.before or self.after

    def window(self, stop: int | None) -> tuple[int, int | None]:
        """The positions of the page in a view that ends before ``stop``; a negative first one counts from the end."""
        if self.after is not None:
            start = self.after[1] + 1
            return start, start + self.limit if stop is None else min(start + self.limit, stop)
        end = stop if self.before is None else self.before[1]
        return (-self.limit, None) if end is None else (max(end - self.limit, 0), end)

    def check(self, stop: int) -> None:
        """Raise ``NotFound`` for a cursor behind the last message."""
        cursor = self.cursor
        if cursor is not None and cursor[1] + (self.after is not None) > stop:
            raise no_cursor(cursor)


def no_cursor(cursor: Cursor) -> NotFound:
    """What is raised for a cursor that is no message of the conversation."""
    return NotFound("cursor", message_id(cursor[1], cursor[0]))


def built(records: Sequence[bytes], start: int, first: int, end: int, head: Head) -> Page[Message]:
    """The page of ``records``, which begin at ``start``, of a conversation from ``first`` to ``end``."""
    items = [Message(raw) for raw in records]
    if not items:
        return Page(items, version=head.changed)
    following = items[-1].id if start + len(items) < end else None
    return Page(items, following, items[0].id if start > first else None, head.changed, PARTS in head.lanes)
