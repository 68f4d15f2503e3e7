"""The way of a search: what the index names is read, checked, and shown."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from holdall.errors import Invalid
from holdall.searching import Found, Hit, Key, Query, Wanted
from holdall.sessions.engine import Engine
from holdall.sessions.names import Role, checked_text, session_partition
from holdall.sessions.reader import Check
from holdall.sessions.search.checking import Checker
from holdall.sessions.search.cursors import Best, Newest, encoded, parsed
from holdall.sessions.search.keeper import Keeper
from holdall.sessions.search.scanning import scan
from holdall.sessions.search.texts import is_simple, metadata_label
from holdall.sessions.search.views import Match, SearchPage
from holdall.spelling import one_of

__all__ = ["Ask", "search"]

_EXAMINED = 2000
"""Messages that are read for one page at the most."""
_ROLES = get_args(Role)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody looks for; see ``Store.search``."""

    query: str | None
    session: str | None
    owner: str | None
    project: str | None
    tag: str | None
    role: str | None
    tool: str | None
    metadata: dict[str, Any]
    since: int | None
    until: int | None
    best: bool

    def labels(self) -> list[str]:
        """What messages must be found by besides their words."""
        found = [] if self.role is None else [f"role:{self.role}"]
        found += [] if self.tool is None else [f"tool:{self.tool}"]
        return [*found, *[metadata_label(name, value) for name, value in self.metadata.items()]]

    def check(self) -> None:
        """Raise ``Invalid`` for what cannot be looked for."""
        for name in ("query", "owner", "project", "tag", "tool"):
            value: str | None = getattr(self, name)
            if value is not None:
                checked_text(value, name, f"/{name}")
        if self.role is not None and self.role not in _ROLES:
            raise Invalid(one_of(_ROLES, self.role), pointer="/role")
        for name, value in self.metadata.items():
            if not is_simple(value):
                raise Invalid("is a text, a number, true, false or null", pointer=f"/metadata/{name}")
        if self.best and self.query is None:
            raise Invalid("best first needs something to look for", pointer="/order")
        if self.session is not None:
            session_partition(self.session)


async def search(engine: Engine, ask: Ask, limit: int, cursor: str | None, check: Check) -> SearchPage:
    """A page of what is found; see ``Store.search``."""
    ask.check()
    query = None if ask.query is None else Query(ask.query)
    if ask.session is not None:
        await engine.current(ask.session, check)
    checker = Checker(engine, query, check, labels=ask.labels(), scored=ask.best, **_filters(ask))
    if engine.keeper is None:
        return await scan(engine, checker, ask, limit, cursor)
    complete = await engine.keeper.current()
    wanted = Wanted(
        needs=() if query is None else query.needs,
        labels=ask.labels(),
        owner=ask.owner,
        session=ask.session,
        best=ask.best,
        **_filters(ask),
    )
    return await _indexed(engine.keeper, checker, wanted, ask, limit, cursor, complete=complete)


def _filters(ask: Ask) -> dict[str, Any]:
    return {name: getattr(ask, name) for name in ("project", "tag", "since", "until")}


async def _indexed(  # noqa: PLR0913, PLR0917 - what is wanted, and where
    keeper: Keeper, checker: Checker, wanted: Wanted, ask: Ask, limit: int, cursor: str | None, *, complete: bool
) -> SearchPage:
    """What of that which the index names is there, and may be seen."""
    if cursor is not None:
        wanted = _behind(wanted, ask, cursor)
    found: list[Match] = []
    examined = 0
    while True:
        asked = limit - len(found) + (2 if examined == 0 else examined)
        named = await keeper.index.find(msgspec.structs.replace(wanted, limit=min(asked, _EXAMINED)))
        if named.lost:  # since it was brought up to date: what it has by now is all that can be had
            complete = await keeper.current()
            named = await keeper.index.find(msgspec.structs.replace(wanted, limit=min(asked, _EXAMINED)))
            complete = complete and not named.lost
        for hit, match in zip(named.hits, await checker.matches(named.hits), strict=True):
            if match is not None and len(found) == limit:
                return SearchPage(found, encoded(ask, _place(wanted)), complete)
            wanted = _after(wanted, named, hit)
            found += [] if match is None else [match]
        examined += len(named.hits)
        if not named.more:
            return SearchPage(found, None, complete)
        if examined >= _EXAMINED:
            return SearchPage(found, encoded(ask, _place(wanted)), complete)


def _after(wanted: Wanted, named: Found, hit: Hit) -> Wanted:
    """What is wanted after ``hit``."""
    if not wanted.best:
        return msgspec.structs.replace(wanted, before=hit.key)
    newest, before = named.newest, wanted.before
    if before is None and newest is not None:
        before = newest._replace(position=newest.position + 1)
    return msgspec.structs.replace(wanted, before=before, counts=named.counts, after=(hit.score, hit.key))


def _place(wanted: Wanted) -> Newest | Best:
    if wanted.best and wanted.after is not None and wanted.before is not None:
        return Best(*wanted.after, wanted.before, list(wanted.counts))
    return Newest(wanted.before or Key(0, "", "", 0))


def _behind(wanted: Wanted, ask: Ask, cursor: str) -> Wanted:
    if not wanted.best:
        return msgspec.structs.replace(wanted, before=parsed(ask, cursor, Newest).before)
    place = parsed(ask, cursor, Best)
    return msgspec.structs.replace(wanted, before=place.before, counts=place.counts, after=(place.score, place.key))
