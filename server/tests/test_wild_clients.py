"""Trains of requests, plain and others, cut anywhere, over TLS and to several workers: told as by Sanic alone.

What differs from one time to the next is left out: numbers of versions and messages, and what a page holds.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sanic.server.protocols.http_protocol import HttpProtocol

import holdall
from tests.wire import BYE, MESSAGE, SERVER, Wire, already_said, connected, made, place, post, request

CHUNKED = "Transfer-Encoding: chunked"
EACH = re.compile(rb"(?=HTTP/1\.1 \d)")
CHANGING = re.compile(
    rb'\d{10,}|(?<=messages":)\d+|(?<=size":)\d+|(?<=content-length: )\d+|"(?:items|next)":[^\n]*?(?=HTTP/1|$)',
    re.IGNORECASE,
)


@pytest.fixture
def dice() -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Any]:
    async with holdall.open({"storage": {"use": "file", "options": {"path": str(tmp_path / "data")}}}) as store:
        yield store


@pytest.fixture
async def session(store: Any) -> str:
    return await already_said(store)


def tls(certificate: tuple[Path, Path]) -> dict[str, str]:
    return {"tls_cert": str(certificate[0]), "tls_key": str(certificate[1])}


def in_chunks(dice: random.Random, body: bytes) -> bytes:
    chunks, at = b"", 0
    while at < len(body):
        size = dice.randrange(1, len(body) - at + 1)
        chunks += b"%x%b\r\n%b\r\n" % (size, dice.choice((b"", b"", b";a=b")), body[at : at + size])
        at += size
    return chunks + b"0\r\n\r\n"


def one(dice: random.Random, session: str) -> bytes:
    """A request. No array in it is about as deep as calls may be: what is told of one depends on how deep a server stands."""
    messages, plain = f"/api/sessions/{session}/messages", post(session)
    asking = ("Content-Type: application/json", "Idempotency-Key: k", CHUNKED)
    more = dice.choice(((), ("Expect: 100-continue",), ("Upgrade: none",)))
    kinds = (
        plain,
        plain,
        made(dice, session)[1],
        request("GET", f"/api/sessions/{session}/history?limit=1"),
        request("HEAD", messages),
        request("DELETE", "/livez", plain),
        request("PUT", "/nope", None, CHUNKED) + in_chunks(dice, plain),
        request("POST", messages, None, *asking, *more) + in_chunks(dice, MESSAGE),
        post(session, dice.choice(("Upgrade: websocket", "Upgrade: h2c", "Expect: 100-continue"))),
        post(session, body=b"[" * dice.choice((dice.randrange(1, 700), dice.randrange(1100, 3000)))),
        plain.replace(b"HTTP/1.1", dice.choice((b"HTTP/1.1", b"HTTP/1.0"))),
    )
    return dice.choice(kinds)


def train(dice: random.Random, session: str) -> bytes:
    return b"".join(one(dice, session) for _ in range(dice.choice((1, 2, 3, 5))))


def cut(dice: random.Random, raw: bytes) -> list[bytes]:
    places = sorted({0, len(raw), *(dice.randrange(len(raw)) for _ in range(dice.choice((0, 1, 2, 7, 20))))})
    return [raw[start:stop] for start, stop in pairwise(places)]


def alike(one: tuple[bytes, bool], other: tuple[bytes, bool]) -> bool:
    """Whether two heard the same; the one whose connection was cut, with more on its way, may have heard less."""
    first, second = (CHANGING.sub(b"", heard) for heard, _ in (one, other))
    return first == second or (one[1] and second.startswith(first)) or (other[1] and first.startswith(second))


async def compared(dice: random.Random, session: str, sanic: Any, other: Any, times: int) -> None:
    for _ in range(times):
        sent = train(dice, session) + BYE
        wanted = await (await sanic()).heard(sent)
        heard = await (await other()).heard(*cut(dice, sent))
        if not alike(heard, wanted):  # whole: what an assertion says of it is cut
            print(f"sent {sent!r}\nheard {heard!r}\nwanted {wanted!r}")
        assert alike(heard, wanted)
        if not dice.randrange(3):
            (await other()).go(*cut(dice, sent[: dice.randrange(1, len(sent))]))


@pytest.mark.req("SEC-HTTP-01", "SEC-HTTP-02")
async def test_over_tls(store, session, dice, certificate, caplog):
    async with place(store, HttpProtocol) as sanic, place(store, server=tls(certificate)) as other:
        await compared(dice, session, sanic, other, 60)
        for _ in range(20):  # where Sanic alone fails at telling of it, so that a client can fill the log
            (await other()).go(request("HEAD", "/livez"))
        assert (await (await other()).ask(request("GET", "/livez"))).startswith(b"HTTP/1.1 200 ")
    assert [record for record in caplog.records if record.name != "asyncio"] == []  # that is the clients'


@pytest.mark.req("SEC-HTTP-01")
async def test_who_has_no_more_to_say_is_told_the_beginning_of_what_others_are(store, session, dice):
    async with place(store, HttpProtocol) as sanic, place(store) as other:
        for _ in range(40):
            sent = train(dice, session)
            wanted = EACH.split((await (await sanic()).heard(sent + BYE))[0])
            sent = sent[: dice.choice((len(sent), dice.randrange(1, len(sent))))]
            *whole, _ = EACH.split((await (await other()).heard(*cut(dice, sent), eof=True))[0])
            assert len(whole) <= len(wanted)
            assert all(alike((got, False), (want, False)) for got, want in zip(whole, wanted, strict=False)), sent


def started(folder: Path, more: dict[str, str]) -> subprocess.Popen[str]:
    file, tokens = folder / "holdall.toml", SERVER["tokens"]
    lines = ["[server]", "port = 0", "workers = 2", *(f"{name} = {json.dumps(text)}" for name, text in more.items())]
    for token in tokens:
        lines += ["[[server.tokens]]", *(f"{name} = {json.dumps(text)}" for name, text in token.items())]
    lines += ["[storage]", 'use = "file"', "[storage.options]", f"path = {json.dumps(str(folder / 'data'))}"]
    file.write_text("\n".join(lines))
    command = [sys.executable, "-m", "holdall_server", str(file)]
    with (folder / "stderr").open("wb") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)


@asynccontextmanager
async def workers(folder: Path, more: dict[str, str]) -> AsyncIterator[Any]:
    """A server of two processes on the store in a folder; makes connections to it."""
    process = started(folder, more)
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        port = int(re.findall(r":(\d+) ", line)[0])
        wires: list[Wire] = []

        async def wire() -> Wire:
            wires.append(await connected(port, more.get("tls_cert")))
            return wires[-1]

        yield wire
        for each in wires:
            each.close()
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0
        process.stdout.close()
    assert (folder / "stderr").read_text() == ""


@pytest.mark.crash
@pytest.mark.req("SEC-HTTP-01", "SEC-HTTP-02")
@pytest.mark.parametrize("secure", [True, pytest.param(False, marks=pytest.mark.thorough)])
async def test_to_several_workers(store, session, dice, secure, request):
    folder = request.getfixturevalue("tmp_path")
    more = tls(request.getfixturevalue("certificate")) if secure else {}
    async with place(store, HttpProtocol) as sanic, workers(folder, more) as other:
        await compared(dice, session, sanic, other, 60)
