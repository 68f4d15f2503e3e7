"""Requests that are not quite HTTP, byte by byte."""

from __future__ import annotations

import asyncio

import pytest

AUTH = b"Authorization: Bearer hld1_token-of-ana-0123456789abcdef\r\n"
BODY = b'{"title":"x"}'
POST = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + AUTH
GET = b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n" + AUTH
LENGTH = b"Content-Length: 13\r\n"
CHUNKS = b"d\r\n" + BODY + b"\r\n0\r\n\r\n"

MALFORMED = {
    "no host": b"GET /api/sessions HTTP/1.1\r\n" + AUTH + b"\r\n",
    "no host, no such path": b"GET /nope HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: other\r\n\r\n",
    "empty host": b"GET /api/sessions HTTP/1.1\r\nHost:\r\n" + AUTH + b"\r\n",
    "host with a path": b"GET /api/sessions HTTP/1.1\r\nHost: a/b\r\n" + AUTH + b"\r\n",
    "host with a blank": b"GET /api/sessions HTTP/1.1\r\nHost: a b\r\n" + AUTH + b"\r\n",
    "host with a user": b"GET /api/sessions HTTP/1.1\r\nHost: me@b\r\n" + AUTH + b"\r\n",
    "space before a colon": POST + LENGTH + b"Transfer-Encoding : chunked\r\n\r\n" + BODY,
    "tab before a colon": POST + LENGTH + b"X-Thing\t: 1\r\n\r\n" + BODY,
    "space in a name": GET + b"X Thing: 1\r\n\r\n",
    "empty name": GET + b": 1\r\n\r\n",
    "no colon": GET + b"thing\r\n\r\n",
    "folded line": GET + b"X-Thing: 1\r\n 2\r\n\r\n",
    "folded line with a colon": GET + b"X-Thing: 1\r\n 2:3\r\n\r\n",
    "nul in a value": GET + b"X-Thing: a\0b\r\n\r\n",
    "nul in a name": GET + b"X-Th\0ing: a\r\n\r\n",
    "bare cr in a value": GET + b"X-Thing: a\rb\r\n\r\n",
    "bare lf in a value": GET + b"X-Thing: a\nX-Other: b\r\n\r\n",
    "escape in a value": GET + b"X-Thing: \x1b[31m\r\n\r\n",
    "delete in a value": GET + b"X-Thing: \x7f\r\n\r\n",
    "unicode name": GET + "X-Þing: 1\r\n\r\n".encode(),
    "length and chunked": POST + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two lengths": POST + LENGTH + b"Content-Length: 12\r\n\r\n" + BODY,
    "two equal lengths": POST + LENGTH + LENGTH + b"\r\n" + BODY,
    "list of lengths": POST + b"Content-Length: 13, 13\r\n\r\n" + BODY,
    "length in arabic digits": POST + "Content-Length: ١٣\r\n\r\n".encode() + BODY,
    "length in fullwidth digits": POST + "Content-Length: \uff11\uff13\r\n\r\n".encode() + BODY,
    "signed length": POST + b"Content-Length: +13\r\n\r\n" + BODY,
    "negative length": POST + b"Content-Length: -1\r\n\r\n" + BODY,
    "length with underscore": POST + b"Content-Length: 1_3\r\n\r\n" + BODY,
    "hex length": POST + b"Content-Length: 0xd\r\n\r\n" + BODY,
    "length with a fraction": POST + b"Content-Length: 13.0\r\n\r\n" + BODY,
    "empty length": POST + b"Content-Length:\r\n\r\n" + BODY,
    "endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "other coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "coding after a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKS,
    "identity coding": POST + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two authorizations": GET + AUTH + b"\r\n",
    "two keys": POST + LENGTH + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n" + BODY,
    "two content types": POST + LENGTH + b"Content-Type: application/json\r\n\r\n" + BODY,
    "http/2": b"GET /api/sessions HTTP/2.0\r\nHost: localhost\r\n" + AUTH + b"\r\n",
    "http/1.2": b"GET /api/sessions HTTP/1.2\r\nHost: localhost\r\n" + AUTH + b"\r\n",
    "no version": b"GET /api/sessions\r\nHost: localhost\r\n\r\n",
    "two blanks": b"GET  /api/sessions HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n",
    "tab in the request line": b"GET\t/api/sessions HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n",
    "control character in the path": b"GET /api/\x01sessions HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n",
    "unicode path": "GET /api/sessïons HTTP/1.1\r\nHost: localhost\r\n".encode() + AUTH + b"\r\n",
    "lf lines": b"GET /api/sessions HTTP/1.1\nHost: localhost\n\n\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "blank before the first header": b"GET /api/sessions HTTP/1.1\r\n Host: localhost\r\n" + AUTH + b"\r\n",
}


async def exchange(site, sent: bytes, *, ended: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        writer.write(sent)
        if ended:
            writer.write_eof()
        async with asyncio.timeout(15):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.req("SEC-HTTP-01", "SEC-HTTP-02")
@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_is_refused(shared, name):
    answer = await exchange(shared, MALFORMED[name])
    status = answer.split(b" ", 2)[1:2]
    assert status in ([b"400"], [b"413"], []), answer
    if answer:
        assert b"application/problem+json" in answer
        assert answer.count(b"HTTP/1.1 ") == 1
    page = await shared.client("ana").get("/api/sessions")
    assert page.json()["items"] == []


async def test_the_well_formed_ones_get_through(quick):
    """What shows that the requests above fail for what is wrong with them."""
    close = b"Connection: close\r\n\r\n"
    assert (await exchange(quick, GET + close)).startswith(b"HTTP/1.1 200 ")
    assert (await exchange(quick, POST + LENGTH + close + BODY)).startswith(b"HTTP/1.1 201 ")
    assert (await exchange(quick, POST + b"Transfer-Encoding: chunked\r\n" + close + CHUNKS)).startswith(
        b"HTTP/1.1 201"
    )
    latin = GET + b"X-Name: Ren\xe9\r\n" + close
    assert (await exchange(quick, latin)).startswith(b"HTTP/1.1 200 ")


async def test_requests_that_come_together_are_answered_in_turn(quick):
    """Also one whose body says how long it is before its end has come, one in chunks, and one that asks to go on."""
    first, last = POST + LENGTH + b"\r\n" + BODY, POST + LENGTH + b"Connection: close\r\n\r\n" + BODY
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
    empty = GET + b"Content-Length: 0\r\n\r\n"
    asking = POST + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY
    answer = await exchange(quick, first + chunked + empty + asking + first + last)
    statuses = [line.split(b" ")[1] for line in answer.split(b"\r\n") if b"HTTP/1.1 " in line]
    assert statuses == [b"201", b"201", b"200", b"100", b"201", b"201", b"201"]
    assert len((await quick.client("ana").get("/api/sessions")).json()["items"]) == 5


async def test_a_body_in_pieces_is_waited_for(quick):
    reader, writer = await asyncio.open_connection("127.0.0.1", quick.port)
    begun = POST + LENGTH + b"Connection: close\r\n\r\n" + BODY[:5]
    writer.write(begun)
    await writer.drain()
    assert (await quick.client("ana").get("/api/sessions")).json()["items"] == []
    writer.write(BODY[5:])
    assert (await reader.read()).startswith(b"HTTP/1.1 201 ")
    writer.close()


@pytest.mark.req("SEC-INP-02", "SEC-HTTP-02")
async def test_what_is_too_long_is_refused(quick):
    header = await exchange(quick, GET + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n")
    assert header.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in header
    body = await exchange(quick, POST + b"Content-Length: 2000000\r\n\r\n" + b"x" * 100_000, ended=False)
    assert body.startswith(b"HTTP/1.1 413 ")
    chunked = await exchange(
        quick, POST + b"Transfer-Encoding: chunked\r\n\r\n1e8480\r\n" + b"x" * 100_000, ended=False
    )
    assert chunked[:13] in (b"HTTP/1.1 413 ", b"")


@pytest.mark.req("SEC-INP-01")
@pytest.mark.parametrize(
    "name",
    ["..", "../..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a" * 65, "a" * 15, "x%00", "%C3%A9" * 16, "a.b" * 6, "~" * 16],
)
async def test_a_name_that_cannot_be_one_is_missing(shared, name):
    path = f"GET /api/sessions/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
    assert (await exchange(shared, path + AUTH + b"\r\n")).startswith(b"HTTP/1.1 404 ")


@pytest.mark.req("SEC-HTTP-08")
@pytest.mark.parametrize("method", ["TRACE", "PUT", "OPTIONS", "HEAD", "CONNECT", "FOO", "get"])
async def test_other_methods_are_refused(shared, method):
    answer = await exchange(shared, GET.replace(b"GET", method.encode()) + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 "), answer
    assert b"allow: get, post" in answer.lower()


@pytest.mark.req("SEC-HTTP-01")
async def test_nothing_after_a_malformed_request_is_served(shared):
    smuggled = b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\n" + AUTH + b"\r\n"
    answer = await exchange(shared, POST + LENGTH + b"Transfer-Encoding : chunked\r\n\r\n" + BODY + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert (await shared.client("ana").get("/api/sessions")).json()["items"] == []
