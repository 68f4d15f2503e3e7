"""Sanic's connections, with a short way for plain requests: nearly all of them.

Sanic waits for the first bytes of a request, and then reads its head, makes a request of it and has that handled.
What is plain is answered where it waits, so Sanic gets to see only what it is not sure of: heads that come in pieces,
chunks, 100-continue, upgrades, HTTP/1.0, a last request, whatever is malformed. Whoever reads a request, it has to be there in time (``deadlines``).
"""

from __future__ import annotations

from asyncio import CancelledError, sleep
from time import monotonic
from typing import Any

from sanic.compat import Header
from sanic.exceptions import RequestTimeout, SanicException, ServiceUnavailable
from sanic.http import Http, Stage

from holdall_server.deadlines import Deadlines
from holdall_server.heads import Head, plain

__all__ = ["Connection"]

_GIVEN_UP = (CancelledError, RequestTimeout, ServiceUnavailable)
"""How a request ends that takes too long, or whose client is gone."""
_KEPT = 2 << 10
"""Bytes of a head that a connection remembers: clients send the same again and again."""


class Connection(Http):
    """The requests of one connection."""

    __slots__ = ("_awaited", "_head", "_last", "_since", "_start")
    protocol: Any
    recv_buffer: bytearray
    request: Any
    request_body: Any
    request_bytes: Any
    request_bytes_left: Any
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
        self._awaited: Stage | None = None
        """In which stage the rest of a request is waited for, if it did not come at once, and since when."""
        self._since = 0.0

    async def _more(self) -> None:
        """Wait for more bytes. Between two requests, answer those that are plain, and return for one that is not."""
        if self.stage is not Stage.IDLE or self.request_body:  # Sanic lets go by a body that nobody wanted
            return await self._rest()
        protocol = self.protocol
        await protocol.receive_more()
        if not protocol.access_log:  # Sanic's log tells of Sanic's requests
            await self._answer()
        return None

    async def _rest(self) -> None:
        """Wait for more of a request that has begun."""
        if self._awaited is not self.stage:
            self._awaited, self._since = self.stage, monotonic()
        await self.protocol.receive_more()

    def late(self, silent: float, deadlines: Deadlines) -> bool:
        """Whether what is waited for should be here, when nothing has come for ``silent`` seconds."""
        if self._awaited is None:
            return silent > deadlines.idle
        spent = monotonic() - self._since
        if self._awaited is Stage.REQUEST:
            return spent > deadlines.head
        come = len(self.recv_buffer) - self._start if self._head else self.request_bytes - self.request_bytes_left
        return deadlines.body_is_late(come, spent, silent)

    def init_for_request(self) -> None:
        """Another request may come."""
        super().init_for_request()
        self._awaited = None

    async def _answer(self) -> None:
        """Answer requests, until one has begun that is not plain. The connection ends if there can be no other.

        All of it is one coroutine, because each within another costs as much as what it does.
        """
        protocol, buffer = self.protocol, self.recv_buffer
        while (head := self._begun()) is not None:
            end = self._start + head.size
            self.stage = Stage.HANDLER
            try:
                if len(buffer) < end:
                    await self._come(end)
                body = buffer[self._start : end]
                del buffer[:end]
                await head.handle(self, head, body)
            except CancelledError as error:  # Sanic's clock has run out, or the client is gone
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
            if buffer:
                await sleep(0)  # who sends many at once waits with each of them until the others had their turn
            else:
                await protocol.receive_more()

    async def _come(self, end: int) -> None:
        """Wait until there are ``end`` bytes."""
        while len(self.recv_buffer) < end:
            await self._rest()
        self._awaited = None

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
        """Tell of what failed; not a client that is gone, or that takes nothing and would be waited for again."""
        if isinstance(exception, _GIVEN_UP):
            self.keep_alive, self.request_body = False, None  # nor is there anybody left who would wait for the rest
            if self.protocol.unheard:
                return
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
