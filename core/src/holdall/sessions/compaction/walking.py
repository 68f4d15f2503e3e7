"""What a model sees of a conversation, made to fit a budget: a thousand messages at a time, so that memory stays small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from holdall.sessions.compaction.active import Place, waiting
from holdall.sessions.compaction.choosing import rescued
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import Item, counted, tokens_of
from holdall.sessions.compaction.kinds import Covered, Entry
from holdall.sessions.compaction.squeezing import Context, Strategy, Summarise, squeezed
from holdall.sessions.compaction.tools import Maker, Tools
from holdall.sessions.engine import Engine
from holdall.sessions.reader import Check
from holdall.sessions.summaries.making import Draft, summarised
from holdall.sessions.views import Message

__all__ = ["Making", "Walk", "pages", "walked"]

_PAGE = 1_000
_MANY = 2_000
"""From so many messages on, what is over the budget is compacted before more is read."""


class Walk(msgspec.Struct, frozen=True):
    """What a walk came to, and how much it read."""

    context: Context
    messages: int
    tokens: int


class Making:
    """Makes summaries for a compaction, by the summariser that the configuration names."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.maker: Maker | None = None

    async def summarise(self, entries: Sequence[Entry], room: int) -> Covered:
        """One summary of entries, some of which may be summaries themselves."""
        maker = self.maker = self.maker or self._tools.maker()
        before = [entry.covered for entry in entries if entry.covered is not None]
        messages = [entry.message for entry in entries if entry.covered is None]
        so_far = Draft("\n".join(one.text for one in before) or None, sum(one.messages for one in before))
        draft = await summarised(maker, _once(messages), room, self._tools.counter.text, so_far)
        ends = [entry.position if entry.covered is None else entry.covered.last for entry in entries]
        of = next((one.summary or one.builds_on for one in reversed(before)), None)
        return Covered(entries[0].position, max(ends), draft.messages, draft.text or "", builds_on=of)


async def _once(messages: list[Message]) -> AsyncIterator[list[Message]]:
    yield messages


async def walked(  # noqa: PLR0913, PLR0917 - each is a thing that it needs
    engine: Engine,
    counter: Counter,
    strategies: Sequence[Strategy],
    session: str,
    place: Place,
    budget: int,
    summarise: Summarise | None,
    check: Check,
) -> Walk:
    """Read what follows the last compaction, or everything, and squeeze it."""
    base = [] if place.base is None else place.base.items
    left = await waiting(engine, session, place, check)
    context = Context(*[await asyncio.to_thread(_counted, items, counter) for items in (base, left)])
    count, tokens = len(base), tokens_of(context.entries)
    async for page in pages(engine, session, place, check):
        entries = await asyncio.to_thread(_counted, page, counter)
        count, tokens = count + len(entries), tokens + tokens_of(entries)
        context = Context(*rescued([*context.entries, *entries], context.pending))
        if len(context.entries) > _MANY:
            context = await squeezed(context, budget, strategies, counter, summarise)
    return Walk(await squeezed(context, budget, strategies, counter, summarise), count, tokens)


def _counted(items: Sequence[Item], counter: Counter) -> list[Entry]:
    return [counted(item, counter) for item in items]


async def pages(engine: Engine, session: str, place: Place, check: Check) -> AsyncIterator[list[Item]]:
    """The messages behind the last compaction, up to where the conversation ended when this began."""
    line = place.line
    for start in range(place.start, line.stop, _PAGE):
        spans = line.spans(start, min(start + _PAGE, line.stop))
        view = await engine.view(session, *spans, check=check)
        records = [raw for span in spans for raw in view.run(span)]
        yield [Item(at, Message(raw)) for at, raw in enumerate(records, start)]
