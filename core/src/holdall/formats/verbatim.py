"""The records that a session was imported from, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.formats.walking import Walk

__all__ = ["write"]


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """One record a line. A session that was not imported has none."""
    async for page in walk.originals():
        yield "".join(f"{text}\n" for text in page).encode()
