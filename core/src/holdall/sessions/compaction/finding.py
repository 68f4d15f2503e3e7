"""The newest compaction that holds for a conversation, with everything that it shows: read once, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdall.caching import Cache
from holdall.contract import Head, Lane, Span
from holdall.sessions.branches.line import Line
from holdall.sessions.compaction.entries import Item, summary_item, without
from holdall.sessions.compaction.kinds import Covered
from holdall.sessions.compaction.records import CompactionRecord, parse_compaction
from holdall.sessions.engine import Engine
from holdall.sessions.names import COMPACTIONS, SUMMARIES, compaction_position, message_place, messages_lane
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.summaries.covers import Since, since
from holdall.sessions.summaries.reading import newest as newest_summaries
from holdall.sessions.views import Message

__all__ = ["Base", "base_of", "items_at"]

_WEIGHT, _ITEM_WEIGHT = 1_500, 300
_MORE = 16
"""How many earlier compactions are read at a time, where the newest is of another branch."""


class Base(msgspec.Struct, frozen=True):
    """What a compaction shows of a conversation."""

    record: CompactionRecord
    items: list[Item]
    stale: bool
    lanes: tuple[Lane, ...]
    """What it was made from: the lanes of compactions and summaries, and of the messages that it shows."""
    line: tuple[Any, ...]
    """The conversation that it is of, but for its end where that moves."""

    @property
    def start(self) -> int:
        """The position of the first message that is shown as it is."""
        return message_place(self.record.last)[1] + 1


def _lanes(head: Head, record: CompactionRecord) -> tuple[Lane, ...]:
    """The lanes as far as they matter: those of messages grow, and only what is overwritten changes what is shown."""
    own = [head.lanes.get(messages_lane(run.branch), NO_LANE) for run in record.covers.runs]
    messages = (Lane(lane.first, lane.first, lane.rewritten) for lane in own)
    return (head.lanes.get(COMPACTIONS, NO_LANE), head.lanes.get(SUMMARIES, NO_LANE), *messages)


async def base_of(  # noqa: PLR0913, PLR0917 - what to read, and of what
    engine: Engine, session: str, head: Head, line: Line, reverted: bool, check: Check
) -> Base | None:
    """The newest compaction of messages of ``line`` alone, at the moment of ``head`` or later.

    ``reverted``: the line is shown to an earlier end than its own.
    """
    if not head.lanes.get(COMPACTIONS, NO_LANE):
        return None
    name = (head.partition, "compaction", line.branch)
    kept: Cache[Any] = engine.states
    known: Base | None = kept.get(name)
    about = (line.branch, line.path, line.first, line.base, line.stop if reverted else None)
    if known is not None and known.line == about and known.lanes == _lanes(head, known.record):
        return known
    below = head.lanes[COMPACTIONS].stop
    while True:
        record = await _newest(engine, session, head, line, below, check)
        if record is None:
            return None
        items = await items_at(engine, session, line, record, check)
        if sum(item.covered is not None for item in items) == len(record.replaced):
            break
        below = compaction_position(record.id)  # a summary was lost, and with it what stands for messages here
    (what,) = await since(engine, session, head, [record.covers], check)
    base = Base(record, items, what is not Since.NOTHING, _lanes(head, record), about)
    kept.put(name, base, _WEIGHT + sum(_ITEM_WEIGHT + len(item.message.raw) for item in items))
    return base


async def _newest(  # noqa: PLR0913, PLR0917 - what to read, and of what
    engine: Engine, session: str, head: Head, line: Line, below: int, check: Check
) -> CompactionRecord | None:
    """The newest compaction of ``line`` before the position ``below``."""
    lane, count = head.lanes[COMPACTIONS], 1
    while below > lane.first:
        span = Span(COMPACTIONS, max(below - count, lane.first), below)
        part = await engine.part(session, span, check)
        for raw in reversed(part.records):
            record = parse_compaction(raw)
            if record is not None and line.holds(*message_place(record.last)):
                return record
        below, count = span.start, _MORE
    return None


async def items_at(  # noqa: PLR0913, PLR0917 - what to read, and of what
    engine: Engine, session: str, line: Line, record: CompactionRecord, check: Check, also: Sequence[int] = ()
) -> list[Item]:
    """What ``record`` shows, in order; with the messages at the positions ``also``."""
    runs = [*record.kept, *((at, at + 1) for at in also)]
    spans = [span for start, stop in runs for span in line.spans(start, stop)]
    view = await engine.view(session, *spans, check=check)
    lanes = view.state.head.lanes
    found = [
        placed
        for span in spans
        for placed in zip(span.within(lanes.get(span.lane, NO_LANE)), view.run(span), strict=True)
    ]
    elided = {one.position: one.parts for one in record.elided}
    items = [_item(at, raw, elided.get(at, {})) for at, raw in found]
    said = await newest_summaries(engine, session, [one.summary for one in record.replaced], check)
    for one in record.replaced:
        summary = said.get(one.summary)
        if summary is not None:
            count = summary.record.messages
            items.append(summary_item(Covered(one.first, one.last, count, summary.text, summary.id)))
    return sorted(items, key=lambda item: item.position)


def _item(position: int, raw: bytes, parts: dict[int, int]) -> Item:
    message = Message(raw)
    return Item(position, without(message, parts) if parts else message, parts)
