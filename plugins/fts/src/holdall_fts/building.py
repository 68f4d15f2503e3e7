"""Making segments: from documents, and from other segments."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from holdall_fts.postings import decoded, encoded, often_in
from holdall_fts.segments import Block, Columns, blocks_of

__all__ = ["Entry", "Part", "Segment", "built", "merged"]

_LONGEST = (1 << 16) - 1


class Entry(NamedTuple):
    """A document that a segment is built of."""

    at: int
    order: tuple[str, str]
    """The session and branch, by which documents of the same time are in order."""
    position: int
    lane: int
    check: int
    terms: Mapping[str, int]
    labels: Sequence[str]


class Segment(NamedTuple):
    """A segment that was made."""

    columns: Columns
    blocks: Iterable[Block]


class Part(NamedTuple):
    """A segment to merge: all of its terms in order, and which of its documents go."""

    columns: Columns
    terms: Iterator[tuple[str, bytes]]
    dead: set[int]


def built(entries: list[Entry]) -> Segment:
    """A segment of ``entries``."""
    entries.sort(key=itemgetter(0, 1, 2))
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    often: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for term, count in entry.terms.items():
            numbers[term].append(number)
            if count > 1:
                often[term].append((number, count))
        for label in entry.labels:
            numbers[label].append(number)
    columns = Columns(
        array("q", (entry.at for entry in entries)),
        array("I", (entry.lane for entry in entries)),
        array("I", (entry.position for entry in entries)),
        array("I", (entry.check for entry in entries)),
        array("H", (min(sum(entry.terms.values()), _LONGEST) for entry in entries)),
    )
    most = len(entries)
    terms = ((term, encoded(numbers[term], often.get(term, ()), most)) for term in sorted(numbers))
    return Segment(columns, blocks_of(terms))


def merged(parts: Sequence[Part], order: Mapping[int, tuple[str, str]]) -> Segment:
    """One segment of several, without their dead; ``order``: the session and branch of each lane."""
    ranks = {lane: rank for rank, lane in enumerate(sorted(order, key=lambda lane: order[lane]))}
    live: list[tuple[int, int, int, int, int]] = []
    for which, (columns, _, dead) in enumerate(parts):
        times, lanes, positions = columns[:3]
        live += [
            (times[number], ranks[lanes[number]], positions[number], which, number)
            for number in range(len(times))
            if number not in dead
        ]
    live.sort()
    moved = [[-1] * len(part.columns.times) for part in parts]
    for new, (_, _, _, which, number) in enumerate(live):
        moved[which][number] = new
    sources = [part.columns for part in parts]
    columns = Columns(
        array("q", (row[0] for row in live)),
        *(
            array(kind, (sources[which][column][number] for _, _, _, which, number in live))
            for column, kind in enumerate("IIIH", 1)
        ),
    )
    return Segment(columns, blocks_of(_joined(parts, moved, len(live))))


def _joined(parts: Sequence[Part], moved: Sequence[Sequence[int]], most: int) -> Iterator[tuple[str, bytes]]:
    """All terms in order, with their documents as they are numbered now."""
    streams = [_stream(which, part) for which, part in enumerate(parts)]
    for term, found in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        numbers: list[int] = []
        often: list[tuple[int, int]] = []
        for _, which, data in found:
            to = moved[which]
            numbers += [to[number] for number in decoded(data)]
            often += [(to[number], count) for number, count in often_in(data).items() if to[number] >= 0]
        numbers = [number for number in numbers if number >= 0]
        if numbers:
            yield term, encoded(sorted(numbers), sorted(often), most)


def _stream(which: int, part: Part) -> Iterator[tuple[str, int, bytes]]:
    return ((term, which, data) for term, data in part.terms)
