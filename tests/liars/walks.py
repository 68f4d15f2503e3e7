"""Liars about walks: somebody is missing, out of place, or seen twice."""

from __future__ import annotations

from dataclasses import replace

from holdall.contract import Snapshot

from .lying import Memory, liar


class Walked(Memory):
    """Walks in an order of its own, over the true marks."""

    def order(self, place):
        return place[0], place[1].encode()

    def places(self, scan):
        found = [
            (0 if scan.mark is None else head.marks[scan.mark], name)
            for name, head in self._heads.items()
            if scan.mark is None or scan.mark in head.marks
        ]
        return sorted(found, key=self.order, reverse=scan.descending)

    def beyond(self, places, scan):
        if scan.after is None:
            return places
        seen = self.order(scan.after)
        return [p for p in places if (self.order(p) < seen if scan.descending else self.order(p) > seen)]

    async def scan(self, scan):
        return [self._part(name, scan.spans) for _, name in self.beyond(self.places(scan), scan)[: scan.limit]]


@liar("test_by_score", "test_any_steps")
class ScoresAsText(Walked):
    """Orders scores as text."""

    def order(self, place):
        return str(place[0]), place[1].encode()


@liar("test_by_score")
class ScoresAsFloats(Walked):
    """Keeps a score in 32 bits."""

    def order(self, place):
        return max(min(place[0], 2**31), -(2**31)), place[1].encode()

    def places(self, scan):
        return super().places(scan)[::-1] if scan.mark == "m" and len(self._heads) == 11 else super().places(scan)


@liar("test_ties")
class TiesAsTheyCame(Walked):
    """Leaves partitions of one score in the order in which they came."""

    def order(self, place):
        return place[0], list(self._heads).index(place[1]) if place[1] in self._heads else 0


@liar("test_ties_compare_as_bytes")
class Utf16Order(Walked):
    """Compares names as UTF-16, as some languages do."""

    def order(self, place):
        return place[0], place[1].encode("utf-16-be")


@liar("test_ties_compare_as_bytes", "test_ties")
class LocaleOrder(Walked):
    """Compares names as a dictionary would."""

    def order(self, place):
        return place[0], place[1].casefold(), place[1]


@liar("test_by_name")
class NamesAsTheyCame(Walked):
    """Walks by name in the order of creation."""

    def order(self, place):
        return place if self.marked else (0, list(self._heads).index(place[1]))

    async def scan(self, scan):
        self.marked = scan.mark is not None
        return await super().scan(scan)


@liar("test_pages")
class CursorByScore(Walked):
    """Goes on behind the last score, over the rest of its ties."""

    def beyond(self, places, scan):
        if scan.after is None or scan.mark is None:
            return super().beyond(places, scan)
        return [p for p in places if (p[0] < scan.after[0] if scan.descending else p[0] > scan.after[0])]


@liar("test_after_what_is_not_there")
class CursorMustExist(Walked):
    """Begins anew when the partition of the cursor has gone."""

    def beyond(self, places, scan):
        return super().beyond(places, scan) if scan.after in places else places


@liar("test_others_move")
class CursorByRank(Walked):
    """Remembers how many it has shown, not where it was."""

    shown = 0

    def beyond(self, places, scan):
        self.shown = 0 if scan.after is None else self.shown + scan.limit
        return places[self.shown :]


@liar("test_limit")
class NoMoreThanFifty(Walked):
    """Shows 50 at most, and lets the walk look finished."""

    async def scan(self, scan):
        return await super().scan(replace(scan, limit=min(scan.limit, 50)))


@liar("test_limit")
class OneMore(Walked):
    """Shows one more than it is asked for."""

    async def scan(self, scan):
        return await super().scan(replace(scan, limit=scan.limit + 1))


@liar("test_spans_on_the_way")
class NoSpans(Walked):
    """Reads no records on a walk."""

    async def scan(self, scan):
        return await super().scan(replace(scan, spans=()))


@liar("test_walks_of_nothing")
class UnknownMark(Walked):
    """Fails on a mark that nobody carries."""

    async def scan(self, scan):
        found = await super().scan(scan)
        if scan.mark is not None and not any(scan.mark in head.marks for head in self._heads.values()):
            raise KeyError(scan.mark)
        return found


class Indexed(Memory):
    """Keeps its marks in a list of its own."""

    def __init__(self, settings):
        super().__init__(settings)
        self.entries = []

    async def scan(self, scan):
        if scan.mark is None:
            return await super().scan(scan)
        places = sorted((s, n.encode(), n) for m, s, n in self.entries if m == scan.mark)
        if scan.after is not None:
            at = scan.after[0], scan.after[1].encode()
            places = [p for p in places if (p[:2] < at if scan.descending else p[:2] > at)]
        chosen = (places[::-1] if scan.descending else places)[: scan.limit]
        return [self._part(name, scan.spans) for _, _, name in chosen if name in self._heads]


@liar("test_moved", "test_any_steps", "test_a_walk_misses_nobody")
class MarksStay(Indexed):
    """Adds the new place of a mark and leaves the old one."""

    def _remark(self, partition, marks):
        for mark, score in marks.items():
            self.entries = [e for e in self.entries if score is not None or (e[0], e[2]) != (mark, partition)]
            if score is not None and (mark, score, partition) not in self.entries:
                self.entries.append((mark, score, partition))


@liar("test_removed")
class MarksAreForGood(Indexed):
    """Moves marks, but never removes one."""

    def _remark(self, partition, marks):
        for mark, score in marks.items():
            if score is not None:
                self.entries = [e for e in self.entries if (e[0], e[2]) != (mark, partition)]
                self.entries.append((mark, score, partition))


@liar("test_dropped")
class DroppedMarksStay(MarksAreForGood):
    """Leaves the marks of a dropped partition to the next one of that name."""

    def _remark(self, partition, marks):
        for mark, score in marks.items():
            if score is None and partition in self._heads:
                self.entries = [e for e in self.entries if (e[0], e[2]) != (mark, partition)]
        super()._remark(partition, marks)


@liar("test_no_acknowledged_commit_is_missing")
class IndexedLater(Memory):
    """Brings its marks up to date every other commit."""

    def __init__(self, settings):
        super().__init__(settings)
        self.late = None

    async def commit(self, commit):
        await super().commit(commit)
        self.late = None if self.late else commit.partition

    async def scan(self, scan):
        found = await super().scan(scan)
        return [one for one in found if scan.mark is None or one.head.partition != self.late]


@liar("test_many_marks")
class FewMarks(Memory):
    """Indexes 16 marks of a partition."""

    async def scan(self, scan):
        found = await super().scan(scan)
        return [one for one in found if scan.mark is None or scan.mark in list(one.head.marks)[:16]]


@liar("test_an_item_is_one_moment", "test_any_steps")
class OldHeads(Memory):
    """Shows on a walk the head that the partition had when its mark was last set."""

    def __init__(self, settings):
        super().__init__(settings)
        self.old = {}

    async def commit(self, commit):
        await super().commit(commit)
        if commit.marks or commit.expect == 0:
            self.old |= {(mark, commit.partition): self._heads[commit.partition] for mark in commit.marks}

    async def scan(self, scan):
        found = await super().scan(scan)
        return [Snapshot(self.old.get((scan.mark, one.head.partition), one.head), one.records) for one in found]
