"""How many connections a worker has, and what becomes of those that come when there is no room."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
from typing import Any

import pytest

from holdall_server.app import create_app
from holdall_server.running import serving

AUTH = b"Authorization: Bearer hld1_token-of-root-0123456789abcdef\r\n"
ASKED = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n"
LIVE, MEASURES = ASKED % b"/livez", ASKED % b"/metrics"
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connect():
    """Connections to a port, closed at the end."""
    lines: list[Line] = []

    async def connected(port: int, **options: Any) -> Line:
        lines.append(await asyncio.open_connection("127.0.0.1", port, limit=1 << 20, **options))
        return lines[-1]

    yield connected
    for _, writer in lines:
        writer.close()


async def told(line: Line, asked: bytes = LIVE) -> bytes:
    """The answer to what is asked; empty if there is none."""
    reader, writer = line
    writer.write(asked)
    async with asyncio.timeout(15):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            return head + await reader.readexactly(int(size[1]) if size else 0)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return b""


async def measured(line: Line, name: str) -> float:
    match = re.search(rb"^%b (\S+)$" % re.escape(name.encode()), await told(line, MEASURES), re.MULTILINE)
    return 0 if match is None else float(match[1])


async def whole(line: Line) -> bytes:
    async with asyncio.timeout(15):
        try:
            return await line[0].read()
        except ConnectionResetError:
            return b""


def is_full(answer: bytes) -> bool:
    """Whether it is the problem of a worker that is full, and that alone."""
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)
    if head.startswith(b"HTTP/1.1 200 "):
        return False
    assert (problem["status"], problem["code"]) == (503, "too-many-connections")
    for line in (b"retry-after: 1", b"connection: close", b"content-type: application/problem+json", b"x-request-id: "):
        assert b"\r\n" + line in head.lower()
    return head.startswith(b"HTTP/1.1 503 ")


@pytest.mark.req("SEC-INP-02", "SEC-HTTP-02")
async def test_one_connection_too_many_is_told_so_and_hurts_no_other(start, connect):
    site = await start(server={"max_connections": 3})
    root = site.client("root")
    session = (await root.post("/api/sessions", json={})).json()["id"]
    await root.aclose()
    stream, one, other = [await connect(site.port) for _ in range(3)]
    stream[1].write(ASKED % f"/api/sessions/{session}/events".encode())
    async with asyncio.timeout(15):
        await stream[0].readuntil(b"retry: 1000")
    assert (await told(one)).startswith(b"HTTP/1.1 200 ")
    assert (await told(other)).startswith(b"HTTP/1.1 200 ")
    silent, asking = await connect(site.port), await connect(site.port)
    for line, asked in ((asking, LIVE * 20), (silent, b"")):
        line[1].write(asked)
        assert is_full(await whole(line))
    assert await measured(one, 'holdall_connections{state="open"}') == 3
    assert await measured(one, 'holdall_connections{state="allowed"}') == 3
    assert await measured(one, "holdall_connections_turned_away_total") == 2
    await root_posts(one, session)
    async with asyncio.timeout(15):
        await stream[0].readuntil(b"event: appended")
        other[1].close()
        while is_full(answer := await told(await connect(site.port))):
            pass
    assert answer.startswith(b"HTTP/1.1 200 ")


async def root_posts(line: Line, session: str) -> None:
    body = b'{"role":"user","content":"hello"}'
    head = (ASKED % f"/api/sessions/{session}/messages".encode()).replace(b"GET", b"POST")[:-2]
    more = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await told(line, head + more + body)).startswith(b"HTTP/1.1 201 ")


@pytest.mark.req("SEC-INP-02")
async def test_a_crowd_before_a_full_door_gets_no_descriptors(start, connect):
    """A few are told; the others are let go at once. All that is kept of them ends with their clients, or in a moment."""
    site = await start(server={"max_connections": 16})
    served = [await connect(site.port) for _ in range(16)]
    assert all([(await told(line)).startswith(b"HTTP/1.1 200 ") for line in served])
    crowd = [await connect(site.port) for _ in range(100)]
    answers = [await whole(line) for line in crowd]
    assert all(is_full(answer) for answer in answers if answer)
    assert 0 < sum(map(bool, answers)) < 100
    assert await measured(served[0], "holdall_connections_turned_away_total") == 100
    assert await measured(served[0], 'holdall_connections{state="open"}') == 16


class Listening(socket.socket):
    """Counts how often it is asked for a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.enough = 0, asyncio.Event()

    def accept(self) -> Any:
        self.asked += 1
        if self.asked > 2:
            self.enough.set()
        return super().accept()


@pytest.mark.req("SEC-INP-02")
async def test_who_comes_when_there_are_no_descriptors_waits_until_there_are(quick, connect, caplog):
    """Meanwhile nothing goes round and round, and the log is told once."""
    with Listening() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        sock.setblocking(False)
        app = create_app(quick.settings)
        async with serving(app, sock):
            inside = await connect(sock.getsockname()[1])
            assert (await told(inside)).startswith(b"HTTP/1.1 200 ")
            clients = [socket.create_connection(sock.getsockname()) for _ in range(20)]
            limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))  # nothing more can be opened
            try:
                assert (await told(inside)).startswith(b"HTTP/1.1 200 ")
                await asyncio.wait_for(sock.enough.wait(), 15)
                assert len(app.ctx.service.meter.door) == 1
                asked = sock.asked
                for _ in range(100):
                    assert (await told(inside)).startswith(b"HTTP/1.1 200 ")
                assert sock.asked < asked + 20
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
            for client in clients:
                client.setblocking(False)
                line = await asyncio.open_connection(sock=client)
                assert (await told(line)).startswith(b"HTTP/1.1 200 ")
                line[1].close()
    assert [record.message.split(" (")[0] for record in caplog.records if record.levelname == "ERROR"] == [
        "no connection can be taken in"
    ]
