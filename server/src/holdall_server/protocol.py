"""A connection's bytes, and its clock."""

from __future__ import annotations

from asyncio import Future
from time import monotonic
from typing import Any

from sanic.exceptions import RequestCancelled, RequestTimeout, ServiceUnavailable
from sanic.http import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from holdall_server.connections import Connection
from holdall_server.deadlines import Deadlines

__all__ = ["Protocol"]


class Protocol(HttpProtocol):
    """A connection's bytes."""

    HTTP_CLASS = Connection
    __slots__ = ("_deadlines", "_ended", "_most", "_paused", "_waiter", "full")
    app: Any
    conn_info: Any
    http: Any
    loop: Any
    recv_buffer: bytearray
    transport: Any
    _task: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # pyright: ignore[reportUnknownMemberType]
        self._deadlines = Deadlines.of(self.app.config)
        self._most: int = self.app.config.REQUEST_BUFFER_SIZE
        self._ended = self._paused = self.full = False
        self._waiter: Future[None] | None = None

    @property
    def unheard(self) -> bool:
        """Whether nothing more can be written: the client is gone, or has yet to take so much of what was."""
        return self.full or self.transport is None or self.transport.is_closing()

    def check_timeouts(self) -> None:
        """Sanic's clock, which goes round every few seconds. It told silence only: a byte now and then kept it quiet."""
        if self._task is None or self.http is None:
            return
        waiter, silent, deadlines = self._waiter, monotonic() - self._time, self._deadlines
        if waiter is not None and not waiter.done():
            late = RequestTimeout("Request Timeout") if self.http.late(silent, deadlines) else None
        else:
            late = ServiceUnavailable("Response Timeout") if silent > deadlines.answer else None
        if late is None:
            self._callback_check_timeouts = self.loop.call_later(deadlines.pause, self.check_timeouts)
        else:
            self.http.exception = late
            self._task.cancel()

    def receive_more(self) -> Future[None]:  # pyright: ignore[reportIncompatibleMethodOverride] - it is only awaited
        """What is done when more bytes have come; raises ``RequestCancelled`` when none will."""
        if self._ended:
            raise RequestCancelled
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        waiter: Future[None] = self.loop.create_future()
        self._waiter = waiter
        return waiter

    def pause_writing(self) -> None:
        """The client has yet to take so much that nothing more is written."""
        self.full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has taken enough."""
        self.full = False
        super().resume_writing()

    async def send(self, data: bytes) -> None:
        """Write, once the client has taken enough of what was written before."""
        if self.full:
            await self._can_write.wait()
        self.write(data)

    def write(self, data: bytes) -> None:
        """Write at once, which is for those who found that it is not ``full``."""
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
