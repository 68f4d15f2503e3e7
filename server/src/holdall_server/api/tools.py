"""The tool execution log."""

from __future__ import annotations

from typing import Any

from holdall import Invalid, Page, ToolRun
from holdall.sessions.models import NewToolRun, ToolRunEnd
from holdall_server import models
from holdall_server.api.messages import appended_headers
from holdall_server.api.pages import AROUND, page_reply
from holdall_server.api.sessions import SESSION_PATH
from holdall_server.bodies import alone, fields_of
from holdall_server.conditions import etag, expected, idempotency_key
from holdall_server.exchange import Call, Reply
from holdall_server.operations import Body, Policy, Table, Told
from holdall_server.parameters import Choice, Text

__all__ = ["TABLE"]

TABLE = Table()
TOOLS = f"{SESSION_PATH}/tools"


@TABLE.add(
    "GET",
    TOOLS,
    policy=Policy.OWNER,
    query=(
        Text("tool", "Only runs of this tool."),
        Choice("status", "Only runs in this state.", ("running", "succeeded", "failed")),
        *AROUND,
    ),
    cached=True,
    answers={200: Told("A page of tool runs.", (models.ToolRunPage,), headers=("ETag", "Link"))},
)
async def list_tool_runs(call: Call) -> Reply:
    """Read a page of the tool log, oldest first: the latest, or those around a cursor."""

    async def read(asked: dict[str, Any]) -> tuple[Page[ToolRun], list[bytes]]:
        page = await call.store.tool_runs(call.path["session"], **asked)
        return page, [run.raw for run in page.items]

    return await page_reply(call, read)


@TABLE.add(
    "POST",
    TOOLS,
    policy=Policy.OWNER,
    body=Body((NewToolRun,)),
    conditional=True,
    idempotent=True,
    answers={
        201: Told("The run as stored.", (models.StoredToolRun,), headers=("ETag", "Idempotent-Replayed")),
    },
)
async def log_tool_run(call: Call) -> Reply:
    """Log a tool run, finished or to be finished later."""
    fields = fields_of(call.body, NewToolRun, owned=("id",))
    session, key = call.path["session"], idempotency_key(call)
    try:
        appended = await call.store.append(session, (), tools=[fields], key=key, expect=await expected(call))
    except Invalid as error:
        raise alone(error, "/tools/0") from None
    return Reply(201, appended.tools[0].raw, appended_headers(appended))


@TABLE.add(
    "PATCH",
    f"{TOOLS}/{{run}}",
    policy=Policy.OWNER,
    body=Body((ToolRunEnd,)),
    guarded=True,
    answers={200: Told("The run, finished.", (models.StoredToolRun,), headers=("ETag",))},
)
async def finish_tool_run(call: Call) -> Reply:
    """Record how a running tool ended."""
    end = fields_of(call.body, ToolRunEnd)
    expect = await expected(call)
    run = await call.store.finish_tool_run(call.path["session"], call.path["run"], expect=expect, **end)
    return Reply(200, run.raw, {"ETag": etag(run.version)})
