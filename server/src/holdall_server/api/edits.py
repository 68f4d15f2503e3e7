"""Versions of messages: change one, list what it was, restore it."""

from __future__ import annotations

import msgspec

from holdall import Message
from holdall_server import models
from holdall_server.api.pages import LIMIT
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import fields_of, object_of, refuse_owned, take
from holdall_server.conditions import etag, expected, links, unless_seen
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Cursor
from holdall_server.problems import Problem

__all__ = ["MESSAGE_PATH", "TABLE"]

TABLE = Table()
MESSAGE_PATH = f"{SESSION_PATH}/messages/{{message}}"
EDITED = Told("The message's newest version.", (models.StoredMessage,), headers=("ETag",))


def _reply(message: Message) -> Reply:
    return Reply(200, message.raw, {"ETag": etag(message.version)})


@TABLE.add(
    "PATCH",
    MESSAGE_PATH,
    policy=Policy.OWNER,
    body=Body((models.MessageChanges,)),
    guarded=True,
    answers={200: EDITED},
)
async def edit_message(call: Call) -> Reply:
    """Change fields of a message, whole; null takes one away. Its earlier versions are kept."""
    changes = object_of(call.body)
    refuse_owned(changes, "id", "created_at", "edited", "redacted")
    session, message = call.path["session"], call.path["message"]
    return _reply(await call.store.edit(session, message, changes, expect=await expected(call)))


@TABLE.add(
    "GET",
    f"{MESSAGE_PATH}/versions",
    policy=Policy.OWNER,
    query=(LIMIT, Cursor("cursor", "The `next` of the page before.")),
    cached=True,
    answers={200: Told("A page of versions.", (models.MessagePage,), headers=("ETag", "Link"))},
)
async def list_versions(call: Call) -> Reply:
    """Read every version of a message, the newest first."""
    limit = call.query.get("limit", call.service.settings.server.page)
    session, message = call.path["session"], call.path["message"]
    page = await call.store.versions(session, message, limit=limit, cursor=call.query.get("cursor"))
    items = b",".join(version.raw for version in page)
    reply = Reply(200, b'{"items":[%b],"next":%b,"previous":null}' % (items, msgspec.json.encode(page.next)))
    link = links(call, next=None if page.next is None else {"cursor": page.next})
    if link is not None:
        reply.headers["Link"] = link
    return unless_seen(call, page.version, reply)


@TABLE.add(
    "POST",
    f"{MESSAGE_PATH}/restore",
    policy=Policy.OWNER,
    body=Body((models.RestoreVersion,)),
    guarded=True,
    answers={200: EDITED},
)
async def restore_version(call: Call) -> Reply:
    """Make an earlier version of a message the newest again; it becomes a version of its own."""
    version = take(dict(fields_of(call.body, models.RestoreVersion, owned=())), "version", int)
    if version is None:
        raise Problem(422, "invalid", "is missing", pointer="/version")
    session, message = call.path["session"], call.path["message"]
    return _reply(await call.store.restore_version(session, message, version, expect=await expected(call)))
