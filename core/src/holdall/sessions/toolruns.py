"""The tool execution log: one record a run, finished at once or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdall.contract import Lane
from holdall.errors import Conflict, Invalid, NotFound, TooLarge
from holdall.sessions.appending import check_size, check_version, check_writable
from holdall.sessions.engine import Engine
from holdall.sessions.history import around, page_of, reading, record_at, span_of
from holdall.sessions.inputs import as_json
from holdall.sessions.names import TOOLS, tool_run_id, tool_run_position
from holdall.sessions.reader import Check, Part
from holdall.sessions.state import SessionStep, State
from holdall.sessions.views import Page, ToolRun

__all__ = ["finish", "tool_run", "tool_runs"]

_EXAMINED = 2000
"""The most runs that one filtered page looks at; its cursor goes on from there."""


async def tool_runs(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine,
    session: str,
    limit: int,
    before: str | None,
    after: str | None,
    check: Check,
    *,
    tool: str | None = None,
    status: str | None = None,
) -> Page[ToolRun]:
    """A page of the log, oldest first; see ``Store.tool_runs``."""
    place = around(before, after, tool_run_position)
    filtered = tool is not None or status is not None
    span = span_of(TOOLS, _EXAMINED if filtered else limit, place)
    part = await reading(engine, session, span, place, check)
    if not filtered:
        return page_of(part, ToolRun, tool_run_id)

    def wanted(run: ToolRun) -> bool:
        return (tool is None or run.tool == tool) and (status is None or run.status == status)

    return _filtered(part, limit, wanted, forwards=after is not None)


def _filtered(part: Part, limit: int, wanted: Callable[[ToolRun], bool], *, forwards: bool) -> Page[ToolRun]:
    """The first ``limit`` wanted runs of a part from the end that the reader comes from."""
    everything = page_of(part, ToolRun, tool_run_id)
    found = [run for run in everything.items if wanted(run)]
    if len(found) <= limit:
        return Page(found, everything.next, everything.previous, everything.version)
    if forwards:
        items = found[:limit]
        return Page(items, items[-1].id, everything.previous, everything.version)
    items = found[-limit:]
    return Page(items, everything.next, items[0].id, everything.version)


async def tool_run(engine: Engine, session: str, name: str, check: Check) -> ToolRun:
    """The run called ``name``."""
    return (await _run_at(engine, session, name, check))[1]


async def _run_at(engine: Engine, session: str, name: str, check: Check) -> tuple[State, ToolRun]:
    state, raw = await record_at(engine, session, TOOLS, tool_run_position(name), check)
    if raw is None:
        raise NotFound("tool run", name)
    return state, ToolRun(raw, state.head.changed)


async def finish(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may say
    engine: Engine, session: str, name: str, end: dict[str, Any], expect: int | None, check: Check
) -> tuple[State, ToolRun]:
    """Record how a running tool ended; the state that this leaves, and the run."""
    from holdall.sessions.validation import ToolRunEnd, validated  # noqa: PLC0415 - reading needs no pydantic

    position = tool_run_position(name)
    fields = {"status": validated(ToolRunEnd, end).status, **end}
    as_json(fields)
    while True:
        seen, run = await _run_at(engine, session, name, check)
        check_version(seen, expect)
        if run.status != "running":
            raise Invalid(f"the tool run has {run.status} already", pointer="/status")
        duration = engine.clock.now() / 1000 - run["started_at"]
        record = as_json({**run.fields, "duration_ms": max(duration, 0), **fields})
        if len(record) > engine.policy.max_message_bytes:
            raise TooLarge("a tool run (bytes)", limit=engine.policy.max_message_bytes, actual=len(record))
        try:
            state, _ = await engine.change(session, _rewriting(engine, position, record, run, seen, expect))
        except Conflict:
            continue
        return state, ToolRun(record, state.head.changed)


def _rewriting(  # noqa: PLR0913, PLR0917 - one place, before and after
    engine: Engine, position: int, record: bytes, run: ToolRun, seen: State, expect: int | None
) -> Callable[[State, int], Any]:
    rewritten = seen.head.lanes.get(TOOLS, Lane()).rewritten

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check_writable(state, expect)
        lane = state.head.lanes.get(TOOLS, Lane())
        if lane.rewritten != rewritten or position < lane.first:
            raise Conflict("the tool log", expected=rewritten, found=lane.rewritten)
        step = SessionStep.on(state, now, active=True)
        step.rewrite(TOOLS, position, record)
        step.tell("finished", TOOLS, position, position + 1)
        step.size += len(record) - len(run.raw)
        check_size(step.size, engine.policy)
        return step, None

    return decide
