"""The claim of durability: what is acknowledged outlives the storage's being closed, and its process's being killed."""

from __future__ import annotations

import os
from random import Random

import pytest

from holdall.contract import Durability, Scan
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case, verifies
from holdall.testing.cases.nasty import NASTY
from holdall.testing.crash.commits.ledger import Ledger
from holdall.testing.crash.cycle import Moment, scene
from holdall.testing.crash.findings import Findings
from holdall.testing.nursery import Nursery
from holdall.testing.steps import BORN, Step

__all__ = ["DurabilityCases"]

KILLS = int(os.environ.get("HOLDALL_TEST_KILLS", "4"))
SEED = os.environ.get("HOLDALL_TEST_SEED", "1")


def durable(bench: Bench) -> None:
    """Only a storage that claims to outlive the process is held to it."""
    if bench.abilities.durability < Durability.PROCESS:
        pytest.skip("it claims durability none: nothing to check")


class DurabilityCases(Cases):
    """What ``Durability.PROCESS`` and more promise. A power cut needs the crash tool."""

    @verifies("durability")
    @case
    async def test_reopened(self, bench: Bench) -> None:
        """What is acknowledged is there when the storage is opened again: heads, records, marks, and what is gone."""
        durable(bench)
        for n, name in enumerate(NASTY):
            await bench.put(Step(name).append("a", b"%d" % n, bytes(range(256))).append("b", b"2").mark("m", n % 5))
        for n, name in enumerate(NASTY[:30]):
            step = bench.onto(name).rewrite("a", 0, b"new").mark("m", None).mark("n", n).expires(n)
            await bench.put(step.append("a", b"").trim("b", 1))
        for name in NASTY[30:40]:
            await bench.drop(name)
        for name in NASTY[35:40]:
            await bench.put(Step(name, version=BORN + 99).append("c", b"again").mark("m", 1))
        await bench.reopen()
        await bench.agrees(*NASTY)
        for mark in (None, "m", "n"):
            await bench.scans(Scan(mark, limit=1000))
            await bench.scans(Scan(mark, limit=1000, descending=True))

    @verifies("durability")
    @case
    async def test_reopened_again_and_again(self, bench: Bench) -> None:
        """A storage that was closed is as good as it was: it goes on from there, however often."""
        durable(bench)
        await bench.put(Step("p").append("a", b"begun").mark("m", 0))
        for n in range(6):
            await bench.reopen()
            await bench.put(bench.onto("p").append("a", b"%d" % n).mark("m", n))
            await bench.put(Step(f"p{n}").append("a", b"x" * 5000).mark("m", -n))
            await bench.reopen()
            if n % 2:
                await bench.drop(f"p{n}")
        await bench.agrees("p", *(f"p{n}" for n in range(6)))
        await bench.scans(Scan("m"))

    @verifies("durability")
    def test_killed(self, bench: Bench) -> None:
        """What is acknowledged survives ``kill -9``, whole, listed and in order; nothing dropped comes back."""
        durable(bench)
        findings = Findings()
        with Nursery(bench.subject, Ledger.module) as nursery:
            set_up = scene(bench.subject, bench.options, nursery, lambda writers: Ledger(SEED, writers, 0))
            for _ in range(KILLS):
                random = Random(f"{SEED}/{findings.cycles}")  # noqa: S311 - it must repeat
                assert set_up.crash(findings, Moment(random)), findings.details
        report = "\n".join([f"HOLDALL_TEST_SEED={SEED}", str(findings.counts()), *findings.details])
        assert findings.broken == 0, report
        assert findings.acked > 0, report
