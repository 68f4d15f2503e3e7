"""Clients that take their time: what they send must be there by a deadline that no byte of it moves."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import chain, repeat
from typing import Any

import pytest

from tests.wire import BYE

AUTH = b"Authorization: Bearer hld1_token-of-ana-0123456789abcdef\r\n"
HEAD = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + AUTH
PLAIN = HEAD + b"Content-Length: 9000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOING_ON = HEAD + b"Content-Length: 9000\r\nExpect: 100-continue\r\n\r\n"
UNKNOWN = b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"
SOON = {"head_seconds": 0.3, "body_seconds": 0.3}


async def dripped(site: Any, first: bytes, drops: Any, *, pause: float = 0.02) -> tuple[bytes, float]:
    """What is answered to what comes slowly until the server closes, and after how many seconds that is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    answer, start = b"", time.monotonic()
    writer.write(first)
    try:
        async with asyncio.timeout(15):
            for drop in chain(drops, repeat(b"")):
                try:
                    while piece := await asyncio.wait_for(reader.read(1 << 16), pause):
                        answer += piece
                    break
                except TimeoutError:
                    writer.write(drop)
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    return answer, time.monotonic() - start


def late(answer: bytes) -> bool:
    """Whether it is the problem of a request that took too long, as a whole, on a connection that ends."""
    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert (told["status"], told["code"], told["type"]) == (408, "timeout", "urn:holdall:problem:timeout")
    assert b"application/problem+json" in head
    return head.startswith(b"HTTP/1.1 408 ") and b"connection: close" in head.lower()


@pytest.mark.req("SEC-INP-02", "SEC-HTTP-02")
@pytest.mark.parametrize("before", [b"", WHOLE], ids=["first", "second"])
async def test_a_head_that_drips_in_is_given_up(start, before):
    site = await start(server=SOON | {"body_seconds": 20})
    for begun, drop in ((b"G", b"E"), (HEAD, b"X"), (b"\r\n", b"\r"), (HEAD + b"X-Long: ", b"x")):
        answer, seconds = await dripped(site, before + begun, repeat(drop))
        _, *answers = answer.split(b"HTTP/1.1 ")
        assert [told[:3] for told in answers] == [b"201", b"408"][not before :]
        assert late(b"HTTP/1.1 " + answers[-1])
        assert 0.3 <= seconds < 5


@pytest.mark.req("SEC-INP-02", "SEC-HTTP-02")
@pytest.mark.parametrize("head", [PLAIN, CHUNKED, GOING_ON], ids=["plain", "chunked", "going on"])
@pytest.mark.parametrize("drop", [b"", b" "], ids=["silent", "dripping"])
async def test_a_body_that_stops_or_drips_in_is_given_up(start, head, drop):
    site = await start(server=SOON | {"head_seconds": 20})
    before = b"2328\r\n" if head is CHUNKED else b""
    for first in (head, WHOLE * 2 + head):
        answer, seconds = await dripped(site, first + before + b"{", repeat(drop))
        _, *answers = answer.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").split(b"HTTP/1.1 ")
        assert late(b"HTTP/1.1 " + answers[-1])
        assert len(answers) == first.count(b"POST")
        assert 0.3 <= seconds < 5


async def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for_without_end(start):
    site = await start(server=SOON | {"head_seconds": 20})
    answer, seconds = await dripped(site, UNKNOWN, repeat(b"x"))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert seconds < 5


async def test_a_long_body_over_a_slow_line_has_the_time_that_it_takes(start):
    site = await start(server={"head_seconds": 1, "body_seconds": 1, "body_rate": 10})
    body = b'{"title":"' + b"x" * 100 + b'"}'
    for head, more in ((HEAD + b"Content-Length: %d\r\n\r\n", b""), (CHUNKED, b"\r\n0\r\n\r\n")):
        begun = head % len(body) if not more else head + b"%x\r\n" % len(body)
        drops = [body[at : at + 8] for at in range(0, len(body), 8)]
        answer, seconds = await dripped(site, begun, [*drops, more, BYE], pause=0.1)
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert seconds > 1


async def test_who_is_between_two_requests_is_not_hurried(start):
    site = await start(server={"head_seconds": 0.2, "body_seconds": 0.2})
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for _ in range(2):
        writer.write(WHOLE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
        await reader.readuntil(b'"reverted_to":null}')
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.6)
    writer.close()
