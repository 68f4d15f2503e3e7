"""From a request as it came to one that an operation may handle: every check before the handler, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall import Principal
from holdall_server import strictjson
from holdall_server.exchange import JSON, Call
from holdall_server.operations import Operation, Policy
from holdall_server.parameters import parse
from holdall_server.problems import Problem
from holdall_server.service import Service

__all__ = ["admit"]


def admit(  # noqa: PLR0913, PLR0917 - each is a part of a request
    service: Service,
    operation: Operation,
    target: str,
    path: Mapping[str, str],
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Call:
    """The call, if it may be made; raises ``Problem``."""
    parameters = parse(query, operation.query) if query else {}
    if operation.policy is Policy.OPEN:
        principal, store = None, service.store
    else:
        principal = service.access.principal(headers)
        if operation.policy is Policy.OPERATOR and not _operates(service, principal):
            raise Problem(403, "forbidden", "the token does not allow this")
        store = service.store_for(principal)
    content = None if operation.body is None else _content(service, operation, headers, body)
    return Call(service, operation, store, principal, target, path, parameters, headers, content)


def _operates(service: Service, principal: Principal) -> bool:
    return principal.admin or principal.owner == service.settings.server.anonymous


def _content(service: Service, operation: Operation, headers: Mapping[str, str], body: bytes) -> Any:
    if not body:
        if operation.body is not None and operation.body.required:
            raise Problem(400, "malformed-body", "a JSON body is needed")
        return {}
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if kind.strip().lower() != JSON or parameters.strip().lower() not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise Problem(415, "unsupported-media-type", f"send {JSON}", headers={"Accept": JSON})
    limits = service.settings.server
    try:
        return strictjson.loads(body, depth=limits.max_json_depth, names=limits.max_json_keys)
    except strictjson.Malformed as error:
        raise Problem(400, "malformed-body", f"the body {error}") from None
