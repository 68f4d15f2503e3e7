"""Many tasks at once: nobody's commit is lost, and nobody sees half of one."""

from __future__ import annotations

import asyncio

from holdall.contract import Commit, Scan, Snapshot, Span
from holdall.errors import Conflict
from holdall.testing.bench import Bench
from holdall.testing.case import Cases, case
from holdall.testing.steps import Step

__all__ = ["ConcurrencyCases"]

LANES = (Span("session"), Span("a"), Span("b"))


async def won(bench: Bench, commit: Commit) -> bool:
    """Whether the commit was taken; a ``Conflict`` is the only way not to be."""
    try:
        await bench.store.commit(commit)
    except Conflict:
        return False
    return True


async def append(bench: Bench, partition: str, record: bytes) -> None:
    """Append to two lanes and write the version down, again and again until nobody was faster."""
    while True:
        found = await bench.store.load(partition)
        assert found is not None
        await asyncio.sleep(0)
        step = Step(found.head).append("a", record).append("b", record).mark("m", found.head.lanes["a"].stop + 1)
        if await won(bench, step.rewrite("session", 0, b"%d" % step.version).build()):
            return


def whole(seen: Snapshot) -> None:
    """One moment: the head, the records and the mark are of the same version."""
    head = seen.head
    assert seen.records["session", 0] == b"%d" % head.version, "the head and a record are of two moments"
    assert set(seen.records) == set(head.addresses(LANES)), "the head and the records are of two moments"
    assert head.lanes["a"] == head.lanes["b"], "half of a commit was seen"
    assert head.marks["m"] == head.lanes["a"].stop, "half of a commit was seen"
    assert all(seen.records["a", n] == seen.records["b", n] for n in range(head.lanes["a"].stop))


def founded(name: str) -> Step:
    step = Step(name)
    return step.append("session", b"%d" % step.version).append("a").append("b").mark("m", 0)


class ConcurrencyCases(Cases):
    """Tasks of one process."""

    @case
    async def test_one_winner(self, bench: Bench) -> None:
        """A commit is "refused unless the stored version is the expected one": of many at once, one is taken."""
        await bench.put(Step("p").append("a", b"begun"))
        for turn in range(8):
            steps = [bench.onto("p").append("a", b"%d/%d" % (turn, n)).mark("m", n) for n in range(12)]
            results = await asyncio.gather(*(won(bench, step.build()) for step in steps))
            assert results.count(True) == 1
            bench.model.commit(steps[results.index(True)].build())
            await bench.agrees("p")
            await bench.scans(Scan("m"))

    @case
    async def test_one_creator(self, bench: Bench) -> None:
        """``expect`` 0 means "nothing there": of many that create one partition, one does."""
        for turn in range(5):
            steps = [Step(f"p{turn}").append("a", b"%d" % n).mark("m", n) for n in range(12)]
            results = await asyncio.gather(*(won(bench, step.build()) for step in steps))
            assert results.count(True) == 1
            bench.model.commit(steps[results.index(True)].build())
            await bench.agrees(f"p{turn}")
        await bench.scans(Scan("m"))

    @case
    async def test_nobody_is_lost(self, bench: Bench) -> None:
        """Writers that reload after ``Conflict`` all succeed: every record is there once, without a gap."""
        await bench.put(founded("p"))
        writers = range(6)

        async def write(writer: int) -> None:
            for n in range(8):
                await append(bench, "p", b"%d/%d" % (writer, n))

        await asyncio.gather(*(write(writer) for writer in writers))
        found = await bench.store.load("p", *LANES)
        assert found is not None
        whole(found)
        records = [found.records["a", n] for n in range(48)]
        for writer in writers:
            mine = [record for record in records if record.startswith(b"%d/" % writer)]
            assert mine == [b"%d/%d" % (writer, n) for n in range(8)]

    @case
    async def test_many_partitions(self, bench: Bench) -> None:
        """Partitions are apart: commits on many at once do not disturb each other."""

        async def live(name: str) -> None:
            await bench.put(Step(name).append("a", name.encode()).mark("m", 0))
            for n in range(5):
                await bench.put(bench.onto(name).append("a", b"%d" % n).mark("m", n))
            if name.endswith("7"):
                await bench.drop(name)

        names = [f"p{n}" for n in range(30)]
        await asyncio.gather(*(live(name) for name in names))
        await bench.agrees(*names)
        await bench.scans(Scan("m"))
        await bench.scans(Scan())

    @case
    async def test_one_moment(self, bench: Bench) -> None:
        """``Snapshot``: "one consistent moment of a partition", for ``load`` and for each item of ``scan``."""
        await bench.put(founded("p"), founded("q"))
        writing = 0
        seen = 0

        async def write(partition: str) -> None:
            nonlocal writing
            writing += 1
            for n in range(30):
                await append(bench, partition, b"%d" % n * 50)
            writing -= 1

        async def read() -> None:
            nonlocal seen
            while writing:
                found = await bench.store.load("p", *LANES)
                assert found is not None
                for snapshot in [found, *await bench.store.scan(Scan("m", spans=LANES))]:
                    whole(snapshot)
                seen += 1
                for _ in range(seen % 3):  # or readers and writers could keep step
                    await asyncio.sleep(0)

        await asyncio.gather(write("p"), write("q"), write("p"), read(), read())
        assert seen > 0

    @case
    async def test_a_walk_misses_nobody(self, bench: Bench) -> None:
        """Contract: "No acknowledged commit is ever missing from a scan", also while partitions are being moved."""
        await bench.put(*(Step(f"still{n}").mark("m", n) for n in range(10)))
        await bench.put(*(Step(f"moving{n}").mark("m", n) for n in range(10)))
        moving = True

        async def move() -> None:
            nonlocal moving
            for turn in range(60):
                await bench.put(bench.onto(f"moving{turn % 10}").mark("m", (turn * 7) % 11))
                await asyncio.sleep(0)
            moving = False

        async def read() -> None:
            while moving:
                places = [(item.head.marks["m"], item.head.partition) for item in await bench.store.scan(Scan("m"))]
                assert places == sorted(places), "the walk is out of order"
                assert len({name for _, name in places}) == len(places), "a partition was walked twice"
                assert {name for _, name in places} >= {f"still{n}" for n in range(10)}
                assert len(places) == 20, "who is moved has the mark all the time, and was not walked"
                await asyncio.sleep(0)

        await asyncio.gather(move(), read())
        await bench.scans(Scan("m"))
