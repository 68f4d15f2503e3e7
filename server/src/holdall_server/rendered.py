"""What was sent, to be sent again for as long as its version stands."""

from __future__ import annotations

from dataclasses import dataclass

from holdall.caching import Cache, LeastRecentlyUsed
from holdall_server.exchange import Reply

__all__ = ["Rendered", "cache"]

_MOST = 32 << 20
"""Bytes of pages that a worker keeps."""
_OVERHEAD = 600
"""Bytes that an entry takes besides its body, about."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The page of a session at a version."""

    version: int | None
    body: bytes
    link: str | None = None
    """The Link header."""

    @property
    def weight(self) -> int:
        """Bytes of memory."""
        return len(self.body) + _OVERHEAD

    def reply(self) -> Reply:
        """This page, to be sent."""
        return Reply(200, self.body, {} if self.link is None else {"Link": self.link})


def cache() -> Cache[Rendered]:
    """An empty one."""
    return Cache(LeastRecentlyUsed(), _MOST)
