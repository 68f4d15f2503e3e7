"""What a commit changes, and what a refused one does not."""

from __future__ import annotations

import pytest

from holdall.contract import Scan
from holdall.errors import Conflict
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import BORN, Step

__all__ = ["CommitCases"]


class CommitCases(Cases):
    """One atomic step, refused unless the stored version is the expected one."""

    @staticmethod
    async def refused(bench: Bench, step: Step) -> None:
        """``step`` is a ``Conflict``, and nothing changed."""
        with pytest.raises(Conflict):
            await bench.store.commit(step.build())
        await bench.agrees(*bench.model.heads, step.partition)
        await bench.scans(Scan())
        for mark in ("m", "n", "fresh"):
            await bench.scans(Scan(mark))

    @case
    async def test_stale_commit_changes_nothing(self, bench: Bench) -> None:
        """Contract: "After ``Conflict`` nothing changed": not the records, the lanes, the marks or the expiry."""
        await bench.put(Step("p").append("a", b"0", b"1").append("b", b"2").mark("m", 1).mark("n", 2).expires(5))
        old = bench.model.heads["p"]
        await bench.put(bench.onto("p").append("a", b"2"))
        await self.refused(bench, Step(old).append("a", b"stale").rewrite("a", 0, b"stale").expires(6))
        await self.refused(bench, Step(old).append("fresh", b"stale").mark("fresh", 3))
        await self.refused(bench, Step(old).mark("m", 9).mark("n", None))
        await self.refused(bench, Step(old).remove("b"))
        await self.refused(bench, Step(old).trim("a", 1))

    @case
    async def test_created_twice(self, bench: Bench) -> None:
        """``expect`` 0 means "nothing there": the second creation is refused, whatever its version."""
        await bench.put(Step("p").append("a", b"first").mark("m", 1))
        await self.refused(bench, Step("p").append("a", b"second").mark("n", 1))
        await self.refused(bench, Step("p", version=BORN + 5).append("a", b"second"))

    @case
    async def test_commit_onto_nothing(self, bench: Bench) -> None:
        """A commit that expects a version is refused where there is no partition, and makes none."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        head = bench.model.heads["p"]
        await bench.drop("p")
        await self.refused(bench, Step(head).append("a", b"late").mark("m", 2))

    @case
    async def test_commit_from_the_future(self, bench: Bench) -> None:
        """The stored version must be the expected one: a higher ``expect`` is refused as a lower one is."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        ahead = bench.onto("p").append("a", b"2").build().onto(bench.model.heads["p"])
        await self.refused(bench, Step(ahead).append("a", b"3").mark("fresh", 1))

    @case
    async def test_a_name_used_again(self, bench: Bench) -> None:
        """Contract: "A name used again never repeats a version": a writer of the old partition is refused by the new one."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        old = bench.model.heads["p"]
        await bench.drop("p")
        await bench.put(Step("p", version=BORN + 1000).append("a", b"new"))
        await self.refused(bench, Step(old).append("a", b"late").mark("m", 2))
        with pytest.raises(Conflict):
            await bench.store.drop("p", expect=old.version)
        await bench.agrees("p")

    @case
    async def test_versions_may_leap(self, bench: Bench) -> None:
        """A storage only compares a version: any next one is kept as it is, to the microsecond of a far year."""
        await bench.put(Step("p", version=1).append("a", b"1"))
        for version in (2, 1000, BORN, 9_007_199_254_740_991):
            await bench.put(Step(bench.model.heads["p"], version=version).append("a", b"%d" % version))
            await bench.agrees("p")

    @case
    async def test_five_hundred_records(self, bench: Bench) -> None:
        """A commit is one step however many records it writes."""
        step = Step("p")
        for n in range(500):
            step.append(f"lane {n % 5}", b"%d" % n * (n % 50))
        await bench.put(step)
        await bench.agrees("p")

    @case
    async def test_only_changes_are_named(self, bench: Bench) -> None:
        """Contract: "Only what changes is named": lanes and marks that a commit leaves out stay as they were."""
        await bench.put(Step("p").append("a", b"1").append("b", b"2").mark("m", 1).mark("n", 2))
        await bench.put(bench.onto("p").append("a", b"3"))
        await bench.put(bench.onto("p").mark("m", 4))
        await bench.put(bench.onto("p"))
        await bench.agrees("p")
        await bench.scans(Scan("m"))
        await bench.scans(Scan("n"))

    @case
    async def test_snapshots_do_not_move(self, bench: Bench) -> None:
        """A snapshot is one moment: later commits do not change one that was handed out."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        seen = await bench.store.load("p")
        assert seen is not None
        before = (seen.head.version, dict(seen.head.lanes), dict(seen.head.marks))
        await bench.put(bench.onto("p").append("a", b"2").append("b", b"3").mark("m", 2).mark("n", 3))
        assert (seen.head.version, dict(seen.head.lanes), dict(seen.head.marks)) == before
