"""What went wrong, as the client is told (RFC 9457). Everything that can fail is mapped here, in one table.

400 is for what cannot be read: syntax, headers, query parameters, fields that the server owns. 422 is for a body
that can be read but breaks its schema or a limit; 413 for a body with too many bytes. What a client sent is never
shown back to it, nor is anything of the server's inside.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from holdall import errors
from holdall_server.exchange import Reply

__all__ = ["MEDIA", "TITLES", "Problem", "moved", "problem_of"]

MEDIA = "application/problem+json"

TITLES = {
    400: "The request cannot be read",
    401: "A valid token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    409: "In conflict with the session's state",
    412: "The version is another one",
    413: "Too many bytes",
    415: "The content type is not supported",
    416: "There are no such bytes",
    417: "The expectation cannot be met",
    421: "Misdirected request",
    422: "The content breaks a rule",
    428: "A version is needed",
    429: "Too many at once",
    500: "The server failed",
    503: "Not available at the moment",
    507: "The storage is full",
}
_RETRY = {"Retry-After": "1"}


@dataclass(slots=True, eq=False)
class Problem(Exception):
    """A refusal. ``code`` is the stable word for its kind; ``pointer`` says where in the body the fault is."""

    status: int
    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def reply(self, instance: str) -> Reply:
        """This problem as it goes to the client; ``instance`` is the path that was asked for."""
        body: dict[str, Any] = {
            "type": f"urn:holdall:problem:{self.code}",
            "title": TITLES.get(self.status, "The request failed"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": instance[:300],
        }
        if self.pointer is not None:
            body["pointer"] = self.pointer
        if self.parameter is not None:
            body["parameter"] = self.parameter
        return Reply(self.status, msgspec.json.encode(body), dict(self.headers), MEDIA)


def _invalid(error: errors.Invalid) -> Problem:
    return Problem(422, error.code, error.reason, pointer=error.pointer or None)


def moved(error: errors.Invalid, place: str) -> Problem:
    """``error`` where what the core knows as ``place`` is the whole body: a pointer of "" means all of it."""
    return Problem(422, error.code, error.reason, pointer=error.pointer.removeprefix(place))


def _missing(error: errors.NotFound) -> Problem:
    return Problem(404, error.code, f"there is no such {error.kind}")


def _always(status: int, detail: str, headers: Mapping[str, str] = {}) -> Callable[[Any], Problem]:
    return lambda error: Problem(status, error.code, detail, headers=headers)


_TABLE: tuple[tuple[type[errors.HoldallError], Callable[[Any], Problem]], ...] = (
    (errors.Invalid, _invalid),
    (errors.NotFound, _missing),
    (errors.Forbidden, lambda error: Problem(403, error.code, str(error))),
    (errors.Refused, _always(403, "a plugin of this deployment refused it; nothing was stored")),
    (errors.Ended, _always(409, "the session has ended; nothing more can be written to it")),
    (errors.Conflict, _always(409, "the session was changed by somebody else meanwhile; nothing was stored")),
    (errors.KeyReused, _always(422, "the Idempotency-Key was used before with other content")),
    (errors.SummaryError, _always(503, "there is no summary to be had; nothing was stored", _RETRY)),
    (errors.PluginError, _always(500, "a plugin that this needs is missing, or failed; the server's log says more")),
    (errors.StorageBusy, _always(503, "the storage is in use by another process", _RETRY)),
    (errors.StorageUnavailable, _always(503, "the storage cannot be reached", _RETRY)),
    (errors.StorageFull, _always(507, "there is no room for the write; reads and deletes still work")),
    (errors.CodecError, _always(500, "a stored record cannot be read: a key or codec is missing, or it is damaged")),
    (errors.Damaged, _always(500, "a stored record is damaged")),
    (errors.StorageError, _always(503, "the storage failed; whether the write took effect is unknown", _RETRY)),
)


def problem_of(error: BaseException, *, conditional: bool = False, query: Container[str] = ()) -> Problem:
    """How ``error`` is told to a client.

    ``conditional`` when the request named a version with If-Match; ``query`` has the names of the query parameters
    that the operation takes, at which the core points as at fields of a body.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.Invalid) and error.pointer[1:] in query:
        return Problem(400, "invalid-parameter", error.reason, parameter=error.pointer[1:])
    if conditional and isinstance(error, errors.Conflict):
        return Problem(412, "precondition-failed", "the session is not at the version that If-Match names")
    for kind, tell in _TABLE:
        if isinstance(error, kind):
            return tell(error)
    return Problem(500, "internal", "the server failed; its log says more under the request id")
