"""Compactions by page and by id, each with whether it still decides about what is there."""

from __future__ import annotations

from holdall.errors import NotFound
from holdall.sessions.compaction.records import Compaction, parse_compaction
from holdall.sessions.engine import Engine
from holdall.sessions.history import Around, page_of, reading, record_at, span_of
from holdall.sessions.names import COMPACTIONS, compaction_id, compaction_position
from holdall.sessions.reader import Check
from holdall.sessions.summaries.covers import Since, since
from holdall.sessions.views import Page

__all__ = ["compaction", "compactions"]


async def compactions(engine: Engine, session: str, limit: int, place: Around, check: Check) -> Page[Compaction]:
    """A page of compactions, oldest first; see ``Store.compactions``."""
    part = await reading(engine, session, span_of(COMPACTIONS, limit, place), place, check)
    page = page_of(part, parse_compaction, compaction_id)
    head, records = part.state.head, [record for record in page if record is not None]
    old = await since(engine, session, head, [record.covers for record in records], check)
    items = [
        Compaction(record, what is not Since.NOTHING, head.changed) for record, what in zip(records, old, strict=True)
    ]
    return Page(items, page.next, page.previous, page.version)


async def compaction(engine: Engine, session: str, name: str, check: Check) -> Compaction:
    """One compaction by its id."""
    state, raw = await record_at(engine, session, COMPACTIONS, compaction_position(name), check)
    record = None if raw is None else parse_compaction(raw)
    if record is None:
        raise NotFound("compaction", name)
    (old,) = await since(engine, session, state.head, [record.covers], check)
    return Compaction(record, old is not Since.NOTHING, state.head.changed)
