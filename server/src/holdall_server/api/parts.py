"""Large parts: what is too large to lie in a message, by the hash of its content."""

from __future__ import annotations

import re

from pydantic import BaseModel

from holdall import LargePart
from holdall_server import models
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.conditions import unless_seen
from holdall_server.exchange import Call, Reply, json_reply
from holdall_server.operations import Policy, Table, Told
from holdall_server.parameters import Choice
from holdall_server.problems import MEDIA, Problem

__all__ = ["PARTS", "TABLE", "whole"]

TABLE = Table()
_PATH = f"{SESSION_PATH}/parts"
_TEXT = "text/plain; charset=utf-8"
_RANGE = re.compile(r"bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))")
PARTS = Choice("parts", "Large parts in their places, as without this, or references to them.", ("whole", "reference"))


def whole(call: Call) -> bool:
    """Whether messages are wanted with their large parts."""
    return call.query.get("parts") != "reference"


class PartView(BaseModel):
    """A large part."""

    hash: str
    bytes: int
    references: int
    """How often it is referred to, by messages and by their earlier versions."""


class PartList(BaseModel):
    """The large parts of a session."""

    items: list[PartView]


@TABLE.add("GET", _PATH, policy=Policy.OWNER, answers={200: Told("Every large part.", (PartList,))})
async def list_parts(call: Call) -> Reply:
    """List the large parts of a session, with how often each is referred to."""
    found = await call.store.parts(call.path["session"])
    return json_reply({"items": [part.as_dict() for part in found]})


@TABLE.add(
    "GET",
    f"{_PATH}/{{part}}",
    policy=Policy.OWNER,
    cached=True,
    answers={
        200: Told("Its bytes: the text, or the JSON of the value.", media=("text/plain",), headers=("ETag",)),
        206: Told("Some of its bytes.", media=("text/plain",), headers=("ETag", "Content-Range")),
        416: Told("There are no such bytes.", (models.ProblemDetails,), (MEDIA,), ("Content-Range",)),
    },
)
async def get_part(call: Call) -> Reply:
    """Read a large part by its hash, streamed; with `Range`, one range of its bytes."""
    part = await call.store.part(call.path["session"], call.path["part"])
    asked = _asked(call, part)
    if asked is None:
        return unless_seen(call, part.hash, Reply(200, media=_TEXT, stream=part.stream()))
    start, stop = asked
    reply = Reply(206, media=_TEXT, stream=part.stream(start, stop))
    reply.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{part.size}"
    return unless_seen(call, part.hash, reply)


def _asked(call: Call, part: LargePart) -> tuple[int, int] | None:
    """The range of bytes that is asked for; ``None`` for all of them, also where several ranges are."""
    found, condition = _RANGE.fullmatch(call.headers.get("range", "")), call.headers.get("if-range")
    if found is None or (condition is not None and condition != f'"{part.hash}"'):
        return None
    first, last, most = (None if text is None else int(text) for text in found.groups())
    start = max(part.size - (most or 0), 0) if first is None else first
    stop = part.size if last is None else min(last + 1, part.size)
    if start >= stop:
        headers = {"Content-Range": f"bytes */{part.size}"}
        raise Problem(416, "range-not-satisfiable", f"it has {part.size} bytes", headers=headers)
    return start, stop
