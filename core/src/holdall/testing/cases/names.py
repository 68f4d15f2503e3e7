"""Names: a storage takes every one, as a partition, a lane or a mark."""

from __future__ import annotations

from holdall.contract import Scan, Span
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.cases.nasty import NASTY
from holdall.testing.steps import Step

__all__ = ["NameCases"]


class NameCases(Cases):
    """Contract: "Partition names are any UTF-8 up to 200 bytes"; lanes and marks are named as freely."""

    @case
    async def test_any_partition(self, bench: Bench) -> None:
        """Every name is a partition of its own."""
        await bench.put(*(Step(name).append("a", b"%d" % n, b"x").mark("m", n % 7) for n, name in enumerate(NASTY)))
        await bench.agrees(*NASTY)
        await bench.scans(Scan(limit=1000))
        await bench.scans(Scan("m", limit=1000, descending=True))
        for name in NASTY[::2]:
            await bench.drop(name)
        await bench.agrees(*NASTY)
        await bench.scans(Scan(limit=1000))

    @case
    async def test_any_lane(self, bench: Bench) -> None:
        """Every name is a lane of its own."""
        step = Step("p")
        for n, name in enumerate(NASTY):
            step.append(name, b"%d" % n, b"y")
        await bench.put(step)
        await bench.agrees("p")
        changed = bench.onto("p")
        for name in NASTY[::2]:
            changed.remove(name)
        for name in NASTY[1::2]:
            changed.append(name, b"more")
        await bench.put(changed)
        await bench.agrees("p")
        await bench.reads("p", *(Span(name, -1) for name in NASTY))

    @case
    async def test_any_mark(self, bench: Bench) -> None:
        """Every name is a mark of its own."""
        await bench.put(*(Step(f"p{n}").mark(name, n) for n, name in enumerate(NASTY)))
        for name in NASTY:
            await bench.scans(Scan(name))

    @case
    async def test_names_that_look_joined(self, bench: Bench) -> None:
        """A partition and a lane are two names, never one joined text."""
        seams = "/:\0-_.| "
        pairs = [("a", f"b{seam}c") for seam in seams] + [(f"a{seam}b", "c") for seam in seams]
        pairs += [("a", f"{seam}b") for seam in seams] + [(f"a{seam}", "b") for seam in seams] + [("a", "b")]
        for n, (partition, lane) in enumerate(pairs):
            step = bench.onto(partition) if partition in bench.model.heads else Step(partition)
            await bench.put(step.append(lane, b"%d" % n).mark(lane, n))
        await bench.agrees(*bench.model.heads)
        victim = next(iter(bench.model.heads))
        await bench.drop(victim)
        await bench.agrees(victim, *bench.model.heads)
