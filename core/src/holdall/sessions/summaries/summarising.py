"""Summaries that somebody asks for, or writes: of a range of a conversation, perhaps in the place of an earlier one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from holdall.errors import Conflict, Invalid, NotFound
from holdall.sessions.appending import check_size, check_version, check_writable
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origins, knowing, line_of, shown
from holdall.sessions.compaction.compacting import check_there
from holdall.sessions.compaction.tools import Maker, Tools
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import (
    MAIN,
    SUMMARIES,
    checked_text,
    message_place,
    messages_lane,
    summary_id,
    summary_position,
)
from holdall.sessions.reader import Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.summaries.covers import Covers, Since, covers_of, id_at
from holdall.sessions.summaries.making import Draft, summarised
from holdall.sessions.summaries.reading import summary as read_summary
from holdall.sessions.summaries.records import Summary, SummaryRecord, encoded
from holdall.sessions.views import Message

__all__ = ["Wanted", "summarise"]

_PAGE = 500
_LONGEST = 100_000
"""Characters of a summary that somebody wrote."""


class Wanted(msgspec.Struct, frozen=True):
    """What somebody asks for who summarises."""

    first: str | None = None
    last: str | None = None
    branch: str | None = None
    text: str | None = None
    replaces: str | None = None
    most: int | None = None
    summariser: str | None = None
    by: str = "system"
    expect: int | None = None


class Range(msgspec.Struct, frozen=True):
    """The messages to be summarised, at one moment."""

    state: State
    line: Line
    start: int
    stop: int
    old: SummaryRecord | None
    """The summary that is to be replaced."""

    @property
    def covers(self) -> Covers:
        """What the summary will stand for."""
        return covers_of(self.state.head, self.line, self.start, self.stop)


async def summarise(engine: Engine, session: str, wanted: Wanted, check: Check) -> tuple[Summary, State]:
    """Make a summary, or store one that somebody wrote; see ``Store.summarise``. Also the state that this leaves."""
    _check(wanted)
    while True:
        found = await _range(engine, session, wanted, check)
        check_writable(found.state, wanted.expect)
        made = _Made(found, wanted, wanted.text or "")
        if wanted.text is None:
            made = await _made(found, wanted, engine.tools(), _pages(engine, session, found, check))
        try:
            state, record = await engine.change(session, _storing(engine, made, check))
        except Conflict:
            check_version((await _range(engine, session, wanted, check)).state, wanted.expect)
            continue
        return Summary(record, Since.NOTHING, state.head.changed), state


def _check(wanted: Wanted) -> None:
    text = wanted.text
    if text is not None and (not checked_text(text, "a summary", "/text").strip() or len(text) > _LONGEST):
        raise Invalid(f"has 1 to {_LONGEST:,} characters", pointer="/text")
    if wanted.most is not None and wanted.most < 1:
        raise Invalid("is at least 1", pointer="/tokens")
    if wanted.replaces is not None and (wanted.first or wanted.last or wanted.branch):
        raise Invalid("says already which messages it is about", pointer="/replaces")


async def _made(found: Range, wanted: Wanted, tools: Tools, pages: AsyncIterator[list[Message]]) -> _Made:
    maker, count = tools.maker(wanted.summariser), tools.counter.text
    draft = await summarised(maker, pages, tools.most if wanted.most is None else wanted.most, count, Draft())
    text = draft.text or ""
    return _Made(found, wanted, text, count(text), tools.tokenizer, maker)


async def _range(engine: Engine, session: str, wanted: Wanted, check: Check) -> Range:
    old = None if wanted.replaces is None else (await read_summary(engine, session, wanted.replaces, check)).record
    if old is not None and old.replaced_by is not None:
        raise Invalid(f"was replaced by {old.replaced_by}", pointer="/replaces")
    first, last = (wanted.first, wanted.last) if old is None else (old.first, old.last)
    # A message names its conversation: everything that comes before it on its branch.
    branch = wanted.branch if last is None or wanted.branch is not None else message_place(last)[0]
    origins = Origins()

    async def attempt() -> Range:
        state = await engine.current(session, check)
        if last is not None and wanted.branch is None:
            if branch != MAIN and messages_lane(branch or MAIN) not in state.head.lanes:
                raise NotFound("message", last)
            line, stop = line_of(state.head, branch or MAIN, origins), None
        else:
            view = shown(state, branch)
            line, stop = line_of(state.head, view.branch, origins), view.stop
        end = line.stop if stop is None else stop
        begins = line.first if first is None else _place(line, first, end)
        ends = end if last is None else _place(line, last, end) + 1
        if begins >= ends:
            raise Invalid("there are no messages to summarise", pointer="/first")
        return Range(state, line, begins, ends, old)

    return await knowing(engine, session, origins, check, attempt)


def _place(line: Line, message: str, end: int) -> int:
    branch, position = message_place(message)
    if not line.holds(branch, position) or position >= end:
        raise NotFound("message", message)
    return position


async def _pages(engine: Engine, session: str, found: Range, check: Check) -> AsyncIterator[list[Message]]:
    for start in range(found.start, found.stop, _PAGE):
        spans = found.line.spans(start, min(start + _PAGE, found.stop))
        view = await engine.view(session, *spans, check=check)
        yield [Message(raw) for span in spans for raw in view.run(span)]


class _Made(msgspec.Struct, frozen=True):
    """A summary to be stored."""

    found: Range
    wanted: Wanted
    text: str
    tokens: int | None = None
    tokenizer: str | None = None
    maker: Maker | None = None

    def record(self, name: str, at: int) -> SummaryRecord:
        """The record, called ``name``; ``at`` in ms."""
        found, covers, maker = self.found, self.found.covers, self.maker
        return SummaryRecord(
            id=name,
            first=id_at(covers, found.start),
            last=id_at(covers, found.stop - 1),
            messages=found.stop - found.start,
            text=self.text,
            tokens=self.tokens,
            tokenizer=self.tokenizer,
            summariser=None if maker is None else maker.name,
            about={} if maker is None else dict(maker.summariser.about),
            covers=covers,
            replaces=self.wanted.replaces,
            created_at=at,
            created_by=self.wanted.by,
        )


def _storing(engine: Engine, made: _Made, check: Check) -> Decision[SummaryRecord]:
    covers, old = made.found.covers, made.found.old
    seen = made.found.state.head.lanes.get(SUMMARIES)

    def decide(state: State, now: int) -> tuple[SessionStep, SummaryRecord]:
        check(state)
        check_writable(state, made.wanted.expect)
        check_there(state.head, covers)
        step = SessionStep.on(state, now)
        lane = step.lane(SUMMARIES)
        if old is not None and (seen is None or lane.rewritten != seen.rewritten):
            raise Conflict("the summary", expected=0 if seen is None else seen.rewritten, found=lane.rewritten)
        record = made.record(summary_id(lane.stop), now // 1000)
        step.add(SUMMARIES, [encoded(record)])
        if old is not None:
            after = encoded(msgspec.structs.replace(old, replaced_by=record.id))
            step.rewrite(SUMMARIES, summary_position(old.id), after)
            step.size += len(after) - len(encoded(old))
        step.tell("summarised", summary=record.id)
        check_size(step.size, engine.policy)
        return step, record

    return decide
