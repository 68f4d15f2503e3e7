"""Clients beside each other on one worker, and requests behind each other on one connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import Histogram

from holdall_server.metrics import Meter
from holdall_server.tallies import Spread

ASKED = b"GET %b HTTP/1.1\r\nHost: localhost\r\n%bAuthorization: Bearer hld1_token-of-root-0123456789abcdef\r\n\r\n"
MANY = 300


@asynccontextmanager
async def line(site: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1 << 24)
    try:
        yield reader, writer
    finally:
        writer.close()


async def told(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of the next answer."""
    async with asyncio.timeout(15):
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        return int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


@pytest.mark.req("SEC-INP-02")
@pytest.mark.parametrize("more", [b"", b"Upgrade: none\r\n"])
async def test_who_sends_many_requests_at_once_does_not_keep_others_waiting(quick, more):
    """More comes by Sanic's own way."""
    train = ASKED % (b"/livez", more) * MANY
    async with line(quick) as (many, greedy), line(quick) as (one, other):
        for writer, reader in ((greedy, many), (other, one)):
            writer.write(ASKED % (b"/livez", b""))
            await told(reader)
        greedy.write(train)
        other.write(ASKED % (b"/livez", b""))
        await told(one)
        answered = bytes(many._buffer).count(b"HTTP/1.1 200 ")
        assert answered < MANY // 2
        for _ in range(MANY):
            assert (await told(many))[0] == 200


@pytest.mark.parametrize("more", [b"", b"Upgrade: none\r\n"])
@pytest.mark.parametrize("rest", [b"", b"GET /livez HTTP/1.1\r\nHo"])
async def test_who_has_no_more_to_ask_is_told_of_all_that_came(quick, more, rest):
    async with line(quick) as (reader, writer):
        writer.write(ASKED % (b"/livez", more) * MANY + rest)
        writer.write_eof()
        statuses = [(await told(reader))[0] for _ in range(MANY)]
        async with asyncio.timeout(15):
            last = await reader.read()
    assert statuses == [200] * MANY
    assert last == b"" or (rest and last.startswith(b"HTTP/1.1 400 "))


async def test_a_stream_ends_with_its_client_also_when_more_was_asked_behind_it(quick):
    session = (await quick.client("root").post("/api/sessions", json={})).json()["id"]
    events = ASKED % (f"/api/sessions/{session}/events".encode(), b"")
    async with line(quick) as (reader, writer):
        writer.write(events + ASKED % (b"/livez", b""))
        async with asyncio.timeout(15):
            await reader.readuntil(b"retry: 1000")
            assert len(quick.service.streams) == 1
            writer.write_eof()
            await reader.read()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(quick.service.streams) == 0


async def test_a_head_that_comes_again_is_told_how_it_is_now(quick):
    """What a connection remembers of a head is who asks for what, and no answer."""
    ready = ASKED % (b"/readyz", b"")
    async with line(quick) as (reader, writer):
        names: set[str] = set()
        for stopping in (False, False, True, True, False):
            quick.service.stopping = stopping
            writer.write(ready)
            status, headers, body = await told(reader)
            assert status == (503 if stopping else 200)
            assert json.loads(body)["status"] == (503 if stopping else "ready")
            names.add(headers["x-request-id"])
        assert len(names) == 5


async def test_a_request_that_fails_ends_no_other_on_its_connection(quick, monkeypatch, caplog):
    async def broken() -> float:
        raise RuntimeError("the secret inside")

    ready, live = ASKED % (b"/readyz", b""), ASKED % (b"/livez", b"")
    monkeypatch.setattr(quick.service.probe, "seconds", broken)
    async with line(quick) as (reader, writer):
        writer.write(ready * 2 + live + ready + live)
        answers = [await told(reader) for _ in range(5)]
    assert [status for status, _, _ in answers] == [500, 500, 200, 500, 200]
    for status, headers, body in answers:
        assert headers["connection"] == "keep-alive"
        if status == 500:
            assert headers["content-type"] == "application/problem+json"
            assert json.loads(body)["code"] == "internal"
            assert b"secret" not in body
            assert b"Traceback" not in body
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == 5
    assert sum(record.name == "holdall.server" for record in caplog.records) == 3


def test_what_cannot_be_told_to_the_measures_is_neither_kept_nor_told_twice():
    broken = [OSError("no file can be opened")]
    histogram = Histogram("x", "X.", registry=None, buckets=(1.0,))

    def found() -> Histogram:
        if broken:
            raise broken.pop()
        return histogram

    spread = Spread(found, (1.0,))
    for _ in range(3):
        spread.add(0.5)
    with pytest.raises(OSError, match="no file"):
        spread.hand_over()
    spread.add(0.5)
    spread.hand_over()
    spread.hand_over()
    assert [sample.value for sample in histogram.collect()[0].samples if sample.name == "x_count"] == [1]


def test_measures_that_fail_do_not_keep_the_others(monkeypatch):
    meter = Meter("memory")
    meter.request("some", 200, 0.5)
    meter.written.add(7)
    with monkeypatch.context() as patch:
        patch.setattr(meter._requests, "labels", lambda *_: 1 / 0)
        with pytest.raises(ExceptionGroup, match="could not be told"):
            meter.publish(alive=1, expected=1)
    assert b'direction="written"} 7.0' in meter.exposition()
    meter.publish(alive=1, expected=1)
    assert b'operation="some"' not in meter.exposition()
