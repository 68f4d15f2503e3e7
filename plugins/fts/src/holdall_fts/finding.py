"""Finding: which documents of each segment have all that is wanted, the newest of them, or the best of those."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import groupby, islice
from operator import itemgetter
from sqlite3 import Connection

from holdall.searching import Found, Hit, Key, Lookup, Need, Wanted
from holdall_fts.lanes import lanes_wanted
from holdall_fts.lookups import Group, looked_up
from holdall_fts.merging import lane_names
from holdall_fts.postings import descending
from holdall_fts.ranking import Ranking
from holdall_fts.rows import Row, dead_bits, rows
from holdall_fts.segments import LABEL, NOTHING, OWNER, PART

__all__ = ["Finder"]

_KEPT = 100_000
_FIRST = Key(-1, "", "", 0)


Place = tuple[Key, Row, int]
"""A document that was found: its key, its segment, and its number there. A plain tuple, for there are many."""


class Finder:
    """Finds in a file, and keeps what never changes of its segments."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._rows: dict[int, Row] = {}
        self._names: dict[int, tuple[str, str]] = {}

    def find(self, connection: Connection, wanted: Wanted) -> Found:
        """What may be ``wanted``."""
        lanes = lanes_wanted(connection, wanted)
        if lanes is None:
            return Found((), more=False)
        needs: list[Need] = [*wanted.needs, *lanes.needs, *[((Lookup(LABEL + label),),) for label in wanted.labels]]
        if wanted.owner is not None:
            needs.append(((Lookup(OWNER + wanted.owner),),))
        search = _Search(connection, wanted, needs, lanes.allowed, self._current(connection), self._names)
        if wanted.best:
            return _best(search, wanted)
        hits = [Hit(key) for key, _, _ in islice(search.newest(), wanted.limit + 1)]
        return Found(hits[: wanted.limit], more=len(hits) > wanted.limit)

    def _current(self, connection: Connection) -> list[Row]:
        """The segments that there are, with what is known of them."""
        if connection is not self._connection:
            self._connection, self._rows, self._names = connection, {}, {}
        found = rows(connection)
        for row in found:
            known = self._rows.get(row.id)
            if known is not None:
                row.same(known)
        self._rows = {row.id: row for row in found}
        if len(self._names) > _KEPT:
            self._names.clear()
        return found


def _best(search: _Search, wanted: Wanted) -> Found:
    places = list(islice(search.newest(), wanted.within))
    words = range(len(wanted.needs))
    counts = wanted.counts or _counts(search, words)
    ranking, after = Ranking.of(counts), wanted.after
    scored: list[tuple[float, Key]] = []
    for row, found in groupby(places, key=itemgetter(1)):
        lengths = row.columns(search.connection).lengths
        score = ranking.scorer([search.group(row, word) for word in words])
        scored += [(score(number, lengths[number]), key) for key, _, number in found]
    if after is not None:
        scored = [one for one in scored if one < after]
    hits = [Hit(key, score) for score, key in nlargest(wanted.limit + 1, scored)]
    newest = places[0][0] if places else None
    return Found(hits[: wanted.limit], len(hits) > wanted.limit, counts, newest)


def _counts(search: _Search, words: range) -> list[int]:
    """What ``Ranking`` has to know: messages, words, and in how many messages each word is that is looked for."""
    having = [sum(search.group(row, word).bits.bit_count() for row in search.rows) for word in words]
    return Ranking.counts(sum(row.docs for row in search.rows), sum(row.words for row in search.rows), having)


class _Search:
    """One search, segment by segment."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        connection: Connection,
        wanted: Wanted,
        needs: Sequence[Need],
        allowed: frozenset[int] | None,
        found: Sequence[Row],
        names: dict[int, tuple[str, str]],
    ) -> None:
        self.connection = connection
        self.rows = found
        self._wanted = wanted
        self._needs = needs
        self._allowed = allowed
        self._names = names
        self._groups: dict[tuple[int, int], Group] = {}

    def group(self, row: Row, need: int) -> Group:
        """What a segment has of one thing that is needed."""
        group = self._groups.get((row.id, need))
        if group is None:
            group = self._groups[row.id, need] = looked_up(self.connection, row, self._needs[need])
        return group

    def newest(self) -> Iterator[Place]:
        """What is found, the newest first."""
        waiting = list(reversed(self.rows))
        runs: list[tuple[Place, Iterator[Place]]] = []
        while True:
            latest = max(runs, key=_time_of, default=None)
            while waiting and (latest is None or waiting[-1].newest >= latest[0][0].at):
                places = self._places(waiting.pop())
                runs += [(place, places) for place in islice(places, 1)]
                latest = max(runs, key=_time_of, default=None)
            if latest is None:
                return
            runs.remove(latest)
            yield latest[0]
            others = max((place[0] for place, _ in runs), default=_FIRST)
            unread = waiting[-1].newest if waiting else -1
            for place in latest[1]:  # for as long as no other run can have a later one
                if place[0] > others and place[0].at > unread:
                    yield place
                else:
                    runs.append((place, latest[1]))
                    break

    def _places(self, row: Row) -> Iterator[Place]:
        """What a segment has, the newest first."""
        before, bits = self._wanted.before, self._bits(row)
        if not bits:
            return
        packed, part, start = row.packed(self.connection), NOTHING, row.docs
        allowed, names = self._allowed, self._names
        for number in descending(bits):
            if number < start:
                part, start = packed.part(number // PART), number // PART * PART
            at = number - start
            lane = part.lanes[at]
            if allowed is not None and lane not in allowed:
                continue
            name = names.get(lane) or self._name(lane)
            if name is None:
                continue
            key = Key(part.times[at], name[0], name[1], part.positions[at])
            if before is None or key < before:
                yield key, row, number

    def _bits(self, row: Row) -> int:
        """The documents of a segment that have all that is needed, at a time that is wanted."""
        bits = self._in_time(row)
        for need in range(len(self._needs)):
            if not bits:
                return 0
            bits &= self.group(row, need).bits
        return bits & ~dead_bits(row) if row.dead else bits

    def _in_time(self, row: Row) -> int:
        wanted = self._wanted
        start, stop = 0, row.docs
        if wanted.since is not None and wanted.since > row.oldest:
            start = bisect_left(row.columns(self.connection).times, wanted.since)
        if wanted.until is not None and wanted.until <= row.newest:
            stop = bisect_left(row.columns(self.connection).times, wanted.until)
        if wanted.before is not None and wanted.before.at < row.newest:
            stop = min(stop, bisect_right(row.columns(self.connection).times, wanted.before.at))
        return (1 << stop) - (1 << start) if start < stop else 0

    def _name(self, lane: int) -> tuple[str, str] | None:
        if lane not in self._names:
            self._names.update(lane_names(self.connection, {lane}))
        return self._names.get(lane)


def _time_of(run: tuple[Place, Iterator[Place]]) -> Key:
    return run[0][0]
