"""Lanes, and the spans that read them."""

from __future__ import annotations

from holdall.contract import Span
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import Step

__all__ = ["LaneCases"]


def numbered(start: int, stop: int) -> list[bytes]:
    return [b"record %d" % n for n in range(start, stop)]


class LaneCases(Cases):
    """Dense runs of records, read by spans."""

    @case
    async def test_order_past_ten(self, bench: Bench) -> None:
        """A lane is a dense run of numbered records: position 10 lies behind 9, and 100 behind 99."""
        await bench.put(Step("p").append("a", *numbered(0, 8)))
        for n in range(8, 14):
            await bench.put(bench.onto("p").append("a", *numbered(n, n + 1)))
        await bench.put(bench.onto("p").append("a", *numbered(14, 120)))
        for start, stop in [(0, None), (8, 12), (9, 11), (98, 102), (1, 2), (10, 11), (-21, None)]:
            await bench.reads("p", Span("a", start, stop))

    @case
    async def test_spans(self, bench: Bench) -> None:
        """``Span``: "a negative ``start`` counts from the lane's end; no ``stop`` means its end"."""
        await bench.put(Step("p").append("a", *numbered(0, 6)))
        for start in (-9, -6, -5, -1, 0, 1, 5, 6, 9):
            for stop in (None, 0, 1, 5, 6, 9):
                await bench.reads("p", Span("a", start, stop))

    @case
    async def test_spans_of_a_lane_that_starts_late(self, bench: Bench) -> None:
        """Spans are absolute positions, read where the lane really has them."""
        await bench.put(Step("p").start("a", 1000, *numbered(1000, 1006)))
        for start in (-9, -6, -2, 0, 5, 999, 1000, 1003, 1006, 2000):
            for stop in (None, 0, 1000, 1002, 1006, 2000):
                await bench.reads("p", Span("a", start, stop))

    @case
    async def test_several_spans(self, bench: Bench) -> None:
        """One ``load`` reads any number of spans: of several lanes, of the same lane, overlapping, of no lane."""
        await bench.put(Step("p").append("a", *numbered(0, 6)).append("b", *numbered(50, 53)).append("empty"))
        await bench.reads("p", Span("b", -1), Span("a", 2, 4), Span("a", 0, 1), Span("empty"), Span("none", -3))
        await bench.reads("p", Span("a", 0, 4), Span("a", 2, 6), Span("a", -1))
        await bench.reads("p")

    @case
    async def test_rewrite(self, bench: Bench) -> None:
        """A record may be overwritten; ``rewritten`` is kept, and its neighbours stay."""
        await bench.put(Step("p").append("a", *numbered(0, 12)).append("b", *numbered(0, 12)))
        await bench.put(bench.onto("p").rewrite("a", 10, b"longer than it was before"))
        await bench.agrees("p")
        await bench.put(bench.onto("p").rewrite("a", 1, b"").rewrite("a", 0, b"x").append("a", b"and more"))
        await bench.agrees("p")

    @case
    async def test_first_moves(self, bench: Bench) -> None:
        """Records outside ``first..stop`` are not read, and erasing them leaves every other one."""
        await bench.put(Step("p").append("a", *numbered(0, 12)).append("b", *numbered(0, 12)))
        await bench.put(bench.onto("p").trim("a", 3))
        await bench.agrees("p")
        await bench.reads("p", Span("a", 0, 5), Span("a", -20, 4), Span("b", 0, 5))
        await bench.put(bench.onto("p").trim("a", 11).append("a", b"12"))
        await bench.agrees("p")
        await bench.put(bench.onto("p").trim("a", 13))
        await bench.agrees("p")

    @case
    async def test_stop_moves_back(self, bench: Bench) -> None:
        """Records behind a lane's new ``stop`` are gone; what is appended there later is what is read."""
        await bench.put(Step("p").append("a", *numbered(0, 12)))
        await bench.put(bench.onto("p").cut("a", 4))
        await bench.agrees("p")
        await bench.put(bench.onto("p").append("a", b"other 4", b"other 5"))
        await bench.agrees("p")
        await bench.reads("p", Span("a", 3, 20))

    @case
    async def test_erase_and_write_in_one(self, bench: Bench) -> None:
        """One commit may erase some records and write others."""
        await bench.put(Step("p").append("a", *numbered(0, 12)).append("b", *numbered(0, 5)))
        await bench.put(bench.onto("p").trim("a", 6).rewrite("a", 6, b"six").append("a", b"12").append("b", b"5"))
        await bench.agrees("p")

    @case
    async def test_lane_removed(self, bench: Bench) -> None:
        """``lanes``: "``None``: the lane goes, with its records", and no other lane does."""
        step = Step("p").append("a", *numbered(0, 3)).append("a/b", *numbered(3, 6)).append("ab", *numbered(6, 9))
        await bench.put(step)
        await bench.put(bench.onto("p").remove("a").append("ab", b"9"))
        await bench.agrees("p")
        await bench.reads("p", Span("a"), Span("a", -1), Span("ab", -1))
        await bench.put(bench.onto("p").append("a", b"begun again"))
        await bench.agrees("p")
        await bench.put(bench.onto("p").remove("nothing of that name"))
        await bench.agrees("p")

    @case
    async def test_a_thousand_lanes(self, bench: Bench) -> None:
        """A session may have a thousand branches: each is a lane, and a commit names only those that moved."""
        step = Step("p")
        for n in range(1000):
            step.append(f"messages/{n}", b"%d" % n)
        await bench.put(step)
        await bench.put(bench.onto("p").append("messages/7", b"more"))
        await bench.put(bench.onto("p").remove("messages/8"))
        await bench.agrees("p")

    @case
    async def test_lane_order_does_not_matter(self, bench: Bench) -> None:
        """Lanes are named: commits that move them in another order leave the same head."""
        await bench.put(Step("p").append("b", b"1").append("a", b"2").append("c", b"3"))
        await bench.put(bench.onto("p").append("c", b"4", b"5").append("b", b"6"))
        await bench.agrees("p")
