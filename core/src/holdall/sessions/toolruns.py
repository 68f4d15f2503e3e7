"""The tool execution log: one record a run, finished at once or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from holdall.contract import Lane, Span
from holdall.errors import Conflict, Invalid, NotFound
from holdall.sessions.appending import check_version, check_writable
from holdall.sessions.engine import Engine, View
from holdall.sessions.history import page_of, span_of
from holdall.sessions.inputs import json_size, validated
from holdall.sessions.models import ToolRunEnd
from holdall.sessions.names import TOOLS, tool_run_id, tool_run_position
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Page, ToolRun

__all__ = ["finish", "tool_run", "tool_runs"]

_EXAMINED = 2000
"""The most runs that one filtered page looks at; its cursor goes on from there."""


async def tool_runs(  # noqa: PLR0913 - each is a thing that a caller may ask
    engine: Engine,
    session: str,
    limit: int,
    before: str | None,
    after: str | None,
    *,
    tool: str | None = None,
    status: str | None = None,
) -> tuple[State, Page[ToolRun]]:
    """A page of the log, oldest first; see ``Store.tool_runs``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    around = (
        None if before is None else tool_run_position(before),
        None if after is None else tool_run_position(after),
    )
    if tool is None and status is None:
        span = span_of(TOOLS, limit, around)
        view = await engine.view(session, span)
        return view.state, page_of(view, span, ToolRun, tool_run_id)
    span = span_of(TOOLS, _EXAMINED, around)
    view = await engine.view(session, span)

    def wanted(run: ToolRun) -> bool:
        return (tool is None or run.tool == tool) and (status is None or run.status == status)

    return view.state, _filtered(view, span, limit, wanted, forwards=after is not None)


def _filtered(
    view: View, span: Span, limit: int, wanted: Callable[[ToolRun], bool], *, forwards: bool
) -> Page[ToolRun]:
    """The first ``limit`` wanted runs of ``span`` from the end that the reader comes from."""
    everything = page_of(view, span, ToolRun, tool_run_id)
    found = [run for run in everything.items if wanted(run)]
    if len(found) <= limit:
        return Page(found, everything.next, everything.previous, everything.version)
    if forwards:
        items = found[:limit]
        return Page(items, items[-1].id, everything.previous, everything.version)
    items = found[-limit:]
    return Page(items, everything.next, items[0].id, everything.version)


async def tool_run(engine: Engine, session: str, name: str) -> tuple[State, ToolRun]:
    """The run called ``name``."""
    position = tool_run_position(name)
    span = Span(TOOLS, position, position + 1)
    view = await engine.view(session, span)
    found = view.run(span)
    if not found:
        raise NotFound("tool run", name)
    return view.state, ToolRun(found[0], view.state.head.changed)


async def finish(engine: Engine, session: str, name: str, end: dict[str, Any], expect: int | None = None) -> ToolRun:
    """Record how a running tool ended."""
    position = tool_run_position(name)
    fields = validated(ToolRunEnd, end).model_dump(exclude_unset=True)
    fields.setdefault("status", "succeeded")
    json_size(fields, "")
    while True:
        state, run = await tool_run(engine, session, name)
        check_version(state, expect)
        if run.status != "running":
            raise Invalid(f"the tool run has {run.status} already", pointer="/status")
        duration = engine.clock.now() / 1000 - run["started_at"]
        record = msgspec.json.encode({**run.fields, "duration_ms": max(duration, 0), **fields})
        try:
            after, _ = await engine.change(session, _rewriting(position, record, run, state, expect))
        except Conflict:
            continue
        return ToolRun(record, after.head.changed)


def _rewriting(
    position: int, record: bytes, run: ToolRun, seen: State, expect: int | None
) -> Callable[[State, int], Any]:
    rewritten = seen.head.lanes.get(TOOLS, Lane()).rewritten

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        lane = state.head.lanes.get(TOOLS, Lane())
        if lane.rewritten != rewritten or position < lane.first:
            raise Conflict("the tool log", expected=rewritten, found=lane.rewritten)
        step = SessionStep.on(state, now, active=True)
        step.rewrite(TOOLS, position, record)
        step.size += len(record) - len(run.raw)
        return step, None

    return decide
