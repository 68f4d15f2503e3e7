"""The short way of plain requests beside Sanic's own: both answer every request alike, however it comes in."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import product
from typing import Any

import pytest
from sanic.server.protocols.http_protocol import HttpProtocol

import holdall
from holdall_server.heads import plain
from holdall_server.protocol import Protocol
from tests.wire import BYE, MESSAGE, TOKENS, already_said, made, place, post, request, turns


@pytest.fixture
async def store() -> AsyncIterator[Any]:
    async with holdall.open({"storage": {"use": "memory"}}) as store:
        yield store


@pytest.fixture
async def session(store: Any) -> str:
    return await already_said(store)


@pytest.mark.req("SEC-HTTP-01")
async def test_a_request_cut_in_two_at_any_byte_is_answered_as_a_whole_one(store, session):
    history = request("GET", f"/api/sessions/{session}/history?limit=5", None, "Connection: keep-alive")
    async with place(store) as short, place(store, HttpProtocol) as sanic:
        for asked in (post(session), history, request("GET", "/nope"), post(session, body=b"[" * 99)):
            answer = await (await sanic()).ask(asked)
            first, again = await short(), await short()
            assert await again.ask(asked) == answer
            for cut in range(1, len(asked)):
                assert await first.ask(asked[:cut], asked[cut:]) == answer, cut  # after one that came in two
                assert await again.ask(asked) == answer, cut
                assert await again.ask(asked[:cut], asked[cut:]) == answer, cut  # after one that came whole


async def test_requests_that_come_together_are_answered_one_after_another(store, session):
    one, other = post(session), request("GET", f"/api/sessions/{session}")
    chunks = post(session, "Transfer-Encoding: chunked").replace(b"Content-Length: 33\r\n", b"")
    chunks = chunks.replace(MESSAGE, b"21\r\n" + MESSAGE + b"\r\n0\r\n\r\n")
    train = one + one + other + chunks + other + post(session, "Expect: 100-continue") + one
    async with place(store) as short, place(store, HttpProtocol) as sanic:
        whole = await (await sanic()).told(train, BYE)
        assert re.findall(rb"HTTP/1.1 (\d+)", whole) == [
            b"201",
            b"201",
            b"200",
            b"201",
            b"200",
            b"100",
            b"201",
            b"201",
            b"400",
        ]
        for cut in range(0, len(train), 23):
            assert await (await short()).told(train[:cut], train[cut:], BYE) == whole, cut


@pytest.mark.req("SEC-HTTP-01")
async def test_the_body_of_a_request_that_is_refused_unread_is_no_request(store, session):
    """The answer is there before the body, which looks like a request; the connection goes on behind it."""
    inner = request("GET", f"/api/sessions/{session}")
    told, chunked = f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"
    kinds = ((told,), (told, "Upgrade: none"), (told, "Expect: 100-continue"), (chunked,))
    async with place(store) as short, place(store, HttpProtocol) as sanic:
        for kind, (method, target), more in product((short, sanic), (("POST", "/nope"), ("DELETE", "/livez")), kinds):
            wire = await kind()
            for _ in range(2):
                answer = await wire.ask(request(method, target, None, *more))
                if answer == b"HTTP/1.1 100 Continue\r\n\r\n":
                    answer = await wire.ask()
                assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
                body = [b"%x\r\n" % len(inner), inner, b"\r\n0\r\n\r\n"] if chunked in more else [inner]
                assert (await wire.ask(*body, request("GET", "/livez"))).endswith(b'{"status":"live"}'), more


@pytest.mark.req("SEC-HTTP-01", "SEC-HTTP-02")
async def test_odd_requests_are_answered_as_by_sanic_alone(store, session):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice, plain_ones = random.Random(seed), 0
    async with place(store) as short, place(store, HttpProtocol) as sanic:
        for _ in range(150):
            method, asked = made(dice, session)
            sent = (asked + asked + BYE,)
            wanted = await (await sanic()).told(*sent)
            assert await (await short()).told(*sent) == wanted, asked
            head, _, body = asked.partition(b"\r\n\r\n")
            found = plain(head)
            if found is None or found.size != len(body) or method == "HEAD":
                continue
            plain_ones += 1
            wire, other = await short(), await sanic()
            for _ in range(3):
                assert await wire.ask(asked) == await other.ask(asked), asked
    assert plain_ones > 15


async def test_only_what_is_as_it_was_passes_as_that(store, session):
    """Each differs from the one before in a byte or in the length of its body."""
    longer = MESSAGE.replace(b"hello", b"hello" * 30)
    wrong = request("GET", f"/api/sessions/{session}").replace(b"token-of-ana", b"token-of-anb")
    auth = f"Authorization: Bearer {TOKENS['ana']}\r\n".encode()
    last = post(session).replace(auth, b"").replace(b"\r\n\r\n", b"\r\n" + auth + b"\r\n")
    async with place(store) as short:
        wire = await short()
        for _ in range(2):
            assert (await wire.ask(post(session))).startswith(b"HTTP/1.1 201 ")
            assert b"urn:holdall:problem:key-reused" in await wire.ask(post(session, body=longer))
            assert (await wire.ask(post(session))).startswith(b"HTTP/1.1 201 ")
            assert b"malformed-body" in await wire.ask(post(session, body=b"[1,]"))
            assert (await wire.ask(request("GET", f"/api/sessions/{session}"))).startswith(b"HTTP/1.1 200 ")
            assert (await wire.ask(wrong)).startswith(b"HTTP/1.1 401 ")
            assert (await wire.ask(last)).startswith(b"HTTP/1.1 201 ")
            assert (await wire.ask(last.replace(b"-of-ana", b"-of-anb"))).startswith(b"HTTP/1.1 401 ")
            assert (await wire.ask(last)).startswith(b"HTTP/1.1 201 ")
            assert (await wire.ask(last.replace(b"-of-ana", b"-of-bob"))).startswith(b"HTTP/1.1 404 ")
            assert (await wire.ask(request("GET", f"/api/sessions/{session}", who="bob"))).startswith(b"HTTP/1.1 404 ")


async def test_answers_without_a_body_and_in_pieces_are_in_between(store, session):
    unchanged = request("GET", f"/api/sessions/{session}", None, "If-None-Match: *")
    export = request("GET", f"/api/sessions/{session}/events")
    async with place(store) as short, place(store, HttpProtocol) as sanic:
        for kind in (short, sanic):
            wire, other = await kind(), await kind()
            for _ in range(2):
                assert (await wire.ask(unchanged)).startswith(b"HTTP/1.1 304 ")
                assert (await wire.ask(post(session))).startswith(b"HTTP/1.1 201 ")
            began = await other.ask(export)
            assert began.startswith(b"HTTP/1.1 200 ")
            assert b"transfer-encoding: chunked" in began.lower()


@pytest.mark.req("SEC-INP-02")
async def test_a_long_body_is_waited_for_and_one_too_long_is_refused(store, session):
    body = MESSAGE.replace(b"hello", b"x" * 300_000)
    asked = request("POST", f"/api/sessions/{session}/messages", body)
    pieces = [asked[at : at + 10_000] for at in range(0, len(asked), 10_000)]
    async with place(store, server={"max_body_bytes": 400_000}) as short:
        wire = await short()
        for _ in range(2):
            assert (await wire.ask(*pieces)).startswith(b"HTTP/1.1 201 ")
            assert (await wire.ask(asked)).startswith(b"HTTP/1.1 201 ")
        over = asked.replace(b"Content-Length: 300028", b"Content-Length: 400001")
        assert over != asked
        assert (await wire.ask(over[:1000])).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("protocol", "status"), [(Protocol, b"408"), (HttpProtocol, b"503")])
async def test_the_clocks_run_as_sanic_has_them_but_for_a_body_that_is_late(store, session, protocol, status):
    """To Sanic that is an answer that is late; but it is the client's doing, and told as that."""
    clocks = dict.fromkeys(("REQUEST_TIMEOUT", "BODY_TIMEOUT", "RESPONSE_TIMEOUT", "KEEP_ALIVE_TIMEOUT"), 0.8)
    asked = post(session)
    async with place(store, protocol, **clocks) as begun:
        idle, late, halted = await begun(), await begun(), await begun()
        for wire in (idle, late, halted):
            assert (await wire.ask(asked)).startswith(b"HTTP/1.1 201 ")
        silent, head, body = await asyncio.gather(idle.told(), late.told(asked[:50]), halted.ask(asked[:-5]))
    assert silent == b""
    assert head.startswith(b"HTTP/1.1 408 ")
    assert body.startswith(b"HTTP/1.1 %b " % status)
    assert b"connection: close" in body
    assert f'"instance":"/api/sessions/{session}/messages"'.encode() in body


@pytest.mark.parametrize("protocol", [Protocol, HttpProtocol])
async def test_a_request_in_flight_is_answered_when_the_server_stops(store, session, protocol):
    asked = request("POST", f"/api/sessions/{session}/messages", MESSAGE)
    async with AsyncExitStack() as stack:
        begun = await stack.enter_async_context(place(store, protocol))
        busy, idle = await begun(), await begun()
        for wire in (busy, idle):
            assert b"connection: keep-alive" in await wire.ask(asked)
        busy._writer.write(asked[:-5])
        await turns()
        stopping = asyncio.create_task(stack.aclose())
        assert await idle.told() == b""
        answer = await busy.told(asked[-5:] + asked)
        await stopping
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.req("SEC-HTTP-01", "SEC-HTTP-02")
@pytest.mark.parametrize("target", ["nope", "api/sessions", "http:/x", ":80"])
async def test_what_is_no_url_is_refused_in_words(store, target, caplog):
    """Sanic alone fails at telling of it, so that a client can fill the log."""
    async with place(store) as short:
        answer = await (await short()).told(request("GET", target))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert not caplog.records


@pytest.mark.req("SEC-INP-02")
@pytest.mark.parametrize("more", [(), ("Upgrade: none",)])
async def test_a_client_that_never_reads_is_cut_off_and_kept_waiting_for_till_then(store, session, more):
    """More comes by Sanic's own way."""
    for number in range(20):
        await store.append(session, [{"role": "user", "content": "x" * 50_000}], key=f"long {number}")
    asked, gone = request("GET", f"/api/sessions/{session}/history", None, *more), asyncio.Event()

    class Watched(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    async with place(store, Watched, RESPONSE_TIMEOUT=0.3, GRACEFUL_TCP_CLOSE_TIMEOUT=0.1) as short:
        wire = await short()
        wire._writer.transport.pause_reading()
        wire._writer.write(asked * 20)
        async with asyncio.timeout(10):
            while not gone.is_set():
                wire._writer.write(asked)  # it goes on asking
                await asyncio.sleep(0.1)


async def test_what_was_written_is_told_also_when_the_server_stops(store, session):
    """However far a request has come when it stops: it is answered, or nothing of it is done."""
    done = 0
    for later in range(8):
        async with AsyncExitStack() as stack:
            begun = await stack.enter_async_context(place(store))
            wires = [await begun() for _ in range(5)]
            before = len(await store.history(session))
            for wire in wires:
                assert (await wire.ask(post(session))).startswith(b"HTTP/1.1 201 ")
                wire._writer.write(request("POST", f"/api/sessions/{session}/messages", MESSAGE))
            for _ in range(later):
                await asyncio.sleep(0)
            stopping = asyncio.create_task(stack.aclose())
            answers = [await wire.told() for wire in wires]
            await stopping
        answered = sum(answer.startswith(b"HTTP/1.1 201 ") for answer in answers)
        assert len(await store.history(session)) - before == answered, later
        done += answered
    assert done
