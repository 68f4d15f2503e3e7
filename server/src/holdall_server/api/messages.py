"""The conversation: append, read by page, read one, clear; and the records that imports kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from holdall import Invalid, Message, Page
from holdall.sessions.appending import Appended
from holdall.sessions.models import NewMessage, NewToolRun
from holdall.sessions.names import Role
from holdall_server import models
from holdall_server.api.pages import AROUND, LIMIT, page_reply
from holdall_server.api.parts import PARTS, whole
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import alone, fields_of, object_of, refuse_owned, take
from holdall_server.conditions import etag, expected, idempotency_key, unless_seen
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Bound, Choice, Number, Text, Values
from holdall_server.problems import Problem

__all__ = ["TABLE", "appended_headers"]

TABLE = Table()
HISTORY = f"{SESSION_PATH}/history"
BRANCH = Text("branch", "Which branch; when absent, the current one, up to where it was reverted to.", most=40)


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/messages",
    policy=Policy.OWNER,
    query=(BRANCH,),
    body=Body((NewMessage, models.Batch)),
    conditional=True,
    idempotent=True,
    answers={
        201: Told(
            "The message as stored; for a batch, all that was stored.",
            (models.StoredMessage, models.Appended),
            headers=("ETag", "Location", "Idempotent-Replayed"),
        )
    },
)
async def append_messages(call: Call) -> Reply:
    """Append one message, or messages, tool runs and originals in one atomic step."""
    body = object_of(call.body)
    if "role" not in body and _is_batch(body):
        return await _append_batch(call, body)
    if "id" in body:
        refuse_owned(body, "id")
    headers, session = call.headers, call.path["session"]
    key = idempotency_key(call) if "idempotency-key" in headers else None
    expect = await expected(call) if "if-match" in headers else None
    try:
        appended = await call.store.append(session, (body,), key=key, expect=expect, branch=call.query.get("branch"))
    except Invalid as error:
        raise alone(error, "/messages/0") from None
    message, told = appended.messages[0], appended_headers(appended)
    told["Location"] = f"/api/sessions/{session}/messages/{message.id}"
    return Reply(201, message.raw, told)


def _is_batch(body: dict[str, Any]) -> bool:
    """Whether what has no role is meant as one: what has no field of a message can only be one that is misspelt."""
    meant = "messages" in body or "tools" in body or "originals" in body
    return meant or (bool(body) and NewMessage.model_fields.keys().isdisjoint(body))


async def _append_batch(call: Call, body: dict[str, Any]) -> Reply:
    fields = dict(fields_of(body, models.Batch))
    parts: list[Sequence[Any]] = [take(fields, name, list, []) or [] for name in ("messages", "tools", "originals")]
    messages, tools, originals = parts
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            refuse_owned(message, "id", at=f"/messages/{index}")  # pyright: ignore[reportUnknownArgumentType]
    for index, run in enumerate(tools):
        if isinstance(run, dict):
            fields_of(run, NewToolRun, owned=("id",), at=f"/tools/{index}")
    for index, original in enumerate(originals):
        if not isinstance(original, str):
            raise Problem(422, "invalid", "must be a string", pointer=f"/originals/{index}")
    appended = await call.store.append(
        call.path["session"],
        messages,
        tools=tools,
        originals=originals,
        key=idempotency_key(call),
        expect=await expected(call),
        branch=call.query.get("branch"),
    )
    stored = b'{"messages":[%b],"tools":[%b],"version":%d}' % (
        b",".join(message.raw for message in appended.messages),
        b",".join(run.raw for run in appended.tools),
        appended.state.head.changed,
    )
    return Reply(201, stored, appended_headers(appended))


def appended_headers(appended: Appended) -> dict[str, str]:
    """The session's ETag after an append, and whether the append was a repeat."""
    told = {"ETag": etag(appended.state.head.changed)}
    if appended.replayed:
        told["Idempotent-Replayed"] = "true"
    return told


@TABLE.add(
    "GET",
    HISTORY,
    policy=Policy.OWNER,
    query=(
        *AROUND,
        BRANCH,
        Choice("role", "Only what they said.", get_args(Role)),
        Text("tool", "Only messages that call this tool."),
        Values("metadata", "Only messages whose metadata has these values: a JSON object."),
        Bound(
            "since", "Only what was said then or later: milliseconds since 1970, UTC; or after the message of this id."
        ),
        Bound("until", "Only what was said before then, or before the message of this id."),
        PARTS,
    ),
    cached=True,
    answers={200: Told("A page of messages.", (models.MessagePage,), headers=("ETag", "Link"))},
)
async def get_history(call: Call) -> Reply:
    """Read a page of messages, oldest first. One that is asked by what they are may be short, and still go on."""

    async def read(asked: dict[str, Any]) -> tuple[Page[Message], list[bytes]]:
        asked.pop("parts", None)
        page = await call.store.history(call.path["session"], **asked, whole=whole(call))
        return page, [message.raw for message in page.items]

    return await page_reply(call, read)


@TABLE.add(
    "DELETE",
    HISTORY,
    policy=Policy.OWNER,
    guarded=True,
    answers={200: Told("How many messages were erased.", (models.Cleared,))},
)
async def clear_history(call: Call) -> Reply:
    """Erase the messages, originals, tool runs and branches of a session."""
    return json_reply({"cleared": await call.store.clear(call.path["session"], expect=await expected(call))})


@TABLE.add(
    "GET",
    f"{SESSION_PATH}/messages/{{message}}",
    policy=Policy.OWNER,
    query=(PARTS,),
    cached=True,
    answers={200: Told("The message.", (models.StoredMessage,), headers=("ETag",))},
)
async def get_message(call: Call) -> Reply:
    """Read one message."""
    message = await call.store.message(call.path["session"], call.path["message"], whole=whole(call))
    return unless_seen(call, message.version, Reply(200, message.raw))


@TABLE.add(
    "GET",
    f"{SESSION_PATH}/originals",
    policy=Policy.OWNER,
    query=(
        LIMIT,
        Number("before", "Records before this position."),
        Number("after", "Records after this position; not together with `before`."),
    ),
    cached=True,
    answers={200: Told("A page of records.", (models.OriginalPage,), headers=("ETag", "Link"))},
)
async def get_originals(call: Call) -> Reply:
    """Read a page of the records that an import kept verbatim, oldest first."""

    async def read(asked: dict[str, Any]) -> tuple[Page[str], list[bytes]]:
        page = await call.store.originals(call.path["session"], **asked)
        return page, [msgspec.json.encode(record) for record in page.items]

    return await page_reply(call, read)
