"""A request and its reply as the operations see them: no web framework in sight."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from holdall import Principal, Store

if TYPE_CHECKING:
    from holdall_server.operations import Operation
    from holdall_server.service import Service

__all__ = ["JSON", "Call", "Reply", "json_reply"]

JSON = "application/json"

encode = msgspec.json.encode


class Call(msgspec.Struct):
    """One request that was let in."""

    service: Service
    operation: Operation
    store: Store
    """The store, acting as the caller."""
    principal: Principal | None
    """The caller; ``None`` where none is needed."""
    target: str
    """The path as it was sent."""
    path: Mapping[str, str]
    """What stands for the names in the operation's path."""
    query: Mapping[str, Any]
    """The query parameters, checked, without those that were not given."""
    headers: Mapping[str, str]
    """The headers, by their lower-case names."""
    body: Any = None
    """The decoded body."""


class Reply(msgspec.Struct):
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    media: str | None = JSON
    stream: AsyncIterator[bytes] | None = None
    """The body in pieces, instead of ``body``."""
    patience: float | None = None
    """Seconds that the client may take to take a piece, before the connection is cut; ``None``: as others may."""


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A reply that holds ``value``; in names of headers ``_`` stands for ``-``."""
    return Reply(status, encode(value), {name.replace("_", "-"): text for name, text in headers.items()})
