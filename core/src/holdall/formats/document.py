"""One JSON document: the session with everything in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from holdall.formats.walking import Walk
from holdall.sessions.views import Message, ToolRun

__all__ = ["write"]


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The document, page by page."""
    yield b'{"session":' + msgspec.json.encode(walk.session.as_dict())
    async for piece in _every(walk) if walk.every else _array("messages", _raw(walk.messages())):
        yield piece
    async for piece in _array("tools", _raw(walk.tool_runs())):
        yield piece
    async for piece in _array("originals", _encoded(walk.originals())):
        yield piece
    yield b"}\n"


async def _every(walk: Walk) -> AsyncIterator[bytes]:
    """The branches, each with the messages that are its own, and the versions that messages had before."""
    before = b',"branches":[\n'
    for stretch in walk.stretches:
        told = {"name": stretch.branch, "origin": stretch.origin, "deleted": stretch.deletion}
        yield before + msgspec.json.encode({name: what for name, what in told.items() if what is not None})[:-1]
        async for piece in _array("messages", _raw(walk.messages_of(stretch))):
            yield piece
        before = b"},\n"
    yield b"}]"
    async for piece in _array("versions", _raw(walk.versions())):
        yield piece


async def _array(name: str, pages: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    before = b',"%b":[\n' % name.encode()
    async for page in pages:
        yield before + b",\n".join(page)
        before = b",\n"
    yield b"]" if before == b",\n" else before + b"]"


async def _raw(pages: AsyncIterator[Sequence[Message | ToolRun]]) -> AsyncIterator[list[bytes]]:
    async for page in pages:
        yield [item.raw for item in page]


async def _encoded(pages: AsyncIterator[Sequence[str]]) -> AsyncIterator[list[bytes]]:
    async for page in pages:
        yield [msgspec.json.encode(text) for text in page]
