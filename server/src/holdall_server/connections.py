"""Sanic's connections, with a short way for plain requests: nearly all of them.

Sanic waits for the first bytes of a request, and then reads its head, makes a request of it and has that handled.
What is plain is answered where it waits, so Sanic gets to see only what it is not sure of: heads that come in pieces,
chunks, 100-continue, upgrades, HTTP/1.0, a last request, whatever is malformed. It keeps the time for all of them.
"""

from __future__ import annotations

from asyncio import CancelledError, Future, sleep
from time import monotonic
from typing import Any

from sanic.compat import Header
from sanic.exceptions import RequestCancelled, RequestTimeout, SanicException, ServiceUnavailable
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from holdall_server.heads import Head, plain

__all__ = ["Connection", "Protocol"]

_GIVEN_UP = (CancelledError, RequestTimeout, ServiceUnavailable)
"""How a request ends that takes too long, or whose client is gone."""
_KEPT = 2 << 10
"""Bytes of a head that a connection remembers: clients send the same again and again."""


class Connection(Http):
    """The requests of one connection."""

    __slots__ = ("_head", "_last", "_start")
    protocol: Any
    recv_buffer: bytearray
    request: Any
    request_body: Any
    response: Any
    response_func: Any
    stage: Any
    url: Any
    _receive_more: Any

    def __init__(self, protocol: Any) -> None:
        super().__init__(protocol)  # pyright: ignore[reportUnknownMemberType]
        self._receive_more = self._more
        self._last: Head | None = None
        self._head: Head | None = None
        self._start = 0

    async def _more(self) -> None:
        """Wait for more bytes. Between two requests, answer those that are plain, and return for one that is not."""
        protocol = self.protocol
        await protocol.receive_more()
        between = self.stage is Stage.IDLE and not self.request_body  # Sanic lets go by a body that nobody wanted
        if between and not protocol.access_log:  # Sanic's log tells of Sanic's requests
            while (head := self._begun()) is not None:
                await self._answer(head)
                if self.recv_buffer:
                    await sleep(0)  # who sends many at once waits with each of them until the others had their turn
                else:
                    await protocol.receive_more()

    async def _answer(self, head: Head) -> None:
        """Answer the plain request that has begun. The connection ends if there can be no other."""
        buffer, start = self.recv_buffer, self._start
        end = start + head.size
        self.stage = Stage.HANDLER
        try:
            while len(buffer) < end:
                await self.protocol.receive_more()
            body = bytes(buffer[start:end])
            del buffer[:end]
            await head.handle(self, head, body)
        except CancelledError as error:  # Sanic's clock has run out, or the client is gone
            protocol = self.protocol
            if protocol.transport is not None and not protocol.conn_info.lost:
                self.keep_alive = False
                why: Any = self.exception or error
                await self.error_response(why)
            raise
        except Exception as error:  # noqa: BLE001 - Failures has it, and tells the client and the log
            await self.error_response(error)
        if not self.keep_alive or self.stage is not Stage.IDLE:
            raise CancelledError
        if self.response is not None:
            self.init_for_request()

    def _begun(self) -> Head | None:
        """The head of a plain request, if it has come."""
        buffer, head = self.recv_buffer, self._last
        start = -1 if head is None else head.again(buffer)
        if start < 0:
            stop = buffer.find(b"\r\n\r\n", 0, self.HEADER_MAX_SIZE + 3)
            head, start = None if stop < 0 else self._read(bytes(buffer[:stop])), stop + 4
        if head is not None and head.size > self.request_max_size:
            head = None
        self._head, self._start = head, start
        return head

    def _read(self, raw: bytes) -> Head | None:
        head = plain(raw)
        if head is None:
            return None
        try:
            _, head.handle, head.path = self.protocol.app.router.get(head.target, head.method, head.headers["host"])
        except SanicException:
            return None
        if len(raw) <= _KEPT:
            head.keep()
            self._last = head
        return head

    def respond(self, response: Any) -> Any:
        """Begin an answer that Sanic sends, also to a request that it has not seen."""
        if self._head is not None:
            self.response_func = self.http1_response_header
        return super().respond(response)

    async def error_response(self, exception: Any) -> None:
        """Tell of what failed; not a client that is too late because it takes nothing: it would be waited for again."""
        if self.protocol.stuck and isinstance(exception, _GIVEN_UP):
            self.keep_alive = False
        else:
            failure: Any = exception
            await super().error_response(failure)

    def create_empty_request(self) -> None:
        """The request as Sanic knows it, for telling of what failed."""
        head = self._head
        if head is None:
            try:
                return super().create_empty_request()
            except SanicException:  # what it asks for is no URL
                self.url = None
                return super().create_empty_request()
        protocol = self.protocol
        url = head.raw.split(b" ", 2)[1]
        self.request = protocol.request_class(
            url, Header(head.headers), "1.1", head.method, protocol.transport, protocol.app, head.raw
        )
        self.request.stream = self
        return None


class Protocol(HttpProtocol):
    """A connection's bytes."""

    HTTP_CLASS = Connection
    __slots__ = ("_ended", "_most", "_paused", "_waiter")
    app: Any
    conn_info: Any
    http: Any
    loop: Any
    recv_buffer: bytearray
    transport: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # pyright: ignore[reportUnknownMemberType]
        self._most: int = self.app.config.REQUEST_BUFFER_SIZE
        self._ended = self._paused = False
        self._waiter: Future[None] | None = None

    @property
    def stuck(self) -> bool:
        """Whether the client has yet to take so much of what was written that nothing more is."""
        return not self._can_write.is_set()

    async def receive_more(self) -> None:
        """Wait until more bytes have come; raises ``RequestCancelled`` when none will."""
        if self._ended:
            raise RequestCancelled
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        waiter = self._waiter = self.loop.create_future()
        await waiter

    async def send(self, data: bytes) -> None:
        """Write, once the client has taken enough of what was written before."""
        if not self._can_write.is_set():
            await self._can_write.wait()
        transport = self.transport
        if transport.is_closing():
            raise RequestCancelled
        transport.write(data)
        self._time = monotonic()

    def data_received(self, data: bytes) -> None:
        """Take in bytes; stop the client for as long as nobody wants more of them. Only who waits for them has more time."""
        buffer = self.recv_buffer
        buffer += data
        if len(buffer) >= self._most and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self._time = monotonic()
            waiter.set_result(None)

    def eof_received(self) -> bool:
        """Go on with requests that have come together. Who has sent none but the one that is answered may be gone."""
        waiter, http = self._waiter, self.http
        waits = waiter is None or not waiter.done()
        streams = http is None or http.stage is Stage.RESPONSE
        self._ended = not (waits or streams) and bool(self.recv_buffer) and not self.conn_info.ssl
        return self._ended
