"""Redaction: have less be seen of a message; and, for admins, read what it said, and erase it for good."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from holdall_server import models
from holdall_server.api.edits import MESSAGE_PATH
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import fields_of, take
from holdall_server.conditions import etag, expected
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Body, Policy, Table, Told

__all__ = ["TABLE"]

TABLE = Table()
_STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class TextSpan(BaseModel):
    """Some characters of a text in a message's content."""

    model_config = _STRICT
    at: Annotated[str, Field(pattern="^/content(?:/.*)?$")]
    """A JSON Pointer: `/content`, or `/content/0/text`."""
    start: Annotated[int, Field(ge=0)]
    stop: Annotated[int, Field(ge=1)]


class Redact(BaseModel):
    """What is to be redacted; without `parts` and `spans` all that the message says."""

    model_config = _STRICT
    parts: list[Annotated[int, Field(ge=0)]] = []
    """Numbers of parts in its content, from 0."""
    spans: list[TextSpan] = []
    reason: Annotated[str, Field(max_length=1000)] | None = None


class KeptView(BaseModel):
    """What a message said, or the record that it was imported from."""

    message: str
    at: models.Milliseconds
    by: str
    """Who redacted it."""
    reason: str | None
    kind: str
    said: Any


class KeptList(BaseModel):
    """What a message said before it was redacted, the newest first."""

    items: list[KeptView]


class Purge(BaseModel):
    """What is to be erased: a message, or a branch that was deleted; without either the session."""

    model_config = _STRICT
    message: models.MessageId | None = None
    branch: models.BranchName | None = None


class PurgedView(BaseModel):
    """What was erased, and whether anything may be left of it."""

    messages: int
    """How many messages were erased now."""
    checked: list[str]
    """What has nothing of before any more."""
    left: list[str]
    """What may still have some, and why; ask again when that is put right."""
    verified: bool
    """Whether nothing is left."""


@TABLE.add(
    "POST",
    f"{MESSAGE_PATH}/redact",
    policy=Policy.OWNER,
    body=Body((Redact,), required=False),
    guarded=True,
    answers={200: Told("The message as it is shown now.", (models.StoredMessage,), headers=("ETag",))},
)
async def redact_message(call: Call) -> Reply:
    """Put markers in the place of a message, or of some of it; its earlier versions go, too, and an imported original."""
    fields = dict(fields_of(call.body, Redact))
    asked: dict[str, Any] = {"parts": take(fields, "parts", list, []), "spans": take(fields, "spans", list, [])}
    asked["reason"] = take(fields, "reason", str)
    session, message = call.path["session"], call.path["message"]
    found = await call.store.redact(session, message, **asked, expect=await expected(call))
    return Reply(200, found.raw, {"ETag": etag(found.version)})


@TABLE.add(
    "GET",
    f"{MESSAGE_PATH}/redacted",
    policy=Policy.OWNER,
    answers={200: Told("What it said.", (KeptList,))},
)
async def get_redacted(call: Call) -> Reply:
    """Read what a message said before it was redacted; for admins."""
    found = await call.store.redacted(call.path["session"], call.path["message"])
    return json_reply({"items": [kept.as_dict() for kept in found]})


@TABLE.add(
    "POST",
    f"{SESSION_PATH}/purge",
    policy=Policy.OWNER,
    body=Body((Purge,), required=False),
    answers={200: Told("What was erased, and whether it is certain.", (PurgedView,))},
)
async def purge(call: Call) -> Reply:
    """Erase a message, a deleted branch or the session for good, and say whether anything is left; for admins."""
    fields = dict(fields_of(call.body, Purge))
    message, branch = take(fields, "message", str), take(fields, "branch", str)
    found = await call.store.purge(call.path["session"], message=message, branch=branch)
    call.service.forget()
    return json_reply(found.as_dict())
