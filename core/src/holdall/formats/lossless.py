"""Holdall's own JSONL: the session, then its messages, tool runs and originals, one a line, each in an envelope."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from holdall.formats.walking import Walk
from holdall.sessions.names import MESSAGES, ORIGINALS, TOOLS

__all__ = ["VERSION", "write"]

VERSION = 1


async def write(walk: Walk) -> AsyncIterator[bytes]:
    """The whole session, so that importing it makes the same again."""
    first = {"messages": walk.first(MESSAGES), "tools": walk.first(TOOLS), "originals": walk.first(ORIGINALS)}
    header = {
        "type": "session",
        "format": "holdall",
        "version": VERSION,
        "first": first,
        "session": walk.session.as_dict(),
    }
    yield msgspec.json.encode(header) + b"\n"
    async for messages in walk.messages():
        yield b"".join(b'{"type":"message","message":%b}\n' % message.raw for message in messages)
    async for runs in walk.tool_runs():
        yield b"".join(b'{"type":"tool","tool":%b}\n' % run.raw for run in runs)
    async for originals in walk.originals():
        yield b"".join(b'{"type":"original","original":%b}\n' % msgspec.json.encode(text) for text in originals)
