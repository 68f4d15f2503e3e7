"""Commits that wait together, and commits whose writer has gone."""

from __future__ import annotations

import asyncio

import pytest

from holdall.contract import Scan, Span
from holdall.errors import Conflict, StorageError
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import BORN, Step

__all__ = ["BatchCases"]


class BatchCases(Cases):
    """Batches, cancellation and closing."""

    @case
    async def test_batch(self, bench: Bench) -> None:
        """``commit_many``: "in order: ``None`` or the ``Conflict`` of each"; a refused one changes nothing."""
        blocking, thread = bench.opened.blocking, bench.opened.thread
        if blocking is None:
            pytest.skip("its verbs are coroutines: there is no commit_many")
        steps = [Step("p").append("a", b"1").mark("m", 1)]
        first = steps[0].build().onto(None)
        steps += [Step(first).append("a", b"2").mark("m", 2)]
        second = steps[1].build().onto(first)
        steps += [Step(first).append("a", b"stale").mark("m", 9).mark("n", 9), Step("q").append("a", b"3")]
        steps += [Step(second).append("a", b"4").rewrite("a", 0, b"one"), Step("q").append("a", b"again").mark("n", 1)]
        commits = [step.build() for step in steps]
        outcomes = await thread.run(lambda: blocking.commit_many(commits))
        refused = [isinstance(outcome, Conflict) for outcome in outcomes]
        assert refused == [False, False, True, False, False, True]
        assert [outcome is None for outcome in outcomes] == [not conflict for conflict in refused]
        for commit, conflict in zip(commits, refused, strict=True):
            if not conflict:
                bench.model.commit(commit)
        assert not await thread.run(lambda: blocking.commit_many([]))
        await bench.agrees("p", "q")
        await bench.scans(Scan("m"))
        await bench.scans(Scan("n"))

    @case
    async def test_batch_of_conflicts(self, bench: Bench) -> None:
        """A ``Conflict`` is its own commit's only: one that waits in the same batch is taken."""
        await bench.put(Step("p").append("a", b"1"))

        async def refused() -> None:
            with pytest.raises(Conflict):
                await bench.store.commit(Step("p").append("a", b"again").build())

        good = (bench.put(Step(f"good{n}").append("a", b"%d" % n).mark("m", n)) for n in range(10))
        bad = (refused() for _ in range(10))
        await asyncio.gather(*(waiting for pair in zip(good, bad, strict=True) for waiting in pair))
        await bench.agrees("p", *(f"good{n}" for n in range(10)))
        await bench.scans(Scan("m"))

    @case
    async def test_cancelled(self, bench: Bench) -> None:
        """After anything but ``Conflict`` "the outcome is unknown but whole": so it is for a cancelled commit."""
        await bench.put(Step("p").append("a", b"%d" % BORN).append("b", b"begun").mark("m", BORN))
        for turn in range(12):
            found = await bench.store.load("p")
            assert found is not None
            step = Step(found.head)
            step.rewrite("a", 0, b"%d" % step.version).append("b", b"x" * 5000).mark("m", step.version)
            task = asyncio.ensure_future(bench.store.commit(step.build()))
            for _ in range(turn % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.settled(bench)
        await bench.put(Step("q").append("a", b"still takes commits"))
        await bench.agrees("q")

    @staticmethod
    async def settled(bench: Bench) -> None:
        """What is stored is whole, and the next commit onto it is taken, if need be after a reload."""
        for _ in range(10):
            found = await bench.store.load("p", Span("a"), Span("b"))
            assert found is not None
            version = found.head.version
            assert found.records["a", 0] == b"%d" % version, "half of a cancelled commit was stored"
            assert found.head.marks["m"] == version, "half of a cancelled commit was stored"
            assert len(found.records) == 1 + len(found.head.lanes["b"]), "half of a cancelled commit was stored"
            step = Step(found.head)
            try:
                await bench.store.commit(step.rewrite("a", 0, b"%d" % step.version).mark("m", step.version).build())
            except Conflict:
                continue  # the cancelled commit came through after all
            return
        pytest.fail("a cancelled commit keeps moving the partition")

    @case
    async def test_after_close(self, bench: Bench) -> None:
        """A storage is not used after ``close``; if it is, errors are typed, and what it acknowledges it has kept."""
        await bench.put(Step("p").append("a", b"1").mark("m", 1))
        closed = bench.store
        late = bench.onto("p").append("a", b"late")
        await bench.close()
        try:
            await closed.commit(late.build())
        except StorageError:
            pass
        else:
            bench.model.commit(late.build())
        for verb in (lambda: closed.load("p", Span("a")), lambda: closed.scan(Scan("m"))):
            try:
                await verb()
            except StorageError:
                continue
        if bench.durable:
            await bench.open()
            await bench.agrees("p")
