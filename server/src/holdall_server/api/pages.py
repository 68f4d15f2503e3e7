"""Pages of records: stored bytes go out as they are, between brackets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from holdall import Page
from holdall_server.conditions import links, unless_seen
from holdall_server.exchange import Call, Reply
from holdall_server.parameters import Cursor, Limit, Parameter

__all__ = ["AROUND", "LIMIT", "page_reply"]

LIMIT = Limit("limit", "How many items at most.")
AROUND: tuple[Parameter, ...] = (
    LIMIT,
    Cursor("before", "Items before this cursor or id."),
    Cursor("after", "Items after this cursor or id; not together with `before`."),
)


def page_reply(call: Call, page: Page[Any], items: Iterable[bytes]) -> Reply:
    """``page``, whose items as JSON are ``items``, with the cursors around it."""
    following, preceding = page.next, page.previous
    body = b'{"items":[%b],"next":%b,"previous":%b}' % (b",".join(items), _json(following), _json(preceding))
    reply = Reply(200, body)
    if following is not None or preceding is not None:
        link = links(
            call,
            next=None if following is None else {"after": following, "before": None},
            prev=None if preceding is None else {"before": preceding, "after": None},
        )
        reply.headers["Link"] = link or ""
    return unless_seen(call, page.version, reply)


def _json(cursor: str | None) -> bytes:
    return b"null" if cursor is None else msgspec.json.encode(cursor)
