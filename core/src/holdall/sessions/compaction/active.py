"""The active context: what a model should see now of a conversation. It costs what it shows, however long that is."""

from __future__ import annotations

import msgspec

from holdall.errors import TooLarge
from holdall.sessions.branches.line import Line
from holdall.sessions.branches.origins import Origins, knowing, line_of, shown
from holdall.sessions.compaction.choosing import rescued
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import Item, counted, tokens_of
from holdall.sessions.compaction.finding import Base, base_of, items_at
from holdall.sessions.compaction.kinds import Entry
from holdall.sessions.compaction.squeezing import Context
from holdall.sessions.engine import Engine
from holdall.sessions.names import COMPACTIONS
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.record import View
from holdall.sessions.state import State
from holdall.sessions.views import Message

__all__ = ["MOST", "ActiveContext", "Place", "active", "place_of", "told", "waiting"]

MOST = 10_000
"""The most messages that an active context may have; a conversation that is longer is to be compacted."""


class ActiveContext(msgspec.Struct, frozen=True):
    """What a model should see now, as it was at one moment."""

    messages: list[Message]
    """In order. A summary is a message of the user, with its own id; what was elided is noted in its place."""
    branch: str
    compaction: str | None
    """The compaction that it rests on."""
    stale: bool
    """Whether a message was changed, or is gone, that this compaction decided about."""
    version: int
    """The session's."""
    tokens: int | None = None
    """How many there are, where a budget was given."""
    budget: int | None = None

    @property
    def met(self) -> bool | None:
        """Whether it fits the budget, where one was given."""
        return None if self.tokens is None or self.budget is None else self.tokens <= self.budget

    def of(self, messages: list[Message]) -> ActiveContext:
        """The same, of these messages."""
        return msgspec.structs.replace(self, messages=messages)


class Place(msgspec.Struct, frozen=True):
    """A conversation, and what is compacted of it."""

    state: State
    view: View
    line: Line
    """It ends where what is shown ends."""
    base: Base | None

    @property
    def start(self) -> int:
        """The position of the first message that is shown as it is."""
        return self.line.first if self.base is None else self.base.start


async def place_of(engine: Engine, session: str, branch: str | None, check: Check) -> Place:
    """The conversation that ``branch`` is, or that the session shows."""
    origins = Origins()

    async def attempt() -> Place:
        state = await engine.current(session, check)
        view = shown(state, branch)
        line = line_of(state.head, view.branch, origins)
        if view.stop is not None:
            line = msgspec.structs.replace(line, stop=view.stop)
        return Place(state, view, line, await base_of(engine, session, state.head, line, view.stop is not None, check))

    return await knowing(engine, session, origins, check, attempt)


async def active(engine: Engine, session: str, branch: str | None, check: Check) -> tuple[Place, list[Item]]:
    """What a model should see, not counted; raises ``TooLarge`` where that is too much to be handed out at once."""
    while True:
        place = await place_of(engine, session, branch, check)
        count = place.line.stop - place.start + (0 if place.base is None else len(place.base.items))
        if count > MOST:
            what = "the active context (messages; give a budget, or compact it first)"
            raise TooLarge(what, limit=MOST, actual=count, pointer="/budget")
        tail = await _tail(engine, session, place, check)
        if tail is not None:
            items = [*([] if place.base is None else place.base.items), *tail[1]]
            moment = msgspec.structs.replace(place, state=tail[0])
            return moment, await with_waiting(engine, session, moment, items, check)


async def _tail(engine: Engine, session: str, place: Place, check: Check) -> tuple[State, list[Item]] | None:
    """What comes after the compaction, and the moment that it is of; ``None``: what is shown has changed meanwhile."""
    line, stop = place.line, place.view.stop
    spans = line.spans(place.start, stop)
    if len(spans) == 1:
        part = await engine.part(session, spans[0], check)
        state, records = part.state, part.records
        positions = list(part.positions)
    else:
        moment = await engine.view(session, *spans, check=check)
        state = moment.state
        records = [raw for span in spans for raw in moment.run(span)]
        positions = list(range(place.start, place.start + len(records)))
    if state.head.version != place.state.head.version and not _same(place, state):
        return None
    return state, [Item(at, Message(raw)) for at, raw in zip(positions, records, strict=True)]


def _same(place: Place, state: State) -> bool:
    """Whether the session shows the same conversation, from the same compaction: messages may have been added."""
    old, new = place.state.head.lanes, state.head.lanes
    moved = [name for name, lane in new.items() if lane.rewritten != old.get(name, NO_LANE).rewritten]
    compacted = new.get(COMPACTIONS, NO_LANE) != old.get(COMPACTIONS, NO_LANE)
    return not moved and not compacted and state.record.view == place.state.record.view


async def waiting(engine: Engine, session: str, place: Place, check: Check) -> list[Item]:
    """The messages that the compaction left out though a call of theirs had no answer."""
    base = place.base
    if base is None or not base.record.pending:
        return []
    pending = set(base.record.pending)
    items = await items_at(engine, session, place.line, base.record, check, base.record.pending)
    return [item for item in items if item.position in pending and item.covered is None]


async def with_waiting(engine: Engine, session: str, place: Place, items: list[Item], check: Check) -> list[Item]:
    """``items``, with those of ``waiting`` that have been answered since."""
    extra = await waiting(engine, session, place, check)
    if not extra:
        return items
    free = Counter(_Nothing())
    whole, _ = rescued([counted(item, free) for item in items], [counted(item, free) for item in extra])
    back = {entry.position for entry in whole if entry.covered is None}
    return sorted([*items, *(item for item in extra if item.position in back)], key=lambda item: item.position)


class _Nothing:
    """Where nothing is to be counted."""

    def count(self, text: str) -> int:
        """Nothing."""
        del text
        return 0


def told(place: Place, context: Context | list[Item], budget: int | None = None) -> ActiveContext:
    """What is told of a context."""
    base = place.base
    entries: list[Entry] | list[Item] = context.entries if isinstance(context, Context) else context
    return ActiveContext(
        [entry.message for entry in entries],
        place.line.branch,
        None if base is None else base.record.id,
        base is not None and base.stale,
        place.state.head.changed,
        tokens_of(context.entries) if isinstance(context, Context) else None,
        budget,
    )
