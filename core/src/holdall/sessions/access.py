"""Who acts, and what they may see. Another owner's session looks missing."""

from __future__ import annotations

from msgspec import Struct

from holdall.errors import Forbidden, NotFound
from holdall.sessions.state import State

__all__ = ["Principal"]


class Principal(Struct, frozen=True):
    """An owner, and whether they administer everybody's sessions."""

    owner: str
    admin: bool = False

    def check(self, state: State) -> None:
        """Raise ``NotFound`` unless the session is the principal's own, or they are an admin."""
        if not self.admin and state.record.owner != self.owner:
            raise NotFound("session", state.record.id)

    def owner_for(self, asked: str | None) -> str | None:
        """Whose sessions a listing or creation is about."""
        if self.admin:
            return asked
        if asked is not None and asked != self.owner:
            raise Forbidden("only an admin may act for another owner")
        return self.owner
