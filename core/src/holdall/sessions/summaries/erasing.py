"""Taking the words out of summaries that stand for a message which is purged: no byte of it may be left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from holdall.contract import Lane, Span
from holdall.errors import Conflict, Damaged
from holdall.sessions.engine import Engine
from holdall.sessions.names import COMPACTIONS, SUMMARIES, message_place, summary_position
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.summaries.records import SummaryRecord, encoded, parse_summary

__all__ = ["erase"]

PURGED = "[purged]"
_PAGE = 200


async def erase(engine: Engine, session: str, message: str, check: Check) -> Lane:
    """Overwrite every summary that stands for ``message``, be it the only one that was made from its words or not.

    Where one cannot be read, it may say anything: all go, with the compactions that show them. Returns the lane of
    summaries in which nothing is left.
    """
    place = message_place(message)
    while True:
        state = await engine.current(session, check)
        lane = state.head.lanes.get(SUMMARIES, NO_LANE)
        found: list[SummaryRecord] | None = []
        try:
            for start in range(lane.first, lane.stop, _PAGE):
                span = Span(SUMMARIES, start, min(start + _PAGE, lane.stop))
                records = map(parse_summary, (await engine.view(session, span, check=check)).run(span))
                found += [one for one in records if one is not None and one.text != PURGED and _stands_for(one, *place)]
        except Damaged:
            found = None
        if found == []:
            return lane
        with suppress(Conflict):  # in any case it is looked again whether that was all
            await engine.change(session, _erasing(found, lane.rewritten))


def _stands_for(record: SummaryRecord, branch: str, position: int) -> bool:
    return any(run.branch == branch and run.start <= position < run.stop for run in record.covers.runs)


def _erasing(found: list[SummaryRecord] | None, rewritten: int) -> Callable[[State, int], Any]:
    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        lane = state.head.lanes.get(SUMMARIES, NO_LANE)
        if lane.rewritten != rewritten:
            raise Conflict("the summaries", expected=rewritten, found=lane.rewritten)
        step = SessionStep.on(state, now)
        for name in (SUMMARIES, COMPACTIONS) if found is None else ():
            step.trim(name, step.lane(name).stop)
        for record in found or ():
            left = encoded(msgspec.structs.replace(record, text=PURGED, about={}))
            step.rewrite(SUMMARIES, summary_position(record.id), left)
            step.size = max(step.size + len(left) - len(encoded(record)), 0)
            step.tell("purged", summary=record.id)
        return step, None

    return decide
