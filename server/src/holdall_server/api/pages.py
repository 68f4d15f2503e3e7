"""Pages of records: stored bytes go out as they are, between brackets, and are kept until their session changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from holdall import Page
from holdall_server.conditions import links, unless_seen
from holdall_server.exchange import Call, Reply
from holdall_server.parameters import Cursor, Limit, Parameter
from holdall_server.rendered import Rendered

__all__ = ["AROUND", "LIMIT", "page_reply"]

Read = Callable[[dict[str, Any]], Awaitable[tuple[Page[Any], Iterable[bytes]]]]
"""From what is asked, with a limit, to the page and its items as JSON."""

LIMIT = Limit("limit", "How many items at most.")
AROUND: tuple[Parameter, ...] = (
    LIMIT,
    Cursor("before", "Items before this cursor or id."),
    Cursor("after", "Items after this cursor or id; not together with `before`."),
)


async def page_reply(call: Call, read: Read) -> Reply:
    """The page that ``call`` asks for: as it was sent before, if its session is still at that version; else ``read``.

    The store is asked for the version each time, as the caller, so that nobody gets a page that is not theirs to see.
    """
    pages, name = call.service.pages, (call.target, *call.query.items())
    kept = pages.get(name)
    if kept is None or kept.version != await call.store.version(call.path["session"]):
        page, items = await read({"limit": call.service.settings.server.page, **call.query})
        kept = _rendered(call, page, items)
        pages.put(name, kept, kept.weight)
    return unless_seen(call, kept.version, kept.reply())


def _rendered(call: Call, page: Page[Any], items: Iterable[bytes]) -> Rendered:
    following, preceding = page.next, page.previous
    body = b'{"items":[%b],"next":%b,"previous":%b}' % (b",".join(items), _json(following), _json(preceding))
    link = links(
        call,
        next=None if following is None else {"after": following, "before": None},
        prev=None if preceding is None else {"before": preceding, "after": None},
    )
    return Rendered(page.version, body, link)


def _json(cursor: str | None) -> bytes:
    return b"null" if cursor is None else msgspec.json.encode(cursor)
