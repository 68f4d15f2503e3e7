"""The records that a session was imported from: lines byte for byte, a document value for value."""

from __future__ import annotations

from collections.abc import AsyncIterator

from holdall.formats.assembling import assembled, is_document
from holdall.formats.walking import Walk
from holdall.sessions.names import ORIGINALS

__all__ = ["write"]


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """One record a line, or one document. A session that was not imported has none."""
    if len(walk.lane(ORIGINALS)) and is_document(await walk.original(walk.first(ORIGINALS))):
        async for piece in assembled(walk):
            yield piece
        return
    async for page in walk.originals():
        yield "".join(f"{text}\n" for text in page).encode()
