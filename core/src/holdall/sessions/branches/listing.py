"""The branches of a session, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from heapq import nsmallest

import msgspec

from holdall.contract import Head, Span
from holdall.errors import NotFound
from holdall.sessions.branches.origins import Origins, line_of, parse_deletion, parse_origin
from holdall.sessions.branches.subs import check_place, place_of
from holdall.sessions.branches.views import Branch, told
from holdall.sessions.engine import Engine
from holdall.sessions.names import MAIN, branch_of, deleted_lane, is_sub, known_branch, messages_lane
from holdall.sessions.reader import NO_LANE, Check, View
from holdall.sessions.views import Page

__all__ = ["Asked", "branch", "branches"]

_NUMBER = re.compile(r"([0-9]+)")


def _order(name: str) -> tuple[bool, list[tuple[int, str]], str]:
    """``main`` first; then by name, the numbers in it as numbers."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(name)]
    return name != MAIN, parts, name


class Asked(msgspec.Struct, frozen=True):
    """Which branches are wanted."""

    limit: int
    cursor: str | None
    deleted: bool
    subs: bool
    under: str | None

    def names(self, head: Head) -> Iterator[str]:
        """Those that can be on the page, by what the head says."""
        lanes = head.lanes
        after = None if self.cursor is None else _order(known_branch(self.cursor))
        begins = None if self.under is None else place_of(self.under)[1]
        for name in {MAIN, *filter(None, map(branch_of, lanes))}:
            if is_sub(name) == self.subs and (deleted_lane(name) in lanes) == self.deleted:
                if begins is not None and lanes[messages_lane(name)].first != begins:
                    continue
                if after is None or _order(name) > after:
                    yield name

    def holds(self, one: Branch) -> bool:
        """Whether a branch is wanted whose name could be, at a moment a little later."""
        if (one.deleted_at is not None) != self.deleted:
            return False
        if self.under is None:
            return True
        by_message = place_of(self.under)[1] is not None
        return one.under is not None and self.under == (one.under.message if by_message else one.under.branch)


async def branches(engine: Engine, session: str, asked: Asked, check: Check) -> Page[Branch]:
    """A page of branches; see ``Store.branches``."""
    state = await engine.current(session, check)
    if asked.under is not None:
        check_place(state.head, asked.under)
    names = nsmallest(asked.limit + 1, asked.names(state.head), key=_order)
    if asked.under is not None:
        names = sorted(asked.names(state.head), key=_order)
    items, examined, version = list[Branch](), 0, state.head.changed
    while examined < len(names) and len(items) < asked.limit:
        some = names[examined : examined + asked.limit - len(items)]
        moment = await _moment(engine, session, state.head, some, check)
        items += [one for one in (_told(moment, name) for name in some) if one is not None and asked.holds(one)]
        examined, version = examined + len(some), moment.state.head.changed
    return Page(items, names[examined - 1] if examined < len(names) else None, version=version)


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
    ended = None if deletion is None else parse_deletion(deletion, f"{state.head.partition} {deleted_lane(name)}[0]")
    return told(state, line_of(state.head, name, origins), origin, ended)
