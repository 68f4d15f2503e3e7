"""From a request as it came to one that an operation may handle: every check before the handler, in order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from holdall import Principal, Store
from holdall_server import strictjson
from holdall_server.exchange import JSON, Call
from holdall_server.heads import Head
from holdall_server.operations import Operation, Policy
from holdall_server.parameters import parse
from holdall_server.problems import Problem
from holdall_server.service import Service

__all__ = ["Gate"]

_QUERIES = 256
"""Query strings that an operation remembers the meaning of: clients ask the same again and again."""
_NONE: Mapping[str, Any] = {}


class Gate:
    """The checks before one operation's handler."""

    def __init__(self, service: Service, operation: Operation) -> None:
        self._service = service
        self._operation = operation
        self._limits = service.settings.server
        self._open = operation.policy is Policy.OPEN
        self._operators = operation.policy is Policy.OPERATOR
        self._bodied = operation.body is not None
        self._required = operation.body is not None and operation.body.required
        self._parse = lru_cache(_QUERIES)(self._parsed)

    def admit(self, head: Head, body: bytes | bytearray) -> Call:
        """The call, if it may be made; raises ``Problem``."""
        if head.let is None:
            head.let = self._let(head)
        principal, store, parameters, json = head.let
        content = self._content(json, body) if self._bodied else None
        return Call(
            self._service, self._operation, store, principal, head.target, head.path, parameters, head.headers, content
        )

    def _let(self, head: Head) -> tuple[Principal | None, Store, Mapping[str, Any], bool]:
        """What may be known before the body: who asks, their store, the query, and whether the body is JSON."""
        if head.fault is not None:
            raise Problem(400, "malformed-request", head.fault)
        service, headers = self._service, head.headers
        if self._open:
            principal, store = None, service.store
        else:
            principal = service.access.principal(headers)
            if self._operators and not self._operates(principal):
                raise Problem(403, "forbidden", "only an admin may do that")
            store = service.store_for(principal)
        parameters = self._parse(head.query) if head.query else _NONE
        kind = headers.get("content-type", "")
        return principal, store, parameters, kind == JSON or _is_json(kind)

    def _parsed(self, query: str) -> Mapping[str, Any]:
        return parse(query, self._operation.query)

    def _operates(self, principal: Principal) -> bool:
        return principal.admin or principal.owner == self._limits.anonymous

    def _content(self, json: bool, body: bytes | bytearray) -> Any:
        if not body:
            if self._required:
                raise Problem(400, "malformed-body", "a JSON body is needed")
            return {}
        if not json:
            raise Problem(415, "unsupported-media-type", f"send {JSON}", headers={"Accept": JSON})
        try:
            return strictjson.loads(body, depth=self._limits.max_json_depth, names=self._limits.max_json_keys)
        except strictjson.Malformed as error:
            raise Problem(400, "malformed-body", f"the body {error}") from None


def _is_json(header: str) -> bool:
    kind, _, parameters = header.partition(";")
    return kind.strip().lower() == JSON and parameters.strip().lower() in ("", "charset=utf-8", 'charset="utf-8"')
