"""Servers in processes of their own, and one request at a time to them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.backends import settings
from tests.bench.cell import ROOT, SERVER, keep_to

_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers at ``port``."""

    port: int
    process: int

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request; raises ``AssertionError`` unless the answer is a good one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {data[:200]!r}")
        return data

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used; 0 where the system does not say."""
        total, todo = 0, [self.process]
        with contextlib.suppress(OSError):
            while todo:
                place = Path(f"/proc/{todo.pop()}")
                fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
                todo += [int(child) for child in (place / "task" / place.name / "children").read_text().split()]
        return total / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(argv: list[str], port: int, ready: str) -> Iterator[Server]:
    """A server from when it answers at ``ready`` until it is ended."""
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    keep_to(SERVER, process.pid)
    server = Server(port, process.pid)
    try:
        _wait(server, process, ready)
        yield server
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def bare_sanic(message: Path, page: Path) -> contextlib.AbstractContextManager[Server]:
    """Sanic that answers with the bytes of two files."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.bare_sanic", str(port), str(message), str(page)]
    return running(argv, port, "/page")


def holdall_server(backend: str, folder: Path) -> contextlib.AbstractContextManager[Server]:
    """``holdall serve`` as an operator would start it, with the backend's defaults."""
    port = free_port()
    config = folder / "holdall.toml"
    options = settings(backend, folder / "store")["storage"]["options"]
    config.write_text(
        f'[server]\nport = {port}\nanonymous = "owner-0"\n\n[storage]\nuse = "{backend}"\n\n[storage.options]\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    )
    command = str(Path(sys.executable).parent / "holdall")
    return running([command, "--config", str(config), "serve"], port, "/readyz")


def _wait(server: Server, process: subprocess.Popen[bytes], ready: str) -> None:
    stop = time.monotonic() + _DEADLINE
    while time.monotonic() < stop:
        if process.poll() is not None:
            said = (process.communicate()[1] or b"").decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"the server ended with {process.returncode}: {(said or ['?'])[-1][:150]}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.ask("GET", ready)
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not answer in time")
