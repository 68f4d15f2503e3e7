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

SEPARATOR = b"\0\0"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole."""

    def __init__(self, request: bytes, done: asyncio.Future[None], stop: float) -> None:
        self._request, self._done, self._stop = request, done, stop
        self._data = bytearray()
        self._wanted = self._began = 0
        self.waits: list[int] = []
        self.bad = 0

    def connection_made(self, transport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

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
            self.waits.append(time.perf_counter_ns() - self._began)
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """A server that hangs up is an error, unless everything was sent."""
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._data.clear()
        self._wanted = 0
        self._began = time.perf_counter_ns()
        if self._began < self._stop:
            self._transport.write(self._request)
        elif not self._done.done():
            self._done.set_result(None)
            self._transport.close()


async def generate(port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, float]:
    """Send for ``seconds``; requests per second and times of answers."""
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    stop = time.perf_counter_ns() + seconds * 1e9
    pairs = [
        (Connection(requests[number % len(requests)], done := loop.create_future(), stop), done)
        for number in range(connections)
    ]
    for connection, _ in pairs:
        await loop.create_connection(lambda one=connection: one, "127.0.0.1", port)
    await asyncio.gather(*(done for _, done in pairs))
    took = time.perf_counter() - began
    waits = sorted(wait for connection, _ in pairs for wait in connection.waits)
    return {
        "requests": len(waits),
        "per_s": len(waits) / took,
        "p50_ms": waits[len(waits) // 2] / 1e6,
        "p99_ms": waits[int(len(waits) * 0.99)] / 1e6,
        "bad": sum(connection.bad for connection, _ in pairs),
    }


if __name__ == "__main__":
    found = importlib.util.find_spec("uvloop") and importlib.import_module("uvloop")
    _port, _file, _connections, _seconds = sys.argv[1:]
    _requests = Path(_file).read_bytes().split(SEPARATOR)
    with asyncio.Runner(loop_factory=found.new_event_loop if found else None) as runner:
        print(json.dumps(runner.run(generate(int(_port), _requests, int(_connections), float(_seconds)))))
