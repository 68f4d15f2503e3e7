"""Searching messages: in a session, and in all that the caller may see."""

from __future__ import annotations

from typing import Any, get_args

from holdall.sessions.names import Role
from holdall_server.api.pages import LIMIT
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.conditions import links
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Policy, Table, Told
from holdall_server.parameters import Choice, Cursor, Parameter, Text, Time, Values
from holdall_server.search_models import MatchPage

__all__ = ["TABLE"]

TABLE = Table()
MESSAGE: tuple[Parameter, ...] = (
    Text(
        "q", 'What to look for: words, "phrases", beginnings*. Every message that meets the filters when absent.', 1000
    ),
    Choice("role", "Only what they said.", get_args(Role)),
    Text("tool", "Only messages that call this tool."),
    Values("metadata", "Only messages whose metadata has these values: a JSON object."),
    Time("since", "Only what was said then or later: milliseconds since 1970, UTC."),
    Time("until", "Only what was said before then."),
    Choice("order", "The newest first, or the best of the newest 10,000.", ("newest", "best")),
    LIMIT,
    Cursor("cursor", "The `next` of the page before."),
)
SESSIONS: tuple[Parameter, ...] = (
    Text("owner", "For admins: whose sessions; all when absent."),
    Text("project", "Only sessions of this project."),
    Text("tag", "Only sessions with this tag."),
)
ANSWERS = {200: Told("Messages that were found.", (MatchPage,), headers=("Link",))}


async def _found(call: Call, **session: Any) -> Reply:
    asked: dict[str, Any] = {"limit": call.service.settings.server.page, **call.query}
    page = await call.store.search(asked.pop("q", None), **asked, **session)
    items = [match.as_dict() for match in page.items]
    reply = json_reply({"items": items, "next": page.next, "previous": None, "complete": page.complete})
    link = links(call, next=None if page.next is None else {"cursor": page.next})
    if link is not None:
        reply.headers["Link"] = link
    return reply


@TABLE.add("GET", "/api/search", policy=Policy.OWNER, query=(*MESSAGE, *SESSIONS), answers=ANSWERS)
async def search_messages(call: Call) -> Reply:
    """Find messages in all sessions that the caller may see."""
    return await _found(call)


@TABLE.add("GET", f"{SESSION_PATH}/search", policy=Policy.OWNER, query=MESSAGE, answers=ANSWERS)
async def search_session(call: Call) -> Reply:
    """Find messages in a session."""
    return await _found(call, session=call.path["session"])
