"""Summaries by page and by id, each with whether it still stands for what is there."""

from __future__ import annotations

from holdall.contract import Span
from holdall.errors import NotFound
from holdall.sessions.engine import Engine
from holdall.sessions.history import Around, page_of, reading, record_at, span_of
from holdall.sessions.names import SUMMARIES, summary_id, summary_position
from holdall.sessions.reader import Check
from holdall.sessions.summaries.covers import since
from holdall.sessions.summaries.records import Summary, parse_summary
from holdall.sessions.views import Page

__all__ = ["newest", "summaries", "summary"]


async def summaries(engine: Engine, session: str, limit: int, place: Around, check: Check) -> Page[Summary]:
    """A page of summaries, oldest first; see ``Store.summaries``."""
    part = await reading(engine, session, span_of(SUMMARIES, limit, place), place, check)
    page = page_of(part, parse_summary, summary_id)
    head, records = part.state.head, [record for record in page if record is not None]
    old = await since(engine, session, head, [record.covers for record in records], check)
    items = [Summary(record, what, head.changed) for record, what in zip(records, old, strict=True)]
    return Page(items, page.next, page.previous, page.version)


async def summary(engine: Engine, session: str, name: str, check: Check) -> Summary:
    """One summary by its id."""
    state, raw = await record_at(engine, session, SUMMARIES, summary_position(name), check)
    record = None if raw is None else parse_summary(raw)
    if record is None:
        raise NotFound("summary", name)
    (old,) = await since(engine, session, state.head, [record.covers], check)
    return Summary(record, old, state.head.changed)


async def newest(engine: Engine, session: str, names: list[str], check: Check) -> dict[str, Summary]:
    """Of each summary, the one that replaced it last, or itself; nothing of one that was lost."""
    found: dict[str, Summary] = {}
    chains = {name: name for name in names}
    while chains:
        spans = {at: Span(SUMMARIES, summary_position(at), summary_position(at) + 1) for at in chains.values()}
        view = await engine.view(session, *spans.values(), check=check)
        following: dict[str, str] = {}
        for name, at in chains.items():
            for record in map(parse_summary, view.run(spans[at])):
                if record is None:
                    continue
                if record.replaced_by is None:
                    head = view.state.head
                    (what,) = await since(engine, session, head, [record.covers], check)
                    found[name] = Summary(record, what, head.changed)
                else:
                    following[name] = record.replaced_by
        chains = following
    return found
