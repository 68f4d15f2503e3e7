"""What plugins are shown: the draft of a session before it exists, and what happened after it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

__all__ = ["Draft", "Event"]


class Draft(Struct):
    """A session about to be created. Plugins may change any field but ``id`` and ``owner``."""

    id: str
    owner: str
    project: str | None = None
    title: str | None = None
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    ttl: int | None = None
    max_lifetime: int | None = None
    messages: list[Mapping[str, Any]] = []


class Event(Struct, frozen=True):
    """Something that is stored and cannot be undone by its observers."""

    kind: Literal[
        "created",
        "updated",
        "appended",
        "edited",
        "redacted",
        "purged",
        "forked",
        "summarised",
        "compacted",
        "cleared",
        "extended",
        "ended",
        "deleted",
        "expired",
    ]
    session: str
    owner: str
    version: int
    at: int
    """Milliseconds since 1970, UTC."""
    messages: Sequence[str] = ()
    """The ids of the messages that were appended, edited, redacted or purged; none of a branch that was purged."""
