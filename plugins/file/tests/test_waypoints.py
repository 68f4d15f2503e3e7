"""Pages anywhere in a log, while readings remember the way and the log changes under them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import tracemalloc

import pytest

from holdall.contract import Span
from holdall.errors import Damaged
from holdall.testing.steps import Step
from holdall_file import FileSessionStorage, FileSettings
from holdall_file.folder import log_name
from holdall_file.seek import Plan, read
from holdall_file.waypoints import Trails, Waypoint

spawn = multiprocessing.get_context("spawn")
NAME = "walked"
LANES = ("a", "b", "c")
BIG = 6_000
"""Bytes of the larger records: a checkpoint comes every 256 KiB."""


def grow(chance, step):
    """Add one random change to a step; whether there is one."""
    lane = chance.choices(LANES, (6, 3, 1))[0]
    run = step.head.lanes.get(lane)
    kind = chance.choices(("append", "rewrite", "trim", "cut", "remove"), (80, 12, 3, 3, 2))[0]
    if kind == "append" or run is None or run.stop - run.first < 5:
        records = [
            b'"%s %d"' % (chance.randbytes(4).hex().encode() * chance.choice((1, BIG // 8)), n) for n in range(8)
        ]
        if run is None:
            step.start(lane, chance.choice((0, 1_000)), *records)
        else:
            step.append(lane, *records)
    elif kind == "rewrite":
        step.rewrite(lane, chance.randrange(run.first, run.stop), b'"again %d"' % chance.getrandbits(40))
    elif kind == "trim":
        step.trim(lane, chance.randrange(run.first, run.first + (run.stop - run.first) // 4 + 1))
    elif kind == "cut":
        step.cut(lane, chance.randrange(run.stop - max((run.stop - run.first) // 8, 1), run.stop))
    else:
        step.remove(lane)


async def work(store, seed, count):
    """``count`` random commits; what they wrote, for the model."""
    chance = random.Random(seed)
    wrote = {}
    for _ in range(count):
        found = await store.load(NAME)
        step = Step(NAME).append("session", b"{}") if found is None else Step(found.head)
        if found is not None:
            grow(chance, step)
        commit = step.build()
        await store.commit(commit)
        wrote.update(commit.write)
    return wrote


def other(path, pipe):
    """Another process: does what it is told by the pipe."""

    async def run():
        store = await FileSessionStorage.open(FileSettings(path=path, durability="process"))
        while (order := pipe.recv()) is not None:
            pipe.send(await store.purge(NAME) if order == "purge" else await work(store, *order))
        await store.close()

    asyncio.run(run())


async def compare(store, model, chance, pages):
    """Pages at random places are what was written there last."""
    for _ in range(pages):
        head = (await store.load(NAME)).head
        lane = chance.choice([name for name in head.lanes if name != "session"] or ["session"])
        run = head.lanes[lane]
        first = chance.randrange(run.first, max(run.stop, run.first + 1))
        span = Span(lane, first, first + chance.choice((1, 5, 50)))
        found = await store.load(NAME, span)
        assert found.head == head
        assert dict(found.records) == {(lane, at): model[lane, at] for at in span.within(run)}, span


async def test_any_page_is_what_was_written_whatever_happened_meanwhile(open_store, tmp_path, log_of):
    seed = int(os.environ.get("HOLDALL_SEED", "0")) or random.SystemRandom().getrandbits(32)
    print(f"HOLDALL_SEED={seed}")
    chance = random.Random(seed)
    here, there = spawn.Pipe()
    child = spawn.Process(target=other, args=(tmp_path / "store", there), daemon=True)
    child.start()
    store, beside = await open_store(durability="process"), await open_store(durability="process")
    model = await work(store, seed, 150)
    headers = set()
    for turn in range(12):
        with log_of(tmp_path / "store", NAME).open("rb") as log:
            headers.add(log.readline())  # it has the log's id; its inode may be that of one that went
        await compare(store, model, chance, 40)
        order = "purge" if turn % 5 == 4 else (seed + turn, 25)
        here.send(order)
        answer = await asyncio.to_thread(here.recv)
        model.update(answer if isinstance(answer, dict) else {})
        await compare(beside, model, chance, 20)
        await compare(store, model, chance, 40)
        model.update(await work(store, seed + 100 + turn, 15))
        if turn == 7:
            await store.purge(NAME)
    here.send(None)
    await asyncio.to_thread(child.join)
    await compare(beside, model, chance, 20)
    assert len(headers) > 2, "the log was written anew meanwhile"


@pytest.fixture
async def several(open_store, tmp_path, log_of):
    """A store with a log of some checkpoints, that log, and where they stand."""
    store = await open_store(durability="process")
    head = None
    for n in range(120):
        step = Step(NAME if head is None else head).append(
            "a", *(b'"%06d %s"' % (n * 8 + k, b"x" * BIG) for k in range(8))
        )
        commit = step.build()
        await store.commit(commit)
        head = commit.onto(head)
    path = log_of(tmp_path / "store", NAME)
    data, at, offsets = path.read_bytes(), 0, []
    for line in data.splitlines(keepends=True):
        if b'"checkpoint":' in line[:60]:
            offsets.append(at)
        at += len(line)
    assert len(offsets) > 10
    return store, path, offsets


def record(at):
    return b'"%06d %s"' % (at, b"x" * BIG)


async def read_all(store, stop=960):
    for at in range(0, stop, 48):
        found = await store.load(NAME, Span("a", at, at + 8))
        assert [*found.records.values()] == [record(n) for n in range(at, at + 8)]


@pytest.mark.parametrize("warm", [False, True])
async def test_damaged_checkpoints_are_passed_by(several, warm):
    store, path, offsets = several
    if warm:
        await read_all(store)
    with path.open("r+b") as file:
        for at in offsets[::2]:
            file.seek(at + 40)
            file.write(b"#")
    await read_all(store)


async def test_places_once_found_are_found_with_fewer_readings(several, monkeypatch):
    store, _, _ = several
    counted = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *given: counted.append(given) or pread(*given))
    await store.load(NAME, Span("a", 300, 301))
    first = len(counted)
    counted.clear()
    await store.load(NAME, Span("a", 300, 301))
    assert len(counted) < first
    assert len(counted) < 10


def plan_of(store, span):
    session = store._shelf.peek(NAME)
    return Plan(session.digest, session.file, session.state.head, session.state, [span])


async def test_a_reading_may_come_after_those_that_know_more(open_store):
    store = await open_store(durability="process")
    head = None
    plans = []
    for n in range(210):
        step = Step(NAME if head is None else head)
        commit = step.append("a", *(b"%d" % at for at in range(n * 20, n * 20 + 20))).build()
        await store.commit(commit)
        head = commit.onto(head)
        if n % 10 == 9:
            plans += [(at, plan_of(store, Span("a", at, at + 3))) for at in range(0, n * 20, 150)]
    read(plan_of(store, Span("a", 3_900, 3_901)))
    for at, plan in plans:
        assert [*read(plan).values()] == [b"%d" % n for n in range(at, at + 3)]


@pytest.mark.parametrize("left", [0.45, 0.3, 0])
async def test_a_log_that_is_cut_while_it_is_read_is_damaged(several, left):
    """Nobody may do that; but who reads does not look for ever for what is not there."""
    store, path, _ = several
    plan = plan_of(store, Span("a", 400, 500))
    os.truncate(path, int(path.stat().st_size * left))
    with pytest.raises(Damaged, match=log_name(plan.name)):
        read(plan)


def test_what_is_remembered_is_bounded_and_in_order():
    trails, chance = Trails(), random.Random(5)
    numbers = chance.sample(range(200_000), 20_000)
    tracemalloc.start()
    for n in numbers:
        trails.add((f"lane {n % 300}", 7), Waypoint(1_000 * n, n, 1_000 * (n - 1)))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 96 * 1024
    for n in range(0, 200_000, 1_111):
        low, high = trails.around((f"lane {n % 300}", 7), n)
        assert low is None or low.peak <= n
        assert high is None or high.peak > n
        assert low is None or high is None or low.offset < high.offset


def test_a_lane_made_again_has_a_trail_of_its_own():
    trails = Trails()
    trails.add(("a", 100), Waypoint(5_000, 40, 0))
    assert trails.around(("a", 100), 10) == (None, Waypoint(5_000, 40, 0))
    assert trails.around(("a", 9_000), 10) == (None, None)
