"""Threads: list those of a session, and read one. Replying is appending with ``reply_to``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdall import Message, Page, Thread
from holdall_server import models
from holdall_server.api.pages import AROUND, page_reply
from holdall_server.api.parts import PARTS, whole
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Policy, Table, Told

__all__ = ["TABLE"]

TABLE = Table()
THREADS = f"{SESSION_PATH}/threads"


@TABLE.add(
    "GET",
    THREADS,
    policy=Policy.OWNER,
    query=AROUND,
    cached=True,
    answers={200: Told("A page of threads.", (models.ThreadPage,), headers=("ETag", "Link"))},
)
async def list_threads(call: Call) -> Reply:
    """List the threads of a session, in the order of their first replies: what each is about, and its latest reply."""

    async def read(asked: dict[str, Any]) -> tuple[Page[Thread], Iterable[bytes]]:
        page = await call.store.threads(call.path["session"], **asked)
        return page, [b'{"root":%b,"replies":%d,"last":%b}' % (one.root.raw, one.replies, one.last.raw) for one in page]

    return await page_reply(call, read)


@TABLE.add(
    "GET",
    f"{THREADS}/{{message}}",
    policy=Policy.OWNER,
    query=(*AROUND, PARTS),
    cached=True,
    answers={200: Told("A page of the thread.", (models.MessagePage,), headers=("ETag", "Link"))},
)
async def read_thread(call: Call) -> Reply:
    """Read the thread that a message is in: its root, and every reply to that and to its replies, oldest first."""

    async def read(asked: dict[str, Any]) -> tuple[Page[Message], Iterable[bytes]]:
        asked.pop("parts", None)
        page = await call.store.thread(call.path["session"], call.path["message"], **asked, whole=whole(call))
        return page, [one.raw for one in page]

    return await page_reply(call, read)
