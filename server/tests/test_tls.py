"""HTTPS with a certificate of one's own."""

from __future__ import annotations

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
