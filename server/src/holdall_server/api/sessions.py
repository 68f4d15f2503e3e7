"""Sessions: list, create, read, change, delete."""

from __future__ import annotations

from typing import Any

import msgspec

from holdall import Session
from holdall.sessions.models import SessionChanges
from holdall_server.api.pages import LIMIT
from holdall_server.bodies import fields_of, refuse_owned, take
from holdall_server.conditions import etag, expected, idempotency_key, links, unless_seen
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.models import CreateSession, SessionPage, SessionView
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Choice, Cursor, Text

__all__ = ["SESSION", "SESSION_PATH", "TABLE", "session_reply"]

TABLE = Table()
SESSION_PATH = "/api/sessions/{session}"
SESSION = Told("The session.", (SessionView,), headers=("ETag",))


def session_reply(session: Session, status: int = 200, **headers: str) -> Reply:
    """A session, with its ETag."""
    return json_reply(session.as_dict(), status, ETag=etag(session.version), **headers)


@TABLE.add(
    "GET",
    "/api/sessions",
    policy=Policy.OWNER,
    query=(
        Text("owner", "For admins: whose sessions; all when absent."),
        Text("project", "Only those of this project."),
        Choice("status", "Only those in this state.", ("active", "ended")),
        Text("tag", "Only those with this tag."),
        LIMIT,
        Cursor("cursor", "The `next` of the page before."),
    ),
    answers={200: Told("A page of sessions.", (SessionPage,), headers=("Link",))},
)
async def list_sessions(call: Call) -> Reply:
    """List sessions, most recently active first."""
    limit = call.query.get("limit", call.service.settings.server.page)
    page = await call.store.list(**{**call.query, "limit": limit})
    items = [session.as_dict() for session in page.items]
    reply = json_reply({"items": items, "next": page.next, "previous": page.previous})
    link = links(call, next=None if page.next is None else {"cursor": page.next})
    if link is not None:
        reply.headers["Link"] = link
    return reply


@TABLE.add(
    "POST",
    "/api/sessions",
    policy=Policy.OWNER,
    body=Body((CreateSession,), required=False),
    idempotent=True,
    answers={
        200: Told("The session that has this `key` already.", (SessionView,), headers=("ETag",)),
        201: Told("The new session.", (SessionView,), headers=("ETag", "Location", "Idempotent-Replayed")),
    },
)
async def create_session(call: Call) -> Reply:
    """Create a session, with its first messages if there are any."""
    fields = dict(fields_of(call.body, CreateSession))
    if call.principal is None or not call.principal.admin:
        refuse_owned(fields, "owner")
    owner, key = take(fields, "owner", str), take(fields, "key", str)
    messages: list[Any] = take(fields, "messages", list, []) or []
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            refuse_owned(message, "id", at=f"/messages/{index}")  # pyright: ignore[reportUnknownArgumentType]
    once = idempotency_key(call)
    if key is not None:
        session = await call.store.get_or_create(owner=owner, key=key, messages=messages, **fields)
        return session_reply(session, 201 if session.new else 200, Location=f"/api/sessions/{session.id}")
    session = await call.store.create(owner=owner, messages=messages, idempotency_key=once, **fields)
    reply = session_reply(session, 201, Location=f"/api/sessions/{session.id}")
    if not session.new:
        reply.headers["Idempotent-Replayed"] = "true"
    return reply


@TABLE.add(
    "GET",
    SESSION_PATH,
    policy=Policy.OWNER,
    cached=True,
    answers={200: SESSION},
)
async def get_session(call: Call) -> Reply:
    """Read a session."""
    session = await call.store.get(call.path["session"])
    return unless_seen(call, session.version, Reply(200, msgspec.json.encode(session.as_dict())))


@TABLE.add(
    "PATCH",
    SESSION_PATH,
    policy=Policy.OWNER,
    body=Body((SessionChanges,)),
    guarded=True,
    answers={200: SESSION},
)
async def update_session(call: Call) -> Reply:
    """Change project, title, tags, metadata or ttl; absent fields stay."""
    changes = fields_of(call.body, SessionChanges)
    return session_reply(await call.store.update(call.path["session"], expect=await expected(call), **changes))


@TABLE.add(
    "DELETE",
    SESSION_PATH,
    policy=Policy.OWNER,
    guarded=True,
    answers={204: Told("The session and its content are deleted.", media=())},
)
async def delete_session(call: Call) -> Reply:
    """Delete a session and its content."""
    await call.store.delete(call.path["session"], expect=await expected(call))
    return Reply(204, media=None)
