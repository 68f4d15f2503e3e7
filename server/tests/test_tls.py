"""HTTPS with a certificate of one's own."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest

from holdall.settings import read_settings
from holdall_server.app import create_app
from holdall_server.checks import check, tls_of
from holdall_server.running import serving


async def test_https(certificate, free_socket):
    cert, key = certificate
    server = {"anonymous": "me", "tls_cert": str(cert), "tls_key": str(key)}
    settings = read_settings({"storage": {"use": "memory"}, "server": server})
    check(settings)
    port = free_socket.getsockname()[1]
    async with serving(create_app(settings), free_socket, tls=tls_of(settings)):
        trusted = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(verify=trusted) as client:
            answer = await client.post(f"https://localhost:{port}/api/sessions")
            assert (answer.status_code, answer.json()["owner"]) == (201, "me")
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://localhost:{port}/livez")


@pytest.mark.req("SEC-INP-02")
async def test_handshakes_take_room_and_not_longer_than_a_head(certificate, free_socket):
    cert, key = certificate
    told = {"tls_cert": str(cert), "tls_key": str(key), "max_connections": 2, "head_seconds": 0.5}
    settings = read_settings({"storage": {"use": "memory"}, "server": {"anonymous": "me", **told}})
    trusted, port = ssl.create_default_context(cafile=str(cert)), free_socket.getsockname()[1]
    asked = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def answer() -> bytes:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=trusted)
        writer.write(asked)
        try:
            return await reader.read()
        finally:
            writer.close()

    async with asyncio.timeout(15), serving(create_app(settings), free_socket, tls=tls_of(settings)):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        full = await answer()
        assert full.startswith(b"HTTP/1.1 503 ")
        assert b'"too-many-connections"' in full
        assert [await reader.read() for reader, _ in silent] == [b"", b""]
        assert (await answer()).startswith(b"HTTP/1.1 200 ")
        plain = await asyncio.open_connection("127.0.0.1", port)
        plain[1].write(asked)
        assert await plain[0].read() == b""
        for _, writer in (*silent, plain):
            writer.close()
