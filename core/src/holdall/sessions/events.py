"""What plugins are shown: the draft of a session before it exists, and what happened after it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Draft", "Event"]


@dataclass(slots=True)
class Draft:
    """A session about to be created. Plugins may change any field but ``id`` and ``owner``."""

    id: str
    owner: str
    project: str | None = None
    title: str | None = None
    tags: list[str] = field(default_factory=list[str])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    ttl: int | None = None
    max_lifetime: int | None = None
    messages: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is stored and cannot be undone by its observers."""

    kind: Literal["created", "updated", "appended", "cleared", "extended", "ended", "deleted", "expired"]
    session: str
    owner: str
    version: int
    at: int
    """Milliseconds since 1970, UTC."""
    messages: Sequence[str] = ()
    """The ids of the messages that were appended."""
