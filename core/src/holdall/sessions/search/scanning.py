"""Searching without an index: the sessions that may be seen are read, a part of them for each page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from holdall.contract import Head, Scan, Span
from holdall.errors import Damaged, Invalid, NotFound
from holdall.sessions.engine import Engine
from holdall.sessions.names import RECENT, branch_of, hashed, messages_lane
from holdall.sessions.search.cursors import Scanned, encoded, parsed
from holdall.sessions.search.views import Match, SearchPage

if TYPE_CHECKING:
    from holdall.sessions.search.asking import Ask
    from holdall.sessions.search.checking import Checker

__all__ = ["scan"]

_EXAMINED, _AT_ONCE, _PAGE = 5000, 500, 50
"""Messages that are read for one page, and at once; sessions that are looked up at once."""


async def scan(engine: Engine, checker: Checker, ask: Ask, limit: int, cursor: str | None) -> SearchPage:
    """A page of what is found: of the session that was active last first, and of each branch what was said last."""
    if ask.best:
        raise Invalid("best first needs a search index: [search] use names none", pointer="/order")
    place = None if cursor is None else parsed(ask, cursor, Scanned)
    mark = RECENT if ask.owner is None else hashed("owner", ask.owner)
    walk = _Walk(engine, checker, limit, mark)
    if ask.session is not None:
        head = (await engine.current(ask.session, checker.check)).head
        last = await walk.session(head, place)
        return SearchPage(walk.found, None if last is None else encoded(ask, last))
    after: tuple[int, str] | None = None
    if place is not None:  # the session that was not read to its end, which may be elsewhere by now
        after = place.score, place.partition
        begun = await engine.storage.load(place.partition)
        last = None if begun is None else await walk.session(begun.head, place)
        if last is not None:
            return SearchPage(walk.found, encoded(ask, last))
    while True:
        batch = await engine.storage.scan(Scan(mark, after, _PAGE, descending=True))
        for head in (one.head for one in batch):
            last = await walk.session(head, None)
            if last is not None:
                return SearchPage(walk.found, encoded(ask, last))
            after = head.marks[mark], head.partition
        if len(batch) < _PAGE:
            return SearchPage(walk.found)


class _Walk:
    """What was found, and how much was read for it."""

    def __init__(self, engine: Engine, checker: Checker, limit: int, mark: str) -> None:
        self._mark = mark
        self.found: list[Match] = []
        self._engine = engine
        self._checker = checker
        self._limit = limit
        self._left = _EXAMINED

    async def session(self, head: Head, place: Scanned | None) -> Scanned | None:
        """Look at the messages of a session, behind ``place``; returns where to go on, if not all were looked at."""
        score = place.score if place is not None else head.marks.get(self._mark, 0)
        partition = head.partition
        if not partition.startswith("session/"):
            return None
        for branch, positions in _runs(head, place):
            span = Span(messages_lane(branch), positions.start, positions.stop)
            try:
                session = partition.removeprefix("session/")
                view = await self._engine.view(session, span, check=self._checker.check)
            except (NotFound, Damaged):
                return None
            if not self._checker.wants(view.state):
                return None
            for position in reversed(positions):
                if self._left == 0 or len(self.found) == self._limit:
                    return Scanned(score, partition, branch, position + 1)
                self._left -= 1
                match = await self._checker.shown(view, branch, position)
                self.found += [] if match is None else [match]
        return None


def _runs(head: Head, place: Scanned | None) -> Iterator[tuple[str, range]]:
    """The positions of each branch behind ``place``, the last ones first."""
    branches: Sequence[str] = sorted(filter(None, map(branch_of, head.lanes)))
    for branch in branches:
        if place is not None and branch < place.branch:
            continue
        lane = head.lanes[messages_lane(branch)]
        stop = lane.stop
        if place is not None and branch == place.branch:
            stop = min(stop, place.position)
        while stop > lane.first:
            start = max(lane.first, stop - _AT_ONCE)
            yield branch, range(start, stop)
            stop = start
