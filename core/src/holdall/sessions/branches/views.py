"""What is told of branches."""

from __future__ import annotations

from typing import Any

import msgspec

from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Deletion, Origin, Under
from holdall.sessions.names import MAIN, message_id
from holdall.sessions.state import State
from holdall.sessions.views import Message, Page

__all__ = ["Branch", "Comparison", "Side", "told"]


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A branch, as it was at one moment. Times are in milliseconds since 1970, UTC."""

    name: str
    title: str | None
    parent: str | None
    """The branch that it leaves; ``None`` for ``main``, and for one that begins before the first message."""
    at: str | None
    """The id of the last message that it has from its parent."""
    created_at: int
    created_by: str
    messages: int
    """How many messages its conversation has, those from before the fork included."""
    last: str | None
    """The id of the latest message."""
    current: bool
    """Whether it is what the session shows, and adds to, where nobody names a branch."""
    deleted_at: int | None = None
    deleted_by: str | None = None
    under: Under | None = None
    """What it was started from, if it is a sub-conversation."""
    state: State
    """The session at that moment."""
    replayed: bool = False
    """Whether it was made before, by a request with the same key, and is shown as it is now."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("state", "replayed")}
        return {**fields, "under": None if self.under is None else self.under.as_dict()}


class Side(msgspec.Struct, frozen=True):
    """What one of two branches has, and the other has not."""

    branch: str
    messages: int
    page: Page[Message]
    """The first of them, oldest first; ``page.next`` goes on in the branch's history."""


class Comparison(msgspec.Struct, frozen=True):
    """Two branches, side by side, as they were at one moment."""

    ancestor: str | None
    """The id of the last message that both have."""
    left: Side
    right: Side
    version: int
    """The session's."""


def told(state: State, line: Line, origin: Origin | None, deletion: Deletion | None = None) -> Branch:
    """What is told of the branch of ``line``; ``origin``: how it began, if it is not ``main``."""
    view = state.record.view
    parent, stop = line.path[-1] if line.path else (None, 0)
    return Branch(
        name=line.branch,
        title=None if origin is None else origin.title,
        parent=parent,
        at=None if parent is None else message_id(stop - 1, parent),
        created_at=state.record.created_at if origin is None else origin.created_at,
        created_by=state.record.owner if origin is None else origin.created_by,
        messages=line.stop - line.first,
        last=line.id_at(line.stop - 1) if line.stop > line.first else None,
        current=line.branch == (MAIN if view is None else view.branch),
        deleted_at=None if deletion is None else deletion.at,
        deleted_by=None if deletion is None else deletion.by,
        under=None if origin is None else origin.under,
        state=state,
    )
