"""The way in to a worker: connections are taken as they come, up to as many as there may be. One more is told so, and let go.

Connections are accepted here, and not by the event loop's own servers, for what those do without descriptors: asyncio
asks in vain a hundred times over, each time with a line in the log and another hundred to come; uvloop lets go of all
that wait, without a word.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from holdall_server.problems import Problem
from holdall_server.responses import farewell

__all__ = ["Door"]

log = logging.getLogger("holdall.server")
_AT_ONCE = 64
"""Connections that are taken in before others have their turn."""
_MOMENT = 1.0
"""Seconds in which who is turned away may take in what it is told: cut at once, it might see nothing of it."""
_PAUSE = 0.2
"""Seconds until it is tried again to take in connections, when the system would not."""
_QUIET = 60.0
"""Seconds between two lines in the log about that."""
_FULL = Problem(
    503,
    "too-many-connections",
    "there are as many connections as this worker may have (server.max_connections); try again",
    headers={"Retry-After": "1"},
)


class Door:
    """Takes in connections from a socket that listens."""

    def __init__(  # noqa: PLR0913 - what there is to know of the connections
        self,
        sock: socket.socket,
        make: Callable[[], Any],
        connections: set[Any],
        *,
        most: int,
        tls: ssl.SSLContext | None,
        patience: float,
        turned_away: Callable[[int], None],
    ) -> None:
        """``make`` makes the protocol of a connection, which is among the ``connections`` until it is lost.

        At most ``most`` of them are open. A TLS handshake may take ``patience`` seconds. ``turned_away`` is told of
        each that there was no room for.
        """
        self.most = most
        self._sock = sock
        self._make = make
        self._connections = connections
        self._turned_away = turned_away
        self._told: set[Any] = set()
        self._most_told = min(max(most // 8, 8), 64)
        self._options: dict[str, Any] = {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": patience}
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[asyncio.Task[None], Any] = {}
        self._resuming: asyncio.TimerHandle | None = None
        self._complained = -_QUIET

    def __len__(self) -> int:
        """How many connections are open, those among them that still shake hands."""
        return len(self._connections)

    def open(self) -> None:
        """Begin to take in connections."""
        self._resuming = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    async def close(self) -> None:
        """Take in no more. Connections that are open stay; handshakes that go on are broken off."""
        if self._resuming is None:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._resuming.cancel()
        if self._tasks:
            await asyncio.sleep(0)  # each has begun then, so its socket is somebody's to close
            for task, protocol in self._tasks.items():
                if self._options and protocol.transport is None:
                    task.cancel()
            await asyncio.wait(self._tasks)
        for turned in list(self._told):
            turned.abort()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptors, or no memory: those that wait go on waiting
                self._pause(error)
                return
            sock.setblocking(False)
            if len(self._connections) < self.most:
                self._take(sock, self._make(), self._connections)
            else:
                self._turned_away(1)
                if len(self._told) < self._most_told:
                    self._take(sock, Turned(self._told), self._told)
                else:
                    sock.close()

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._resuming = self._loop.call_later(_PAUSE, self.open)
        if self._loop.time() - self._complained >= _QUIET:
            self._complained = self._loop.time()
            log.error("no connection can be taken in (%s); it is tried again and again", error)

    def _take(self, sock: socket.socket, protocol: Any, among: set[Any]) -> None:
        among.add(protocol)
        task = self._loop.create_task(self._connect(sock, protocol, among))
        self._tasks[task] = protocol
        task.add_done_callback(self._tasks.pop)

    async def _connect(self, sock: socket.socket, protocol: Any, among: set[Any]) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock, **self._options)
        except BaseException as error:
            among.discard(protocol)
            if not isinstance(error, OSError):  # its client is gone, or did not shake hands in time
                raise


class Turned(asyncio.Protocol):
    """A connection that there is no room for."""

    def __init__(self, told: set[Any]) -> None:
        self.transport: Any = None
        self._told = told
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell it so."""
        self.transport = transport
        self._end = asyncio.get_running_loop().call_later(_MOMENT, self.abort)
        self.transport.write(farewell(_FULL.reply("")))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def abort(self) -> None:
        """Let it go."""
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio has it
        """It is gone."""
        self._told.discard(self)
        if self._end is not None:
            self._end.cancel()
