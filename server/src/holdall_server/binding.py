"""Between Sanic and the operations: a request becomes a call, a reply an answer, an exception a problem."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from time import perf_counter
from typing import Any

from sanic import Sanic
from sanic.exceptions import MethodNotAllowed, PayloadTooLarge, RequestCancelled, SanicException
from sanic.handlers import ErrorHandler
from sanic.http import Http
from sanic.request import Request
from sanic.response import HTTPResponse

from holdall_server.exchange import Reply
from holdall_server.guard import Gate
from holdall_server.heads import Head, fault_of
from holdall_server.operations import Operation
from holdall_server.problems import TITLES, Problem, problem_of
from holdall_server.responses import answer, next_id, response, stream
from holdall_server.service import Service

__all__ = ["Application", "Failures", "handler_for"]

log = logging.getLogger("holdall.server")
_ONCE = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match")

_REFUSED = 400
"""The first status that is no success."""

Handler = Callable[[Any, Head, bytes | bytearray], Coroutine[Any, Any, None]]


class Application(Sanic[Any, Any]):
    """Sanic without middleware and signals: it looks up the operation, takes in the body, and has it handled.

    Here are the requests that were not plain; the others come to the same handlers by ``connections``.
    """

    async def handle_request(self, request: Request[Any, Any]) -> None:
        """Answer a request."""
        at: Any = request
        try:
            request.route, handle, path = self.router.get(at.path, at.method, at.headers.get("host"))
            if at.stream.request_body:
                await request.receive_body()
            head = Head(at.head, at.method, at.path, at.query_string, at.headers, fault=fault_in(request))
            head.path = path
            if head.fault is not None:
                at.stream.keep_alive = False  # whatever follows on this connection may have been smuggled
            await handle(at.stream, head, at.body)
        except Exception as error:  # noqa: BLE001 - Failures has it, and tells the client and the log
            await self.handle_exception(request, error)
        if at.stream.recv_buffer:
            await asyncio.sleep(0)  # as between plain requests that come together


def handler_for(service: Service, operation: Operation) -> Handler:
    """The handler of requests for ``operation``."""
    name, perform, meter = operation.name, operation.handler, service.meter
    admit, done = Gate(service, operation).admit, meter.requests(name, "ok").add

    async def handle(connection: Any, head: Head, body: bytes | bytearray) -> None:
        start = perf_counter()
        try:
            reply = await perform(admit(head, body))
            if reply.stream is not None:
                await stream(connection, reply)
                meter.request(name, reply.status, perf_counter() - start)
                return
        except Exception as error:
            if connection.response is not None:
                meter.request(name, 500, perf_counter() - start)
                raise
            reply = _failed(head.headers, head.target, error, operation)
        if reply.status < _REFUSED:
            done(perf_counter() - start)
        else:
            meter.request(name, reply.status, perf_counter() - start)
        sending = answer(connection, reply)
        if sending is not None:
            await sending

    return handle


def fault_in(request: Request[Any, Any]) -> str | None:
    """What in the head of a request is not as RFC 9112 and this server allow."""
    headers: Any = request.headers
    fault = fault_of(
        request.head,
        headers.getall("host", ()),
        headers.getall("content-length", ()),
        headers.getall("transfer-encoding", ()),
    )
    if fault is None and len(set(headers)) < len(headers):
        twice = [name for name in _ONCE if len(headers.getall(name, ())) > 1]
        fault = f"{twice[0]} is given twice" if twice else None
    return fault


class Failures(ErrorHandler):
    """Tells a client of what failed before an operation was reached."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def response(self, request: Request[Any, Any] | None, exception: BaseException) -> HTTPResponse:
        """A problem in place of Sanic's error pages."""
        if isinstance(exception, RequestCancelled):  # the client is gone: nobody is told, and nothing failed here
            return response(Problem(400, "malformed-request", "the request was given up").reply(""))
        if isinstance(exception, SanicException):
            exception = self._problem(request, exception)
        at: Any = request
        reply = _failed({}, "", exception) if request is None else _failed(at.headers, at.path, exception)
        self._service.meter.request("none", reply.status, 0)
        return response(reply)

    def _problem(self, request: Request[Any, Any] | None, error: SanicException) -> Problem:
        if request is not None and request.head and not isinstance(error, PayloadTooLarge):
            fault = fault_in(request)
            if fault is not None:
                connection: Any = request.stream
                connection.keep_alive = False
                return Problem(400, "malformed-request", fault)
        status = error.status_code
        if isinstance(error, PayloadTooLarge):
            return Problem(413, "too-large", self._over(request))
        if isinstance(error, MethodNotAllowed):
            allow = ", ".join(sorted(error.headers.get("Allow", "").replace(" ", "").split(",")))
            return Problem(405, "method-not-allowed", "the path has other methods", headers={"Allow": allow})
        if status not in TITLES:
            status = 400 if 400 <= status < 500 else 500  # noqa: PLR2004 - classes of status
        return Problem(status, _CODES.get(status, "malformed-request"), _DETAILS.get(status, TITLES[status].lower()))

    def _over(self, request: Request[Any, Any] | None) -> str:
        """Which limit a request passes; one whose head was not read to its end has none yet."""
        if request is None or not request.head:
            return f"the head of the request has more than {Http.HEADER_MAX_SIZE:,} bytes"
        most = self._service.settings.server.max_body_bytes
        return f"the body has more than {most:,} bytes (server.max_body_bytes)"


_CODES = {404: "not-found", 408: "timeout", 500: "internal", 503: "not-ready"}
_DETAILS = {404: "there is no such path"}


def _failed(headers: Mapping[str, str], target: str, error: BaseException, operation: Operation | None = None) -> Reply:
    problem = problem_of(error, conditional="if-match" in headers, query=() if operation is None else operation.query)
    reply = problem.reply(target)
    if problem.status >= 500:  # noqa: PLR2004 - the server's own failures
        number = reply.headers["X-Request-ID"] = next_id()
        log.error("request %s failed with status %s", number, problem.status, exc_info=error)
    return reply
