"""Walks: pages, cursors, and what they read on the way."""

from __future__ import annotations

from holdall.contract import Scan, Span
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import Step

__all__ = ["ScanCases"]


async def walk(bench: Bench, mark: str | None, limit: int, *, descending: bool) -> list[str]:
    """Every partition of a walk, page by page, each page checked against the model."""
    names: list[str] = []
    after: tuple[int, str] | None = None
    while True:
        page = await bench.scans(Scan(mark, after, limit, descending))
        if not page:
            return names
        names += [item.head.partition for item in page]
        last = page[-1].head
        after = (0 if mark is None else last.marks[mark], last.partition)


class ScanCases(Cases):
    """Walking one mark by score, or every partition by name."""

    @case
    async def test_pages(self, bench: Bench) -> None:
        """``after`` is the last item seen: pages of any size walk everything exactly once, ties included."""
        await bench.put(*(Step(f"p{n}").mark("m", n // 4).append("a", b"x") for n in range(23)))
        for limit in (1, 3, 4, 23, 100):
            for descending in (False, True):
                names = await walk(bench, "m", limit, descending=descending)
                assert len(names) == len(set(names)) == 23

    @case
    async def test_by_name(self, bench: Bench) -> None:
        """Without a mark, a walk goes over every partition by name; the score in ``after`` is 0."""
        await bench.put(
            *(Step(f"p{n}").append("a", b"x") for n in range(23)), Step("É").mark("m", 5), Step("\U0001f600")
        )
        for limit in (1, 7, 100):
            for descending in (False, True):
                names = await walk(bench, None, limit, descending=descending)
                assert len(names) == len(set(names)) == 25

    @case
    async def test_limit(self, bench: Bench) -> None:
        """Contract: "At most ``limit`` items come back", and fewer only at the end of the walk."""
        await bench.put(*(Step(f"p{n:03}").mark("m", n) for n in range(120)))
        for limit in (1, 2, 99, 100, 119, 120, 121):
            await bench.scans(Scan("m", limit=limit))
            await bench.scans(Scan(limit=limit, descending=True))
        assert len(await bench.scans(Scan("m"))) == 100

    @case
    async def test_after_what_is_not_there(self, bench: Bench) -> None:
        """``after`` is a place in the order: it need not be a partition, nor still be one."""
        await bench.put(*(Step(f"p{n}").mark("m", n * 10) for n in range(6)))
        await bench.drop("p3")
        for after in [(30, "p3"), (20, ""), (20, "p2\0"), (25, "anyone"), (-99, "z"), (99, "a"), (50, "p5")]:
            for descending in (False, True):
                await bench.scans(Scan("m", after, descending=descending))
                await bench.scans(Scan(None, (0, after[1]), descending=descending))

    @case
    async def test_others_move(self, bench: Bench) -> None:
        """A walk sees each partition that stays in place exactly once while others are moved, made and dropped."""
        await bench.put(*(Step(f"still{n}").mark("m", n * 10 + 5) for n in range(12)))
        await bench.put(*(Step(f"moving{n}").mark("m", n * 10) for n in range(12)))
        seen: list[str] = []
        after: tuple[int, str] | None = None
        for turn in range(40):
            page = await bench.scans(Scan("m", after, 2))
            if not page:
                break
            seen += [item.head.partition for item in page]
            after = (page[-1].head.marks["m"], page[-1].head.partition)
            moved = f"moving{turn % 12}"
            if moved in bench.model.heads:
                await bench.put(bench.onto(moved).mark("m", (turn * 37) % 130))
            await bench.put(Step(f"new{turn}").mark("m", (turn * 53) % 120))
            if turn % 5 == 4:
                await bench.drop(f"new{turn - 1}")
        still = [name for name in seen if name.startswith("still")]
        assert still == [f"still{n}" for n in range(12)]

    @case
    async def test_spans_on_the_way(self, bench: Bench) -> None:
        """Each item comes "with ``spans`` read", as ``load`` reads them, for every partition its own way."""
        for n in range(6):
            step = Step(f"p{n}").mark("m", n).start("late", 100 * n, b"l%d" % n, b"m%d" % n)
            await bench.put(step.append("a", *(b"%d/%d" % (n, k) for k in range(n))))
        for spans in ([Span("a", -2)], [Span("a", 1, 3), Span("late", -1)], [Span("late", 200, 202)], [Span("none")]):
            await bench.scans(Scan("m", spans=spans))
            await bench.scans(Scan(spans=spans, descending=True, limit=4))

    @case
    async def test_an_item_is_one_moment(self, bench: Bench) -> None:
        """A walk shows heads as they are now, not as they were when the mark was set."""
        await bench.put(*(Step(f"p{n}").mark("m", n).append("a", b"old") for n in range(3)))
        await bench.put(bench.onto("p1").rewrite("a", 0, b"new").append("a", b"more").mark("n", 1).expires(77))
        await bench.scans(Scan("m", spans=[Span("a")]))
        await bench.scans(Scan("n", spans=[Span("a", -1)]))

    @case
    async def test_marks_are_apart(self, bench: Bench) -> None:
        """A walk over one mark sees nothing of another, however alike their names and scores."""
        for n, mark in enumerate(["m", "mm", "m:1", "M", "m\0", "m/1", "1"]):
            await bench.put(Step(f"p{n}").mark(mark, 1).mark("all", n), Step(f"q{n}").mark(mark, 11))
        for mark in ["m", "mm", "m:1", "M", "m\0", "m/1", "1", "all"]:
            await bench.scans(Scan(mark))
