"""Between Sanic and the operations: a request becomes a call, a reply an answer, an exception a problem."""

from __future__ import annotations

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
from holdall_server.heads import fault_of
from holdall_server.operations import Operation
from holdall_server.problems import TITLES, Problem, problem_of
from holdall_server.responses import answer, next_id, response, stream
from holdall_server.service import Service

__all__ = ["Application", "Failures", "handler_for"]

log = logging.getLogger("holdall.server")
_ONCE = frozenset({"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"})

Handler = Callable[[Request[Any, Any], Mapping[str, str]], Coroutine[Any, Any, None]]


class Application(Sanic[Any, Any]):
    """Sanic without middleware and signals: it looks up the operation, takes in the body, and has it handled."""

    async def handle_request(self, request: Request[Any, Any]) -> None:
        """Answer a request."""
        at: Any = request
        try:
            request.route, handle, path = self.router.get(at.path, at.method, at.headers.get("host"))
            if at.stream.request_body and not _taken(at.stream, at):
                await request.receive_body()
            await handle(request, path)
        except Exception as error:  # noqa: BLE001 - Failures has it, and tells the client and the log
            await self.handle_exception(request, error)


def _taken(connection: Any, request: Any) -> bool:
    """Take the body, if all of it has come with the head, as nearly always; otherwise Sanic waits for the rest of it."""
    size, came = connection.request_bytes, connection.recv_buffer
    whole = size <= len(came) and size <= connection.request_max_size
    if not whole or connection.request_body is not True or connection.expecting_continue:
        return False
    request.body = bytes(came[:size])
    del came[:size]
    connection.request_body, connection.request_bytes_left = None, 0
    return True


def handler_for(service: Service, operation: Operation) -> Handler:
    """The handler of requests for ``operation``."""
    name, perform, meter = operation.name, operation.handler, service.meter
    admit, bodiless = Gate(service, operation).admit, operation.body is None

    async def handle(request: Request[Any, Any], path: Mapping[str, str]) -> None:
        start = perf_counter()
        try:
            refuse_malformed(request)
            body = b"" if bodiless else request.body
            call = admit(request.path, path, request.query_string, request.headers, body)
            reply = await perform(call)
            if reply.stream is not None:
                await stream(request, reply)
                meter.request(name, reply.status, perf_counter() - start)
                return
        except Exception as error:
            if request.responded:
                meter.request(name, 500, perf_counter() - start)
                raise
            reply = _failed(request, error, operation)
        meter.request(name, reply.status, perf_counter() - start)
        await answer(request, reply)

    return handle


def refuse_malformed(request: Request[Any, Any]) -> None:
    """Raise ``Problem`` 400 for a request whose head is not what RFC 9112 and this server allow."""
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
    if fault is not None:
        connection: Any = request.stream
        connection.keep_alive = False  # whatever follows on this connection may have been smuggled
        raise Problem(400, "malformed-request", fault)


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
        reply = _failed(request, exception)
        self._service.meter.request("none", reply.status, 0)
        return response(reply)

    def _problem(self, request: Request[Any, Any] | None, error: SanicException) -> Problem:
        if request is not None and request.head and not isinstance(error, PayloadTooLarge):
            try:
                refuse_malformed(request)
            except Problem as problem:
                return problem
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


def _failed(request: Request[Any, Any] | None, error: BaseException, operation: Operation | None = None) -> Reply:
    conditional = request is not None and "if-match" in request.headers
    problem = problem_of(error, conditional=conditional, query=() if operation is None else operation.query)
    reply = problem.reply("" if request is None else request.path)
    if problem.status >= 500:  # noqa: PLR2004 - the server's own failures
        number = reply.headers["X-Request-ID"] = next_id()
        log.error("request %s failed with status %s", number, problem.status, exc_info=error)
    return reply
