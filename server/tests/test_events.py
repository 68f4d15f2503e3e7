"""Streams of events: what is sent, resumed, refused and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from holdall import Change, Message
from holdall_server import responses, streams

NO_TLS = ssl.create_default_context()
HELLO = {"role": "user", "content": "hello"}


class Stream:
    """What a client that knows nothing but the specification makes of a stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self.last: str | None = None
        self._events = self._parsed()

    async def take(self, count: int) -> list[tuple[str, dict]]:
        async with asyncio.timeout(30):
            return [await anext(self._events) for _ in range(count)]

    async def rest(self) -> list[tuple[str, dict]]:
        async with asyncio.timeout(30):
            return [each async for each in self._events]

    async def _parsed(self) -> AsyncIterator[tuple[str, dict]]:
        kind, data = "message", []
        async for line in self.response.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield kind, httpx.Response(200, content="\n".join(data)).json()
                kind, data = "message", []
            elif not name:
                self.comments += 1
            elif name == "id":
                self.last = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)


@contextlib.asynccontextmanager
async def following(site, session, who="ana", last=None, **query):
    headers = {"Authorization": site.client(who).headers["authorization"]}
    if last is not None:
        headers["Last-Event-ID"] = last
    async with (
        httpx.AsyncClient(base_url=site.url, verify=NO_TLS, timeout=30) as client,
        client.stream("GET", f"/api/sessions/{session}/events", headers=headers, params=query) as response,
    ):
        yield Stream(response)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - of another connection
            await asyncio.sleep(0.01)


def types(events):
    return [kind for kind, _ in events]


@pytest.mark.covers("LC-15", "API-15")
async def test_a_session_is_followed_and_resumed(site, ana, session):
    url = f"/api/sessions/{session['id']}"
    async with following(site, session["id"]) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert await stream.take(1) == [("ready", {"type": "ready", "version": session["version"]})]
        await ana.post(f"{url}/messages", json={**HELLO, "content": "two\nlines\r\nand \u2028 more"})
        ((kind, event),) = await stream.take(1)
        assert (kind, event["message"]["content"]) == ("appended", "two\nlines\r\nand \u2028 more")
        last = stream.last
    await ana.post(f"{url}/messages", json={"messages": [HELLO, HELLO], "tools": [{"tool": "ls"}]})
    await ana.patch(url, json={"title": "x"})
    async with following(site, session["id"], last=last, after="0") as stream:
        assert types(await stream.take(4)) == ["appended", "appended", "logged", "updated"]
        await ana.post(f"{url}/end")
        assert types(await stream.rest()) == ["ended"]
        last = stream.last
    async with following(site, session["id"], after="0") as stream:
        assert types(await stream.rest()) == ["appended"] * 3 + ["logged", "updated", "ended"]
    for query in ({"last": last}, {}):
        async with following(site, session["id"], **query) as stream:
            assert stream.response.status_code == 204
    assert len(site.service.streams) == 0


@pytest.mark.covers("LC-15")
@pytest.mark.req("SEC-AUZ-01")
async def test_it_is_refused_as_anything_else_is(site, ana, session):
    async with following(site, session["id"], who="bob") as stream:
        assert stream.response.status_code == 404
    url = f"/api/sessions/{session['id']}/events"
    bad = await ana.get(url, params={"after": "x"})
    assert (bad.status_code, bad.json()["parameter"]) == (400, "after")
    bad = await ana.get(url, headers={"Last-Event-ID": "x"})
    assert (bad.status_code, bad.json()["code"]) == (400, "malformed-header")
    assert (await ana.get(url, params={"token": "x"})).json()["code"] == "token-in-url"
    async with following(site, session["id"], last="99-99") as stream:
        assert types(await stream.take(1)) == ["reset"]


@pytest.mark.covers("LC-15")
async def test_it_ends_when_the_session_is_deleted(site, ana, session):
    async with following(site, session["id"]) as stream:
        await stream.take(1)
        await ana.delete(f"/api/sessions/{session['id']}")
        assert types(await stream.rest()) == ["deleted"]
    async with following(site, session["id"], last=stream.last) as stream:
        assert stream.response.status_code == 404


@pytest.mark.covers("LC-15")
async def test_there_are_so_many_streams_and_a_closed_one_makes_room(start):
    site = await start(server={"max_streams": 2})
    session = (await site.client("ana").post("/api/sessions")).json()["id"]
    async with following(site, session) as one:
        await one.take(1)
        async with following(site, session) as two:
            await two.take(1)
            refused = await site.client("ana").get(f"/api/sessions/{session}/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
            assert refused.headers["retry-after"] == "1"
        await until(lambda: len(site.service.streams) == 1)
        async with following(site, session) as three:
            await three.take(1)


@pytest.mark.covers("LC-15")
async def test_one_owner_has_so_many_and_others_have_theirs(start):
    site = await start(server={"max_owner_streams": 2})
    sessions = {who: (await site.client(who).post("/api/sessions")).json()["id"] for who in ("ana", "bob")}
    async with following(site, sessions["ana"]) as one, following(site, sessions["ana"]) as two:
        await one.take(1)
        await two.take(1)
        refused = await site.client("ana").get(f"/api/sessions/{sessions['ana']}/events")
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-streams")
        assert refused.headers["retry-after"] == "10"
        assert refused.json()["detail"].startswith("there are 2 streams for this owner already")
        async with following(site, sessions["bob"], who="bob") as other:
            await other.take(1)
            text = (await site.client("root").get("/metrics")).text
            assert 'holdall_event_streams{state="open"} 3.0' in text
            assert 'holdall_event_streams{state="allowed"} 1000.0' in text
    await until(lambda: len(site.service.streams) == 0)
    async with following(site, sessions["ana"]) as again:
        await again.take(1)
    assert 'holdall_event_streams{state="open"}' in (await site.client("root").get("/metrics")).text


@pytest.mark.covers("LC-15")
async def test_those_who_come_at_once_are_counted_too(start):
    """A stream takes a moment to begin: what comes meanwhile is not let in on the same look."""
    site = await start(server={"max_owner_streams": 3})
    session = (await site.client("ana").post("/api/sessions")).json()["id"]
    async with contextlib.AsyncExitStack() as stack:
        streams = [following(site, session) for _ in range(8)]
        opened = await asyncio.gather(*map(stack.enter_async_context, streams))
        statuses = sorted(stream.response.status_code for stream in opened)
        assert statuses == [200] * 3 + [429] * 5


@pytest.mark.covers("LC-15")
async def test_comments_keep_a_quiet_stream_open(start, monkeypatch):
    monkeypatch.setattr(streams.Follower.some, "__defaults__", (0.02,))
    site = await start()
    session = (await site.client("ana").post("/api/sessions")).json()["id"]
    async with following(site, session) as stream:
        await stream.take(1)
        waiting = asyncio.create_task(stream.take(1))
        await until(lambda: stream.comments >= 3)
        await site.client("ana").post(f"/api/sessions/{session}/messages", json=HELLO)
        assert types(await waiting) == ["appended"]


@pytest.mark.covers("LC-15")
async def test_who_does_not_read_is_cut_off_and_can_come_again(start, monkeypatch):
    """What waits for a client that reads nothing is bounded, and so is how long it waits."""
    monkeypatch.setattr("holdall_server.api.events.PATIENCE", 0.2)
    site = await start(sessions={"max_message_bytes": 1 << 20})
    ana = site.client("ana")
    session = (await ana.post("/api/sessions")).json()["id"]
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", site.port))
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        head = f"Host: x\r\nAuthorization: {ana.headers['authorization']}\r\n\r\n"
        request = f"GET /api/sessions/{session}/events HTTP/1.1\r\n{head}"
        await loop.sock_sendall(line, request.encode())
        assert b"ready" in await loop.sock_recv(line, 4096) + await loop.sock_recv(line, 4096)
        large = [{"type": "text", "text": "x" * 60_000}] * 8
        for _ in range(11):
            await ana.post(f"/api/sessions/{session}/messages", json={**HELLO, "content": large})
        await until(lambda: len(site.service.streams) == 0)
    async with following(site, session, last="0-0") as stream:
        assert types(await stream.take(11)) == ["appended"] * 11


@pytest.mark.covers("LC-15")
async def test_a_server_that_stops_ends_its_streams_at_once(start, monkeypatch):
    cut = []
    monkeypatch.setattr("holdall_server.running.log.warning", lambda *_: cut.append(1))
    site = await start(server={"grace": 30})
    session = (await site.client("ana").post("/api/sessions")).json()["id"]
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(following(site, session)) for _ in range(20)]
        for stream in opened:
            await stream.take(1)
        async with asyncio.timeout(10):
            await site.stack.aclose()
        for stream in opened:
            assert await stream.rest() == []
    assert not cut


def test_events_are_lines_whatever_is_in_them():
    """Also for clients that take more than the specification does for the end of a line, as Python's `splitlines`."""
    message = {"id": "x", "content": "a\nb\u2028c\u2029d\x85e\\"}
    spread = json.dumps(message, indent=1, ensure_ascii=False).replace("\n", "\r\n").encode()
    sent = streams.event(Change("1-2", "appended", message=Message(spread))).decode()
    name, kind, data, nothing = sent.splitlines()
    assert (name, kind, nothing) == ("id: 1-2", "event: appended", "")
    assert json.loads(data.removeprefix("data: "))["message"] == message


def test_patience_is_not_for_others():
    """A download may take as long as it takes."""
    assert responses.Reply(200).patience is None


@pytest.mark.covers("LC-15")
async def test_a_large_event_goes_in_small_pieces(start):
    """What a client does not take waits for it: never more of an event than a piece."""
    site = await start(sessions={"max_message_bytes": 1 << 20})
    session = (await site.client("ana").post("/api/sessions")).json()["id"]
    large = {**HELLO, "content": [{"type": "text", "text": "x" * 60_000}] * 8}
    await site.client("ana").post(f"/api/sessions/{session}/messages", json=large)
    follower = await site.service.store.follower(session, "0-0")
    pieces = site.service.streams.open(follower, "ana")
    sent = [await anext(pieces)]
    while not sent[-1].endswith(b"}\n\n"):
        sent.append(await anext(pieces))
    await pieces.aclose()
    assert max(map(len, sent)) <= 64 << 10
    assert b"".join(sent).count(b"x" * 60_000) == 8
