"""Compacting a conversation: what a model sees from then on is decided once, and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from holdall.contract import Head
from holdall.errors import Conflict, Invalid, TooLarge
from holdall.sessions.appending import check_size, check_version, check_writable
from holdall.sessions.compaction.active import Place, active, place_of
from holdall.sessions.compaction.entries import counted, tokens_of
from holdall.sessions.compaction.kinds import Covered
from holdall.sessions.compaction.records import Compaction, CompactionRecord, Elided, Replaced, Size, encoded, runs_of
from holdall.sessions.compaction.squeezing import Context
from holdall.sessions.compaction.tools import Maker
from holdall.sessions.compaction.walking import Making, Walk, walked
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import COMPACTIONS, SUMMARIES, compaction_id, messages_lane, summary_id
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.summaries.covers import Covers, covers_of, id_at
from holdall.sessions.summaries.records import SummaryRecord
from holdall.sessions.summaries.records import encoded as encoded_summary

__all__ = ["Asked", "Compacted", "check_there", "compact", "fitted"]


class Asked(msgspec.Struct, frozen=True):
    """What somebody asks for who compacts."""

    budget: int | None = None
    branch: str | None = None
    compactors: Sequence[str] | None = None
    whole: bool = False
    by: str = "system"
    expect: int | None = None
    above: int | None = None


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction came to."""

    compaction: Compaction | None
    """The one that holds now; ``None``: there is none, for everything fits."""
    new: bool
    """Whether it was made now. It was not where everything fits, or where nothing more can be given up."""
    messages: int
    """How many messages a model sees now."""
    tokens: int
    """How many tokens these are."""
    budget: int
    version: int
    """The session's."""

    @property
    def met(self) -> bool:
        """Whether they fit the budget. Where they don't, there is nothing left that may be given up."""
        return self.tokens <= self.budget


async def compact(engine: Engine, session: str, asked: Asked, check: Check) -> tuple[Compacted, State]:
    """Make what a model sees fit a budget; see ``Store.compact``. Also the state that this leaves."""
    _check_budget(asked.budget)
    _check_budget(asked.above, "/above")
    while True:
        held = await place_of(engine, session, asked.branch, check)
        check_writable(held.state, asked.expect)
        tools = engine.tools()
        budget = tools.budget if asked.budget is None else asked.budget
        above = tools.above if asked.above is None and asked.budget is None else asked.above
        if above is not None and (small := await _small(engine, session, asked.branch, above, check)):
            return small
        anew = asked.whole or (held.base is not None and held.base.stale)
        place = msgspec.structs.replace(held, base=None) if anew else held
        making, strategies = Making(tools), tools.strategies(asked.compactors)
        walk = await walked(engine, tools.counter, strategies, session, place, budget, making.summarise, check)
        if _settled(held, place, walk):
            return _unchanged(held, walk, budget), held.state
        names = tuple(strategy.name for strategy in strategies)
        new = _New(place, walk, asked, budget, tools.tokenizer, names, making.maker)
        try:
            state, record = await engine.change(session, _storing(engine, new, check))
        except Conflict:
            check_version((await place_of(engine, session, asked.branch, check)).state, asked.expect)
            continue
        made = Compaction(record, stale=False, version=state.head.changed)
        return _told(made, walk, budget, state, new=True), state


async def _small(
    engine: Engine, session: str, branch: str | None, above: int, check: Check
) -> tuple[Compacted, State] | None:
    """What a model sees now, where that is no more than ``above`` tokens, and can be handed out at once."""
    try:
        place, items = await active(engine, session, branch, check)
    except TooLarge:
        return None
    counter = engine.tools().counter
    entries = await asyncio.to_thread(lambda: [counted(item, counter) for item in items])
    walk = Walk(Context(entries), len(entries), tokens_of(entries))
    return (_unchanged(place, walk, above), place.state) if walk.tokens <= above else None


async def fitted(engine: Engine, session: str, branch: str | None, budget: int, check: Check) -> tuple[Place, Context]:
    """What a model with room for ``budget`` tokens would see. Nothing is stored, and nothing summarised anew."""
    _check_budget(budget)
    place = await place_of(engine, session, branch, check)
    tools = engine.tools()
    walk = await walked(engine, tools.counter, tools.strategies(), session, place, budget, None, check)
    return place, walk.context


def _check_budget(budget: int | None, pointer: str = "/budget") -> None:
    if budget is not None and budget < 1:
        raise Invalid("is at least 1", pointer=pointer)


def _settled(held: Place, place: Place, walk: Walk) -> bool:
    """Whether nothing was given up, or nothing but what the compaction that holds gives up, too."""
    shown = [(entry.position, entry.elided, entry.covered) for entry in walk.context.entries]
    none: Mapping[int, int] = {}
    whole = _base(place) + [(at, none, None) for at in range(place.start, place.line.stop)]
    if shown == whole:
        return place.base is not None or held.base is None
    return held.base is not None and not held.base.stale and held.start == place.line.stop and shown == _base(held)


def _base(place: Place) -> list[tuple[int, Mapping[int, int], Covered | None]]:
    """What the last compaction shows."""
    items = [] if place.base is None else place.base.items
    return [(item.position, item.elided, item.covered) for item in items]


def _unchanged(held: Place, walk: Walk, budget: int) -> Compacted:
    base = held.base
    made = None if base is None else Compaction(base.record, base.stale, held.state.head.changed)
    return _told(made, walk, budget, held.state, new=False)


def _told(made: Compaction | None, walk: Walk, budget: int, state: State, *, new: bool) -> Compacted:
    entries = walk.context.entries
    return Compacted(made, new, len(entries), tokens_of(entries), budget, state.head.changed)


class _New(msgspec.Struct, frozen=True):
    """A compaction to be stored."""

    place: Place
    walk: Walk
    asked: Asked
    budget: int
    tokenizer: str
    compactors: tuple[str, ...]
    maker: Maker | None

    @property
    def covers(self) -> Covers:
        """The messages that it decides about."""
        line = self.place.line
        return covers_of(self.place.state.head, line, line.first, line.stop)

    def record(self, name: str, summaries: dict[int, str], at: int) -> CompactionRecord:
        """The record, called ``name``, with the ids of the summaries that it shows by their positions; ``at`` in ms."""
        entries, covers = self.walk.context.entries, self.covers
        shown = [entry for entry in entries if entry.covered is None]
        stands = [entry.covered for entry in entries if entry.covered is not None]
        return CompactionRecord(
            id=name,
            last=id_at(covers, self.place.line.stop - 1),
            covers=covers,
            kept=runs_of(entry.position for entry in shown),
            elided=tuple(Elided(entry.position, dict(entry.elided)) for entry in shown if entry.elided),
            replaced=tuple(Replaced(one.first, one.last, summaries[one.first]) for one in stands),
            pending=tuple(entry.position for entry in self.walk.context.pending),
            compactors=self.compactors,
            tokenizer=self.tokenizer,
            budget=self.budget,
            before=Size(self.walk.messages, self.walk.tokens),
            after=Size(len(entries), tokens_of(entries)),
            created_at=at,
            created_by=self.asked.by,
        )

    def summary(self, name: str, covered: Covered, at: int) -> SummaryRecord:
        """The record of a summary that was made for it; ``at`` in ms."""
        line, maker = self.place.line, self.maker
        covers = covers_of(self.place.state.head, line, covered.first, covered.last + 1)
        entry = next(entry for entry in self.walk.context.entries if entry.covered is covered)
        return SummaryRecord(
            id=name,
            first=id_at(covers, covered.first),
            last=id_at(covers, covered.last),
            messages=covered.messages,
            text=covered.text,
            tokens=entry.tokens,
            tokenizer=self.tokenizer,
            summariser=None if maker is None else maker.name,
            about={} if maker is None else dict(maker.summariser.about),
            covers=covers,
            builds_on=covered.builds_on,
            created_at=at,
            created_by=self.asked.by,
        )


def check_there(head: Head, covers: Covers) -> None:
    """Raise ``Conflict`` where messages have gone that a record is about to stand for."""
    for run in covers.runs:
        lane = head.lanes.get(messages_lane(run.branch), NO_LANE)
        if lane.first > run.start or lane.stop < run.stop:
            raise Conflict("the messages", expected=run.start, found=lane.first)


def _storing(engine: Engine, new: _New, check: Check) -> Decision[CompactionRecord]:
    covers = new.covers

    def decide(state: State, now: int) -> tuple[SessionStep, CompactionRecord]:
        check(state)
        check_writable(state, new.asked.expect)
        check_there(state.head, covers)
        before, there = (head.lanes.get(COMPACTIONS, NO_LANE).stop for head in (new.place.state.head, state.head))
        if there != before:  # somebody compacted meanwhile, and this may be done
            raise Conflict("the compactions", expected=before, found=there)
        step, at = SessionStep.on(state, now), now // 1000
        names: dict[int, str] = {}
        for entry in new.walk.context.entries:
            covered = entry.covered
            if covered is not None and covered.summary is None:
                name = summary_id(step.lane(SUMMARIES).stop)
                step.add(SUMMARIES, [encoded_summary(new.summary(name, covered, at))])
                names[covered.first] = name
            elif covered is not None:
                names[covered.first] = covered.summary or ""
        record = new.record(compaction_id(step.lane(COMPACTIONS).stop), names, at)
        step.add(COMPACTIONS, [encoded(record)])
        step.tell("compacted", compaction=record.id)
        check_size(step.size, engine.policy)
        return step, record

    return decide
