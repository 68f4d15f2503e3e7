"""The branches of a session, by name."""

from __future__ import annotations

import re
from heapq import nsmallest

import msgspec

from holdall.contract import Head, Span
from holdall.errors import Damaged, NotFound
from holdall.sessions.branches.origins import Deletion, Origins, line_of, parse_origin
from holdall.sessions.branches.views import Branch, told
from holdall.sessions.engine import Engine
from holdall.sessions.names import MAIN, branch_of, deleted_lane, known_branch, messages_lane
from holdall.sessions.reader import NO_LANE, Check, View
from holdall.sessions.views import Page

__all__ = ["branch", "branches"]

_NUMBER = re.compile(r"([0-9]+)")
_decode = msgspec.json.Decoder(Deletion).decode


def _order(name: str) -> tuple[bool, list[tuple[int, str]], str]:
    """``main`` first; then by name, the numbers in it as numbers."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(name)]
    return name != MAIN, parts, name


async def branches(  # noqa: PLR0913 - each is a thing that a caller may ask
    engine: Engine, session: str, limit: int, cursor: str | None, check: Check, *, deleted: bool
) -> Page[Branch]:
    """A page of branches; see ``Store.branches``."""
    state = await engine.current(session, check)
    lanes = state.head.lanes
    after = None if cursor is None else _order(known_branch(cursor))
    names = {MAIN, *filter(None, map(branch_of, lanes))}
    wanted = (name for name in names if (deleted_lane(name) in lanes) == deleted)
    found = nsmallest(limit + 1, (name for name in wanted if after is None or _order(name) > after), key=_order)
    moment = await _moment(engine, session, state.head, found[:limit], check)
    items = [one for one in (_told(moment, name) for name in found[:limit]) if one is not None]
    following = found[limit - 1] if len(found) > limit else None
    return Page(items, following, version=moment.state.head.changed)


async def branch(engine: Engine, session: str, name: str, check: Check) -> Branch:
    """One branch, be it deleted."""
    state = await engine.current(session, check)
    moment = await _moment(engine, session, state.head, [known_branch(name)], check)
    found = _told(moment, name)
    if found is None:
        raise NotFound("branch", name)
    return found


async def _moment(engine: Engine, session: str, head: Head, names: list[str], check: Check) -> View:
    """How branches began, and which of them are deleted."""
    spans: list[Span] = []
    for name in names:
        first = head.lanes.get(messages_lane(name), NO_LANE).first
        spans += [] if name == MAIN else [Span(messages_lane(name), first, first + 1), Span(deleted_lane(name), -1)]
    return await engine.view(session, *spans, check=check)


def _told(moment: View, name: str) -> Branch | None:
    """A branch as it was at a moment; ``None`` for one that was not there, or began only just before it."""
    state, records = moment.state, moment.records
    if name == MAIN:
        return told(state, line_of(state.head, MAIN, {}), None)
    lane = messages_lane(name)
    first = state.head.lanes.get(lane, NO_LANE).first
    record = records.get((lane, first))
    if record is None:
        return None
    where = f"{state.head.partition} {lane}[{first}]"
    origin, deletion = parse_origin(record, where), records.get((deleted_lane(name), 0))
    origins: Origins = {(name, first): origin}
    try:
        ended = None if deletion is None else _decode(deletion)
    except ValueError:
        raise Damaged(f"{state.head.partition} {deleted_lane(name)}[0]", "it is not what was written") from None
    return told(state, line_of(state.head, name, origins), origin, ended)
