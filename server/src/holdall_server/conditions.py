"""The headers that make a request conditional: ETag, If-Match, If-None-Match, Idempotency-Key, and Link."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from holdall_server.exchange import Call, Reply
from holdall_server.problems import Problem

__all__ = ["KEY", "TAGS", "etag", "expected", "idempotency_key", "links", "unless_seen"]

KEY = r"[!-~]{1,200}"
TAGS = r'(?:W/)?"[!#-~]*"(?:[ \t]*,[ \t]*(?:W/)?"[!#-~]*")*'
_TAG = re.compile(r'(W/)?"([!#-~]*)"')
_LIST = re.compile(TAGS)
_VERSION = re.compile(r"[1-9][0-9]{0,18}")
_KEY = re.compile(KEY)
_NEVER = -1
"""A version that no session has."""


def etag(version: int | str | None) -> str:
    """The entity tag of a session at ``version``, or of a part with a hash."""
    return f'"{version}"'


async def expected(call: Call) -> int | None:
    """The version that must still stand, by If-Match; raises ``Problem`` where one is demanded and none is given."""
    header = call.headers.get("if-match")
    if header is None:
        if call.operation.guarded and call.service.settings.server.require_if_match:
            raise Problem(428, "precondition-required", "send If-Match with the session's ETag")
        return None
    if header.strip() == "*":
        return None
    versions = [_strong(weak, tag) for weak, tag in _tags(header, "If-Match")]
    if len(versions) == 1:
        return versions[0]
    current = (await call.store.get(call.path["session"])).version
    return current if current in versions else _NEVER


def unless_seen(call: Call, version: int | str | None, reply: Reply) -> Reply:
    """``reply`` with its ETag, or 304 when If-None-Match says that the client has it already."""
    tag = reply.headers["ETag"] = etag(version)
    header = call.headers.get("if-none-match")
    if header is None:
        return reply
    if header.strip() == "*" or any(f'"{found}"' == tag for _, found in _tags(header, "If-None-Match")):
        return Reply(304, headers={"ETag": tag}, media=None)
    return reply


def idempotency_key(call: Call) -> str | None:
    """The caller's name for this very request."""
    key = call.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "malformed-header", "Idempotency-Key has 1 to 200 visible ASCII characters")
    return key


def links(call: Call, **cursors: Mapping[str, Any] | None) -> str | None:
    """The Link header: for each relation the query parameters that lead there, over those of this request."""
    parts: list[str] = []
    for relation, changes in cursors.items():
        if changes is not None:
            query = {name: value for name, value in {**call.query, **changes}.items() if value is not None}
            parts.append(f'<{call.target}?{urlencode(query)}>; rel="{relation}"')
    return ", ".join(parts) or None


def _tags(header: str, name: str) -> list[tuple[str, str]]:
    if not _LIST.fullmatch(header.strip()):
        raise Problem(400, "malformed-header", f"{name} is * or a list of quoted entity tags")
    return _TAG.findall(header)


def _strong(weak: str, tag: str) -> int:
    return int(tag) if not weak and _VERSION.fullmatch(tag) else _NEVER
