"""A real server with something in it, in a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.servers import free_port

__all__ = ["Site", "site"]

_HOLDALL = str(Path(sys.executable).parent / "holdall")
_SESSIONS = 40
"""The fuzzer deletes what it meets: there are enough of them that something is left."""


class Site(NamedTuple):
    """Where the server is, the token of an administrator, what there is to be named, and the server's log."""

    url: str
    token: str
    known: dict[str, list[str]]
    log: Path


@contextmanager
def site(folder: Path, backend: str, *options: str) -> Generator[Site]:
    """A server on ``backend`` with its data in ``folder``; stopped gently at the end."""
    port, token, log = free_port(), secrets.token_hex(24), folder / "server.log"
    config = folder / "holdall.toml"
    where = f'[storage.options]\npath = "{folder / "store"}"\n' if backend != "memory" else ""
    config.write_text(
        f"[server]\nport = {port}\n"
        '[[server.tokens]]\nowner = "ana"\nadmin = true\nenv = "FUZZ_TOKEN"\n'
        f'[storage]\nuse = "{backend}"\n{where}'
    )
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as told:
        command = [_HOLDALL, "--config", str(config), "serve", *options]
        server = subprocess.Popen(command, stdout=told, stderr=told, env={**os.environ, "FUZZ_TOKEN": token})
        try:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
                _wait(client, server, log)
                known = _filled(client)
            yield Site(url, token, known, log)
        finally:
            server.terminate()
            server.wait(30)


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if client.get("/readyz").status_code == int(httpx.codes.OK):
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def _filled(client: httpx.Client) -> dict[str, list[str]]:
    """Put sessions in; the ids of what there is, by the names that parameters have."""
    known: dict[str, list[str]] = {"session": [], "message": [], "branch": ["main", "retry"], "run": []}
    for number in range(_SESSIONS):
        made = client.post("/api/sessions", json={"title": f"number {number}", "project": "site", "tags": ["one"]})
        if made.status_code != int(httpx.codes.CREATED):
            break
        known["session"].append(made.json()["id"])
        _talk(client, f"/api/sessions/{made.json()['id']}", known)
    return known


def _talk(client: httpx.Client, path: str, known: dict[str, list[str]]) -> None:
    call = {"type": "tool_call", "id": "call_1", "name": "ls", "arguments": {"path": "."}}
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "What is here?"},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
        {"role": "tool", "content": [{"type": "tool_result", "id": "call_1", "content": "README.md"}]},
        {"role": "assistant", "content": "A readme."},
    ]
    messages = client.post(f"{path}/messages", json={"messages": said}).raise_for_status().json()
    ids = [message["id"] for message in messages["messages"]]
    client.post(f"{path}/branches", json={"name": "retry", "at": ids[1]}).raise_for_status()
    client.patch(f"{path}/messages/{ids[0]}", json={"content": "What is in here?"}).raise_for_status()
    run = client.post(f"{path}/tools", json={"tool": "ls", "status": "running"}).raise_for_status().json()
    for name, values in (("message", ids), ("run", [run["id"]])):
        known[name] = sorted({*known[name], *values})
