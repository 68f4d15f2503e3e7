"""One large part by its hash: a chunk at a time, from anywhere in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from holdall.contract import Span
from holdall.errors import NotFound
from holdall.sessions.names import CHUNKS
from holdall.sessions.parts.index import Entry, chunk_of, learned

if TYPE_CHECKING:
    from holdall.sessions.reader import Check, Reader

__all__ = ["LargePart", "part", "parts"]


class LargePart:
    """A value that is kept apart from the messages that have it."""

    def __init__(self, engine: Reader, session: str, entry: Entry, check: Check) -> None:
        self._from = engine, session, check
        self._first, self._sizes = entry.first, entry.sizes
        self.hash = entry.hash
        """The SHA-256 of its bytes, in hexadecimal."""
        self.size = entry.size
        """Its bytes."""
        self.references = entry.references
        """How often it is referred to, by messages and by their earlier versions."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        return {"hash": self.hash, "bytes": self.size, "references": self.references}

    async def stream(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``stop`` in pieces; raises ``NotFound`` when the part is gone meanwhile."""
        end, at = self.size if stop is None else min(stop, self.size), 0
        for number, size in enumerate(self._sizes):
            if at < end and at + size > start:
                data = await self._read(self._first + number, size)
                yield data[max(start - at, 0) : end - at]
            at += size

    async def read(self) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self.stream()])

    async def _read(self, position: int, size: int) -> bytes:
        engine, session, check = self._from
        view = await engine.view(session, Span(CHUNKS, position, position + 1), check=check)
        record = view.records.get((CHUNKS, position))
        data = None if record is None else chunk_of(record)
        if data is None or len(data) != size:
            raise NotFound("part", self.hash)
        return data


async def part(engine: Reader, session: str, hash_: str, check: Check) -> LargePart:
    """The part of that hash; raises ``NotFound``."""
    entry = (await learned(engine, session, check)).get(hash_)
    if entry is None or entry.references <= 0:
        raise NotFound("part", hash_[:64])
    return LargePart(engine, session, entry, check)


async def parts(engine: Reader, session: str, check: Check) -> list[LargePart]:
    """Every part of the session."""
    index = await learned(engine, session, check)
    return [LargePart(engine, session, entry, check) for entry in index if entry.references > 0]
