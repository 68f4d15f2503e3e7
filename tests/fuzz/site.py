"""A real server with something in it, in a process of its own."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.servers import free_port

__all__ = ["SECTIONS", "Site", "site"]

_HOLDALL = str(Path(sys.executable).parent / "holdall")
_SESSIONS = 40
"""The fuzzer deletes what it meets: there are enough of them that something is left."""
SECTIONS = {
    "encryption": '[encryption]\nuse = "aesgcm"\nkeys = {{ use = "env", options = {{ variable = "FUZZ_KEY" }} }}\n',
    "search": '[search]\nuse = "fts"\n{plaintext}options = {{ path = "{folder}/index" }}\n',
    "compression": '[compression]\nuse = "zstd"\n',
}
"""What a server can have beside its storage."""


class Site(NamedTuple):
    """Where the server is, the token of an administrator, what there is to be named, and the server's log."""

    url: str
    token: str
    known: dict[str, list[str]]
    log: Path


@contextmanager
def site(folder: Path, backend: str, also: Sequence[str] = (), workers: int = 1) -> Generator[Site]:
    """A server on ``backend`` with its data in ``folder``, and ``also`` some of ``SECTIONS``; stopped gently at the end."""
    port, token, log = free_port(), secrets.token_hex(24), folder / "server.log"
    config = folder / "holdall.toml"
    filled = {"folder": folder, "plaintext": 'plaintext = "accept"\n' if "encryption" in also else ""}
    where = f'[storage.options]\npath = "{folder / "store"}"\n' if backend != "memory" else ""
    config.write_text(
        f"[server]\nport = {port}\nworkers = {workers}\n"
        '[[server.tokens]]\nowner = "ana"\nadmin = true\nenv = "FUZZ_TOKEN"\n'
        f'[storage]\nuse = "{backend}"\n{where}' + "".join(SECTIONS[name].format(**filled) for name in also)
    )
    url = f"http://127.0.0.1:{port}"
    secrets_ = {"FUZZ_TOKEN": token, "FUZZ_KEY": base64.b64encode(secrets.token_bytes(32)).decode()}
    with log.open("w") as told:
        command = [_HOLDALL, "--config", str(config), "serve"]
        server = subprocess.Popen(command, stdout=told, stderr=told, env={**os.environ, **secrets_})
        try:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
                _wait(client, server, log)
                known = _filled(client)
            yield Site(url, token, known, log)
        finally:
            server.terminate()
            server.wait(30)


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if client.get("/readyz").status_code == int(httpx.codes.OK):
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def _filled(client: httpx.Client) -> dict[str, list[str]]:
    """Put sessions in; the ids of what there is, by the names that parameters have."""
    names = ("message", "run", "part", "summary", "compaction")
    known: dict[str, list[str]] = {"session": [], "branch": ["main", "retry", "sub-2"]} | {name: [] for name in names}
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
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call], "usage": {"input_tokens": 9}},
        {"role": "tool", "content": [{"type": "tool_result", "id": "call_1", "content": "README.md " * 10_000}]},
        {"role": "assistant", "content": "A readme."},
    ]

    def post(where: str, body: dict[str, Any]) -> dict[str, Any]:
        return client.post(f"{path}/{where}", json=body).raise_for_status().json()

    ids = [message["id"] for message in post("messages", {"messages": said})["messages"]]
    post("branches", {"name": "retry", "at": ids[1]})
    post("branches", {"name": "sub-2", "under": ids[1], "call": "call_1"})
    answers = [{"role": "user", "content": "Which?", "reply_to": ids[3]}]
    ids += [message["id"] for message in post("messages?branch=sub-2", {"messages": answers})["messages"]]
    client.patch(f"{path}/messages/{ids[0]}", json={"content": "What is in here?"}).raise_for_status()
    run = post("tools", {"tool": "ls", "status": "running"})
    summary = post("summaries", {"text": "They looked.", "first": ids[0], "last": ids[3]})
    compacted = post("compact", {"budget": 20})
    parts = client.get(f"{path}/parts").raise_for_status().json()["items"]
    found = {"message": ids, "run": [run["id"]], "summary": [summary["id"]], "part": [part["hash"] for part in parts]}
    found["compaction"] = [compacted["compaction"]["id"]]
    for name, values in found.items():
        known[name] = sorted({*known[name], *values})
