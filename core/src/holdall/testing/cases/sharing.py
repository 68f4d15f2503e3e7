"""The claim of being shared: many processes at once, or none but the first."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from holdall.contract import Durability, Scan, Span
from holdall.errors import StorageBusy
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, verifies
from holdall.testing.children import Child, spawned
from holdall.testing.steps import Step

__all__ = ["SharingCases"]

PROCESSES = 4
APPENDS = 250
SECOND = 1.0
"""How long a second opener may be kept waiting for its ``StorageBusy``."""


def child(bench: Bench, role: str, **task: Any) -> Child:
    """Another process that opens the same storage."""
    return spawned("holdall.testing.child", bench.subject, bench.options, {"role": role, **task})


def shared(bench: Bench) -> None:
    """Only a storage that claims to be shared is held to it."""
    if not bench.abilities.shared:
        pytest.skip("it does not claim to be shared: nothing to check")


def alone(bench: Bench) -> None:
    """Only what outlives its process can be opened by another at all."""
    if bench.abilities.shared:
        pytest.skip("it claims to be shared: a second opener is welcome")
    if bench.abilities.durability < Durability.PROCESS:
        pytest.skip("it lives in its process: there is nothing that another could open")


class SharingCases(Cases):
    """What ``shared`` promises, and what its absence does."""

    @verifies("shared")
    def test_four_processes(self, bench: Bench) -> None:
        """Many processes may have it open at once: 4 of them append 250 times each, and nothing is lost or doubled."""
        shared(bench)
        with ExitStack() as stack:
            tasks = [{"who": who, "partition": "p", "count": APPENDS} for who in range(PROCESSES)]
            children = [stack.enter_context(child(bench, "append", **task)) for task in tasks]
            for one in children:
                one.expect("open")
            for one in children:
                one.say("go")
            for one in children:
                one.expect("appended")
                one.expect("closed")

        async def look() -> None:
            found = await bench.store.load("p", Span("a"), Span("b"))
            assert found is not None
            total = PROCESSES * APPENDS
            assert found.head.lanes["a"].stop == found.head.lanes["b"].stop == total
            records = [found.records["a", n] for n in range(total)]
            assert records == [found.records["b", n] for n in range(total)]
            for who in range(PROCESSES):
                mine = [record for record in records if record.startswith(b"%d/" % who)]
                assert mine == [b"%d/%d" % (who, n) for n in range(APPENDS)]
            assert [item.head for item in await bench.store.scan(Scan("recent"))] == [found.head]

        bench.run(look)

    @verifies("shared")
    def test_another_process_sees(self, bench: Bench) -> None:
        """What one process has acknowledged, every other one sees at once, in ``load`` and in ``scan``."""
        shared(bench)

        async def look() -> None:
            await bench.put(Step("q").append("a", b"mine").mark("recent", 1))
            with child(bench, "append", who="other", partition="p", count=3) as other:
                other.expect("open")
                assert await bench.store.load("p") is None
                other.say("go")
                other.expect("appended")
                found = await bench.store.load("p", Span("a"))
                assert found is not None
                assert dict(found.records) == {("a", n): b"other/%d" % n for n in range(3)}
                walked = [item.head.partition for item in await bench.store.scan(Scan("recent"))]
                assert walked == ["q", "p"]
                assert [item.head.partition for item in await bench.store.scan(Scan())] == ["p", "q"]
                bench.model.heads["p"] = found.head
                bench.model.records["p"] = dict(found.records) | {("b", n): b"other/%d" % n for n in range(3)}
                await bench.put(bench.onto("p").append("a", b"mine"))
                await bench.drop("q")
                other.expect("closed")
            await bench.agrees("p", "q")

        bench.run(look)

    @verifies("shared")
    def test_no_process_sees_half(self, bench: Bench) -> None:
        """One moment, "to any process": a reader never sees a part of another process's commit."""
        shared(bench)
        with (
            child(bench, "watch", partition="p") as watcher,
            child(bench, "append", who=1, partition="p", count=200) as writer,
        ):
            watcher.expect("open")
            writer.expect("open")
            writer.say("go")
            writer.expect("appended")
            watcher.say("enough")
            looks, halves = map(int, watcher.expect("watched").split())
            watcher.expect("closed")
            writer.expect("closed")
        assert looks > 0
        assert halves == 0

    @verifies("shared")
    def test_second_opener_is_refused(self, bench: Bench) -> None:
        """Without ``shared``, "a second opener is refused with ``StorageBusy``", within a second; the first goes on."""
        alone(bench)

        async def first() -> None:
            await bench.put(Step("p").append("a", b"1"))
            with child(bench, "hold") as second:
                waited = float(second.expect("busy"))
                assert waited < SECOND
            await bench.put(bench.onto("p").append("a", b"2"))
            await bench.agrees("p")

        bench.run(first)

    @verifies("shared")
    def test_next_opener_is_welcome(self, bench: Bench) -> None:
        """Closing gives back what was opened: another process can open it then, and not before."""
        alone(bench)
        with child(bench, "hold") as other:
            other.expect("open")

            async def refused() -> None:
                pytest.fail("it was opened although another process has it open")

            with pytest.raises(StorageBusy):
                bench.run(refused)
            other.say("enough")
            other.expect("closed")

        async def welcome() -> None:
            await bench.put(Step("p").append("a", b"1"))

        bench.run(welcome)
