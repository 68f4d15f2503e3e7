"""A small load generator: keep-alive connections that send one request again and again, in a process of their own.

``python -m tests.bench.load PORT FILE CONNECTIONS SECONDS`` sends what is in FILE, requests with ``SEPARATOR`` between
them, one to each connection in turn, and prints a line of JSON.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
import time
from pathlib import Path

from tests.bench.cell import LOAD, keep_to

SEPARATOR = b"\0\0"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._data = bytearray()
        self._wanted = self._began = self._stop = 0
        self._done: asyncio.Future[None] | None = None
        self.waits: list[int] = []
        self.bad = 0

    def load(self, stop: int) -> asyncio.Future[None]:
        """Send at least one request, and others until ``stop`` (ns)."""
        self._stop, self._done = stop, asyncio.get_running_loop().create_future()
        self.waits.clear()
        self._send()
        return self._done

    def close(self) -> None:
        """Hang up."""
        self._done = None
        self._transport.close()

    def connection_made(self, transport) -> None:
        """Remember the way out."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in a piece of the answer."""
        self._data += data
        if not self._wanted:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._data, 0, end)
            if length is None:
                self.connection_lost(ConnectionError("an answer does not say how long it is"))
                return
            self._wanted = end + 4 + int(length[1])
            self.bad += self._data[9:10] != b"2"
        if len(self._data) >= self._wanted:
            now = time.perf_counter_ns()
            self.waits.append(now - self._began)
            if now < self._stop:
                self._send()
            elif self._done is not None:
                self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """A server that hangs up while it is asked is an error."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._data.clear()
        self._wanted = 0
        self._began = time.perf_counter_ns()
        self._transport.write(self._request)


async def generate(port: int, requests: list[bytes], count: int, seconds: float) -> dict[str, float]:
    """Load a server with ``count`` connections for ``seconds``; requests per second, and times of answers."""
    loop, connections = asyncio.get_running_loop(), [Connection(requests[n % len(requests)]) for n in range(count)]
    for connection in connections:
        await loop.create_connection(lambda one=connection: one, "127.0.0.1", port)
        await connection.load(0)  # servers take in new connections one by one, slowly when they are busy
    began, used = time.perf_counter_ns(), time.process_time_ns()
    await asyncio.gather(*(connection.load(began + int(seconds * 1e9)) for connection in connections))
    took = (time.perf_counter_ns() - began) / 1e9
    for connection in connections:
        connection.close()
    waits = sorted(wait for connection in connections for wait in connection.waits)
    return {
        "requests": len(waits),
        "per_s": len(waits) / took,
        "p50_ms": waits[len(waits) // 2] / 1e6,
        "p99_ms": waits[int(len(waits) * 0.99)] / 1e6,
        "busy": (time.process_time_ns() - used) / 1e9 / took,
        "bad": sum(connection.bad for connection in connections),
    }


if __name__ == "__main__":
    keep_to(LOAD)
    found = importlib.util.find_spec("uvloop") and importlib.import_module("uvloop")
    _port, _file, _connections, _seconds = sys.argv[1:]
    _requests = Path(_file).read_bytes().split(SEPARATOR)
    with asyncio.Runner(loop_factory=found.new_event_loop if found else None) as runner:
        print(json.dumps(runner.run(generate(int(_port), _requests, int(_connections), float(_seconds)))))
