"""The shapes of what a search answers."""

from __future__ import annotations

from pydantic import BaseModel

from holdall.sessions.models import Milliseconds
from holdall.sessions.names import Role
from holdall_server.models import BranchName, MessageId, OpaqueCursor

__all__ = ["MatchPage", "MatchView"]


class PieceView(BaseModel):
    """A part of a snippet."""

    text: str
    match: bool
    """Whether this is what was looked for."""


class MatchView(BaseModel):
    """A message that was found."""

    id: MessageId
    """The message's."""
    role: Role
    created_at: Milliseconds
    session: str
    branch: BranchName
    owner: str
    project: str | None
    title: str | None
    """The session's."""
    snippet: list[PieceView]
    """The message's text around what matches, in parts."""
    score: float | None
    """How well it matches, where the best come first; comparable within one search only."""


class MatchPage(BaseModel):
    """Messages that were found."""

    items: list[MatchView]
    next: OpaqueCursor | None
    previous: None
    complete: bool
    """False: the search index is still being built, and older messages may be missing."""
