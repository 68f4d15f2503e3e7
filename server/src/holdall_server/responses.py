"""Replies on their way out: what is whole goes in one step; Sanic sends what has no body, or comes in pieces.

The headers are ours, so each is written once and not translated letter by letter.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Iterator
from functools import lru_cache
from typing import Any

from sanic.helpers import STATUS_CODES
from sanic.http import Stage
from sanic.response import HTTPResponse

from holdall_server.exchange import Reply

__all__ = ["answer", "farewell", "next_id", "response", "stream"]

_serial = itertools.count(1)
_KEPT, _CLOSED = "\r\nconnection: keep-alive\r\n\r\n", "\r\nconnection: close\r\n\r\n"
_ALWAYS = (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")


class Response(HTTPResponse):
    """Adds what every response carries, and refuses a header that would end early."""

    __slots__ = ()

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The headers as they are sent."""
        yield from _ALWAYS
        if self.content_type is not None:
            yield b"content-type", _encoded(self.content_type)
        headers: Any = self.headers
        for name, value in headers.items():
            text = value if type(value) is str else str(value)
            if "\n" in text or "\r" in text:
                raise ValueError(f"the header {name} has a line break")
            yield _encoded(name), text.encode("latin-1")


@lru_cache(256)
def _encoded(name: str) -> bytes:
    return name.encode()


class _Process:
    """What tells this process's requests from others'; another in each fork."""

    name = f"{secrets.token_hex(4)}-"

    @classmethod
    def renew(cls) -> None:
        cls.name = f"{secrets.token_hex(4)}-"


os.register_at_fork(after_in_child=_Process.renew)


def next_id() -> str:
    """A name for one request, to find it in the log."""
    return f"{_Process.name}{next(_serial)}"


def response(reply: Reply) -> HTTPResponse:
    """``reply`` as Sanic sends it."""
    reply.headers.setdefault("X-Request-ID", next_id())
    return Response(reply.body or None, reply.status, reply.headers, reply.media)


def answer(connection: Any, reply: Reply) -> Awaitable[None] | None:
    """Send a reply that is no stream. Nearly always that is done; otherwise it is when what comes back was awaited."""
    body, headers, protocol = reply.body, reply.headers, connection.protocol
    if not body or connection.head_only or connection.expecting_continue:
        return connection.respond(response(reply)).send(end_stream=True)
    if "X-Request-ID" not in headers:
        headers["X-Request-ID"] = next_id()
    values = [*headers.values(), str(len(body))]
    text = "".join(values)
    if "\r" in text or "\n" in text:
        raise ValueError("a header has a line break")
    pieces = [*_form(reply.status, reply.media, connection.keep_alive, *headers)]
    pieces[1::2] = values
    head = "".join(pieces).encode("latin-1")
    if protocol.access_log:
        connection.response = response(reply)
        connection.response.headers["content-length"] = len(body)
        connection.log_response()
    connection.response_func = None
    if getattr(protocol, "full", True):  # Sanic's own protocol does not say
        return _later(connection, head + body)
    protocol.write(head + body)
    connection.stage = Stage.IDLE
    return None


async def _later(connection: Any, data: bytes) -> None:
    await connection.protocol.send(data)
    connection.stage = Stage.IDLE


def farewell(reply: Reply) -> bytes:
    """A reply with a body as the last that its connection sends, whatever was asked there."""
    reply.headers.setdefault("X-Request-ID", next_id())
    lines = "\r\n".join(map(": ".join, reply.headers.items()))
    start = _start(reply.status, reply.media)
    return f"{start}{lines}\r\ncontent-length: {len(reply.body)}{_CLOSED}".encode("latin-1") + reply.body


@lru_cache(256)
def _form(status: int, media: str | None, kept: bool, *names: str) -> list[str]:
    """The head of an answer; every second piece is where the value of a header goes, at last the length of the body."""
    if any("\r" in name or "\n" in name for name in names):
        raise ValueError("a header has a line break")
    lines = "".join(f"{name}: \0\r\n" for name in names)
    return re.split("(\0)", f"{_start(status, media)}{lines}content-length: \0{_KEPT if kept else _CLOSED}")


def _start(status: int, media: str | None) -> str:
    """The first lines of an answer."""
    lines = [f"HTTP/1.1 {status} {STATUS_CODES.get(status, b'UNKNOWN').decode()}"]
    lines += [f"{name.decode()}: {text.decode()}" for name, text in _ALWAYS]
    return "\r\n".join([*lines, "" if media is None else f"content-type: {media}\r\n"])


async def stream(connection: Any, reply: Reply) -> None:
    """Send a reply piece by piece. What fails before the first piece can still be told as a problem."""
    if reply.stream is None:
        return
    pieces, transport = aiter(reply.stream), connection.protocol.transport
    try:
        first = await anext(pieces, b"")
        sent = connection.respond(response(reply))
        await _send(transport, sent, first, reply.patience)
        async for piece in pieces:
            await _send(transport, sent, piece, reply.patience)
        await _send(transport, sent, None, reply.patience)
    except Impatient:
        transport.abort()
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


class Impatient(Exception):
    """A client did not take what it asked for."""


async def _send(transport: Any, sent: Any, piece: bytes | None, patience: float | None) -> None:
    """Send a piece, or the end, as soon as the one before it is on its way: at once when the client has taken all."""
    sending = sent.eof() if piece is None else sent.send(piece)
    if patience is None or not transport.get_write_buffer_size():
        return await sending
    try:
        async with asyncio.timeout(patience):
            return await sending
    except TimeoutError:
        raise Impatient from None
