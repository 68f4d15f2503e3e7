"""Marks: the order that a storage keeps partitions in."""

from __future__ import annotations

from holdall.contract import Scan
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import BORN, Step

__all__ = ["MarkCases"]


class MarkCases(Cases):
    """Contract: "The storage keeps marks ordered": set, moved, removed, tied."""

    @staticmethod
    async def listed(bench: Bench, *marks: str) -> None:
        """Every mark is walked as the model walks it, both ways."""
        for mark in marks:
            await bench.scans(Scan(mark))
            await bench.scans(Scan(mark, descending=True))

    @case
    async def test_by_score(self, bench: Bench) -> None:
        """A walk over a mark goes "by ``(score, partition)``", upwards or down."""
        scores = [5, 100, -3, 99, 0, 7, 1_700_000_000_000, -9_007_199_254_740_991, 9_007_199_254_740_991, 10]
        await bench.put(*(Step(f"p{n}").mark("m", score) for n, score in enumerate(scores)), Step("unmarked"))
        await self.listed(bench, "m")

    @case
    async def test_ties(self, bench: Bench) -> None:
        """Partitions of one score are walked by name."""
        await bench.put(*(Step(name).mark("m", 7) for name in ("b", "a10", "c", "a", "a2", "B")))
        await self.listed(bench, "m")

    @case
    async def test_ties_compare_as_bytes(self, bench: Bench) -> None:
        """Contract: "Partitions compare as their UTF-8 bytes", not by a locale and not as UTF-16."""
        names = ["z", "é", "e", "E", "\ue000", "\U0001f600", "ß", "ss", "\uffff", "\u00df", "~", "a\u0301", "á"]
        await bench.put(*(Step(name).mark("m", 1) for name in dict.fromkeys(names)))
        await self.listed(bench, "m")

    @case
    async def test_moved(self, bench: Bench) -> None:
        """A mark that moves stands once, at its new score."""
        await bench.put(*(Step(f"p{n}").mark("m", n) for n in range(6)))
        await bench.put(bench.onto("p0").mark("m", 9), bench.onto("p5").mark("m", -1), bench.onto("p3").mark("m", 4))
        await self.listed(bench, "m")
        await bench.put(bench.onto("p0").mark("m", 0))
        await self.listed(bench, "m")

    @case
    async def test_removed(self, bench: Bench) -> None:
        """A mark that is removed (``None``) is no longer walked; it can be set again."""
        await bench.put(*(Step(f"p{n}").mark("m", n).mark("n", n) for n in range(4)))
        await bench.put(bench.onto("p1").mark("m", None), bench.onto("p2").mark("never set", None))
        await self.listed(bench, "m", "n", "never set")
        await bench.put(bench.onto("p1").mark("m", 1))
        await self.listed(bench, "m")
        await bench.agrees("p1", "p2")

    @case
    async def test_dropped(self, bench: Bench) -> None:
        """A dropped partition is in no walk; created again it is only in those of its new marks."""
        await bench.put(*(Step(f"p{n}").mark("m", n).mark("n", n) for n in range(4)))
        await bench.drop("p1")
        await self.listed(bench, "m", "n")
        await bench.scans(Scan())
        await bench.put(Step("p1", version=BORN + 50).mark("n", 9))
        await self.listed(bench, "m", "n")

    @case
    async def test_no_acknowledged_commit_is_missing(self, bench: Bench) -> None:
        """Contract: "No acknowledged commit is ever missing from a scan": each is there as soon as it is acknowledged."""
        for n in range(20):
            await bench.put(Step(f"p{n}").mark("m", n % 3))
            await bench.scans(Scan("m"))
            await bench.put(bench.onto(f"p{n // 2}").mark("m", n % 5).append("a", b"x"))
            await bench.scans(Scan("m"))

    @case
    async def test_many_marks(self, bench: Bench) -> None:
        """A head carries up to 32 marks."""
        step, other = Step("p"), Step("q")
        for n in range(32):
            step.mark(f"mark {n}", n)
            other.mark(f"mark {n}", -n)
        await bench.put(step, other)
        await bench.agrees("p", "q")
        moved = bench.onto("p")
        for n in range(32):
            moved.mark(f"mark {n}", -n - 1 if n % 2 else None)
        await bench.put(moved)
        await bench.agrees("p")
        await self.listed(bench, *(f"mark {n}" for n in range(32)))

    @case
    async def test_walks_of_nothing(self, bench: Bench) -> None:
        """A walk over a mark that nobody carries, or over an empty storage, is empty."""
        await self.listed(bench, "m")
        await bench.scans(Scan())
        await bench.put(Step("p").mark("m", 1))
        await self.listed(bench, "n", "m ", "M")
