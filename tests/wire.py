"""Connections to a server, byte by byte, and requests that are sound but for a few things."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from sanic import Sanic

from holdall.settings import read_settings
from holdall_server import running
from holdall_server.app import create_app
from holdall_server.checks import tls_of
from holdall_server.protocol import Protocol

__all__ = [
    "BYE",
    "MESSAGE",
    "SERVER",
    "TOKENS",
    "Wire",
    "already_said",
    "connected",
    "made",
    "place",
    "post",
    "request",
    "turns",
]

Sanic.test_mode = True
TOKENS = {name: f"hld1_token-of-{name}-0123456789abcdef" for name in ("ana", "bob")}
SERVER = {
    "tokens": [{"owner": name, "sha256": hashlib.sha256(token.encode()).hexdigest()} for name, token in TOKENS.items()]
}
MESSAGE = b'{"role":"user","content":"hello"}'
BYE = b"BYE\r\n\r\n"
"""After that, whatever came before, a server closes."""


async def already_said(store: Any) -> str:
    """A session of ana's that has the message, so that posting it with its key changes nothing."""
    session = await store.create(owner="ana")
    await session.append({"role": "user", "content": "hello"}, key="k")
    return session.id


class Wire:
    """A connection to a server, byte by byte; answers come without the names that no two of them share."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.close = writer.close
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def ask(self, *pieces: bytes) -> bytes:
        """The one answer to what is sent; empty if there is none."""
        for piece in pieces:
            self._writer.write(piece)
            await turns()
        async with asyncio.timeout(15):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
                size = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
                return _settled(head + (b"" if size is None else await self._reader.readexactly(int(size[1]))))
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return b""

    async def told(self, *pieces: bytes) -> bytes:
        """All that comes, to what is sent, until the server closes."""
        for piece in pieces:
            self._writer.write(piece)
            await turns()
        async with asyncio.timeout(15):
            try:
                return _settled(await self._reader.read())
            except ConnectionResetError:
                return b""

    async def heard(self, *pieces: bytes, eof: bool = False) -> tuple[bytes, bool]:
        """All that comes to what is sent until the connection ends, and whether it was cut off."""
        heard, cut = b"", False

        async def speak() -> None:
            for piece in pieces:
                self._writer.write(piece)
                await turns()
            if eof:
                with suppress(OSError):  # it has ended already
                    self._writer.write_eof()

        async with asyncio.timeout(15), asyncio.TaskGroup() as group:
            group.create_task(speak())
            try:
                while piece := await self._reader.read(1 << 16):
                    heard += piece
            except OSError:
                cut = True
        return _settled(heard), cut

    def go(self, *pieces: bytes) -> None:
        """Send, and be gone at once."""
        for piece in pieces:
            self._writer.write(piece)
        self.close()


async def connected(port: int, certificate: Any = None) -> Wire:
    """A connection to a server, over TLS if its certificate is given."""
    if certificate is None:
        return Wire(*await asyncio.open_connection("127.0.0.1", port))
    trust = ssl.create_default_context(cafile=certificate)
    return Wire(*await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost"))


async def turns() -> None:
    """Let the servers, which are in this process, take in what was written."""
    for _ in range(4):
        await asyncio.sleep(0)


def _settled(answer: bytes) -> bytes:
    return re.sub(rb"X-Request-ID: [^\r]+\r\n", b"", answer, flags=re.IGNORECASE)


@asynccontextmanager
async def place(store: Any, protocol: Any = Protocol, server: Any = None, **config: Any) -> AsyncIterator[Any]:
    """A server; makes connections to it."""
    settings = read_settings({"storage": {"use": "memory"}, "server": SERVER | (server or {})})
    app = create_app(settings, store=store)
    app.config.update(config)
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as sock:
        patch.setattr(running, "Protocol", protocol)
        sock.setblocking(False)
        async with AsyncExitStack() as stack:

            async def wire() -> Wire:
                made = await connected(sock.getsockname()[1], settings.server.tls_cert)
                stack.callback(made.close)
                return made

            async with running.serving(app, sock, tls=tls_of(settings)):
                yield wire


def request(method: str, target: str, body: bytes | None = None, *more: str, who: str = "ana") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKENS[who]}", *more]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + (body or b"")


def post(session: str, *more: str, body: bytes = MESSAGE) -> bytes:
    return request("POST", f"/api/sessions/{session}/messages", body, "Idempotency-Key: k", *more)


ODD_LINES = (
    "Host: other", "Host:", "Host: a/b", "Connection: keep-alive", "Connection: Keep-Alive", "Connection: close",
    "Connection: keep-alive, close", "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
    "Expect: 100-continue", "Expect: more", "Upgrade: websocket", "Upgrade: h2c", "Content-Length: 33",
    "Content-Length: 3", "Content-Length: +3", "Content-Length: 033", "Content-Length:\t33", "Content-Length: 33 ",
    "Content-Length:33", "Content-Length : 33", "content-length: 0", "Content-Length: 1_0", "Content-Length: 3, 3",
    "X-Thing: a\0b", "X-Thing: a\rb", "X-Thing: a\nContent-Length: 3", "X-Thing: a\rContent-Length: 3",
    "X-Name: Ren\xe9", "X-Name: \xa033", "thing", " folded: 1", "X Thing: 1", ": 1", "X-Empty:", "Accept: */*",
    'If-Match: "1"', "If-Match: *", "If-None-Match: *", "Idempotency-Key: k", "Content-Type: text/plain",
    "content-type: application/json", 'Content-Type: application/json; charset="utf-8"', "AUTHORIZATION: none",
    f"Authorization: Bearer {TOKENS['bob']}", f"authorization: bearer  {TOKENS['ana']} ",
)  # fmt: skip
TARGETS = (
    "/api/sessions/{}/messages", "/api/sessions/{}/messages?branch=nope", "/api/sessions/{}/messages?x",
    "/api/sessions/{}/messages?token=1", "/api/sessions/{}/messages/", "//api/sessions/{}/messages",
    "/api/sessions/{}/messages?", "/api/sessions/{}/messages#x", "/api/sessions/{}/mess%61ges", "/api/sessions/%2e",
    "/api/sessions/{}/../{}/messages", "http://localhost/api/sessions/{}/messages", "*", "/", "/api/sessions/nope/messages",
    "/api/sessions/{}/messages?a=b?c=d", '/api/sessions/"{}"', "/api/sessions/{}/history?limit=2&limit=3",
    "/api/sessions/{}/history?limit=2", "/api/sessions/{}/history", "/api/sessions/{}", "/api/sessions/\xe9",
)  # fmt: skip


def made(dice: random.Random, session: str) -> tuple[str, bytes]:
    """The method of a request, and the request: sound but for a few things."""
    method = dice.choice(("POST", "POST", "GET", "GET", "HEAD", "get", "OPTIONS"))
    target = dice.choice(TARGETS[:1] * 30 + TARGETS).replace("{}", session)
    lines = ["Host: localhost", f"Authorization: Bearer {TOKENS['ana']}", "Idempotency-Key: k"]
    needed = set(lines)  # without the key each of the servers that are compared would keep another message
    if method == "POST" or not dice.randrange(4):
        lines += ["Content-Type: application/json", f"Content-Length: {len(MESSAGE)}"]
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2))):
        match dice.randrange(4):
            case 0 if not needed.issuperset(lines):
                lines.remove(dice.choice([line for line in lines if line not in needed]))
            case 1:
                lines.append(dice.choice(lines))
            case _:
                lines.insert(dice.randrange(len(lines) + 1), dice.choice(ODD_LINES))
    dice.shuffle(lines)
    version = dice.choice(("HTTP/1.1",) * 20 + ("HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 "))
    head = "\r\n".join([f"{method} {target} {version}", *lines]).encode("latin-1")
    body = MESSAGE if b"ength" in head else b""
    if b"chunked" in head and dice.randrange(2):
        body = b"21\r\n" + MESSAGE + b"\r\n0\r\n\r\n"
    return method, head + b"\r\n\r\n" + body
