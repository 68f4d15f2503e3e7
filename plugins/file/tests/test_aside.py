"""More sessions than may have a file open: what is known of them is kept, and held against the file.

Covers ST-03.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import secrets
import sys

import pytest

from holdall.contract import Span
from holdall.errors import StorageError
from holdall.testing.model import Model
from holdall.testing.steps import BORN, Step
from holdall_file import aside

LANE = "messages/main"
OPEN = 8


@pytest.fixture
async def store(open_store):
    """A store that keeps few sessions open."""
    return await open_store(open_sessions=OPEN)


@pytest.fixture
def read(monkeypatch):
    """How many bytes were read of files since it was cleared."""
    sizes, real = [], os.pread

    def pread(fd, size, at):
        found = real(fd, size, at)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(os, "pread", pread)
    return sizes


async def append(store, name, *records):
    head = (await store.load(name)).head
    commit = Step(head).append(LANE, *records).mark("recent", head.version).build()
    await store.commit(commit)
    return commit.onto(head)


async def crowd(store, filled, count=3 * OPEN):
    """So many other sessions that those before them are put aside."""
    for n in range(count):
        await filled(store, f"other{n}", 1)


async def records(store, name):
    return [*(await store.load(name, Span(LANE))).records.values()]


async def test_a_session_goes_on_where_it_was_without_its_log_being_read(store, filled, read):
    await filled(store, "s", 300)
    await crowd(store, filled)
    read.clear()
    await append(store, "s", b'"next"')
    assert sum(read) < 200, "its first line, that is all"
    assert (await records(store, "s"))[298:] == [b'{"n":298}', b'{"n":299}', b'"next"']


async def test_the_newest_records_are_found_where_they_were(store, filled, read):
    await filled(store, "s", 300)
    await crowd(store, filled)
    read.clear()
    found = await store.load("s", Span(LANE, -50))
    assert [*found.records.values()] == [b'{"n":%d}' % n for n in range(250, 300)]
    assert len(read) == 2, "the first line, and the records in one piece"


@pytest.mark.parametrize("what", ["appended", "compacted", "made anew", "removed"])
async def test_what_others_did_meanwhile_is_seen(open_store, store, filled, what):
    other = await open_store()
    await filled(store, "s", 20)
    await crowd(store, filled)
    head = (await other.load("s")).head
    if what == "appended":
        await append(other, "s", b'"theirs"')
        assert (await records(store, "s"))[-1] == b'"theirs"'
    elif what == "compacted":
        await other.purge("s")
        assert (await store.load("s")).head == head
    elif what == "made anew":
        await other.drop("s", expect=head.version)
        await other.commit(Step("s", version=head.version + 9).append(LANE, b'"new"').build())
        assert await records(store, "s") == [b'"new"']
    else:
        await other.drop("s", expect=head.version)
        assert await store.load("s") is None
        return
    head = await append(store, "s", b'"ours"')
    assert (await records(other, "s"))[-1] == b'"ours"'
    assert (await other.load("s")).head == head


async def test_another_log_of_the_same_size_is_not_taken_for_it(open_store, store, log_of, tmp_path, filled):
    async def make(where, record):
        await where.commit(Step("s").append(LANE, record).build())
        return log_of(tmp_path / "store", "s").stat().st_size

    size = await make(store, b'"ours"')
    await crowd(store, filled)
    other = await open_store()
    for n in range(1000, 9999):  # the number that is its checksum has not always as many digits
        new = b'"%d"' % n
        await other.drop("s", expect=(await other.load("s")).head.version)
        if await make(other, new) == size:
            break
    await append(store, "s", b'"next"')
    assert await records(store, "s") == [new, b'"next"']


async def test_a_log_that_was_cut_short_meanwhile_is_read_anew(store, filled, log_of, tmp_path):
    await filled(store, "s", 20)
    await crowd(store, filled)
    log = log_of(tmp_path / "store", "s")
    os.truncate(log, log.read_bytes().rfind(b'{"crc"'))
    assert await records(store, "s") == [b'{"n":%d}' % n for n in range(19)]
    await append(store, "s", b'"ours"')
    assert (await records(store, "s"))[18:] == [b'{"n":18}', b'"ours"']


async def test_what_a_failed_sync_left_is_put_right_also_after_the_session_was_put_aside(
    store, open_store, filled, monkeypatch
):
    await filled(store, "s", 5)
    head = (await store.load("s")).head

    def failing(fd):
        raise OSError(errno.EIO, "Input/output error")

    lost = Step(head).append(LANE, b'"lost"').build()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        with pytest.raises(StorageError):
            await store.commit(lost)
    await crowd(store, filled)
    await append(store, "s", b'"kept"')
    await store.close()
    assert (await records(await open_store(), "s"))[4:] == [b'{"n":4}', b'"kept"']


async def test_a_batch_of_more_sessions_than_may_be_open(store, filled):
    """None is put aside while it is made or written to."""
    names = [f"s{n}" for n in range(5 * OPEN)]
    await asyncio.gather(*(filled(store, name, 1) for name in names))
    for _ in range(30):
        await asyncio.gather(*(append(store, name, b"1") for name in names))
    for name in names:
        assert len(await records(store, name)) == 31


async def test_a_reader_who_has_just_found_a_session_that_is_put_aside_gets_it(store, filled, monkeypatch):
    """The loop takes a session from the shelf while the thread puts it aside: it has no file then."""
    await filled(store, "s", 3)
    found = store._shelf.peek("s")
    await crowd(store, filled)
    assert store._shelf.peek("s") is None
    with monkeypatch.context() as late:
        late.setattr(store._shelf, "peek", lambda _: found)
        assert await records(store, "s") == [b'{"n":%d}' % n for n in range(3)]


async def test_what_is_aside_is_bounded_in_bytes(store, filled, monkeypatch, read):
    monkeypatch.setattr(aside, "_ROOM", 5 * 5000)
    for n in range(OPEN + 20):
        await filled(store, f"s{n}", 30)
    counts = []
    for n in range(20):
        read.clear()
        await store.load(f"s{n}")
        counts.append(sum(read) > 1000)
    assert counts[:10] == [True] * 10, "those that were put aside first are forgotten, and read again"
    for n in range(OPEN + 20):
        assert len(await records(store, f"s{n}")) == 30


async def test_what_is_aside_has_no_room_left_of_the_records_that_were_in_memory(store, filled):
    names = [f"s{n}" for n in range(3)]
    for name in names:
        await filled(store, name, 3000, each=3000)
        assert len((await store.load(name, Span(LANE, -1000))).records) == 1000
    await crowd(store, filled)
    for name in names:
        session = store._shelf._aside._entries[name].session
        assert sum(sys.getsizeof(track.hot) for track in session.state.tracks.values()) < 1000


async def test_names_and_marks_count_for_what_is_aside(store, filled):
    await store.commit(Step("plain").append(LANE, b"1").build())
    step = Step("many").append(LANE, b"1").append("x" * 50_000, b"1")
    for n in range(1000):
        step.mark(f"mark {n}", n)
    await store.commit(step.build())
    await crowd(store, filled)
    aside = store._shelf._aside._entries
    assert aside["many"].weight - aside["plain"].weight > 250_000


async def test_what_was_read_is_not_kept_by_a_session_that_is_put_aside_meanwhile(store, filled):
    await crowd(store, filled)
    await filled(store, "s", 3)
    head = (await store.load("s")).head
    await store.commit(Step(head).rewrite(LANE, 1, b'"again"').build())
    session = store._shelf.peek("s")
    session.cool()
    plan = session.read([Span(LANE)])
    real = session.guard

    class Late:
        def acquire(self, *, blocking):
            session.guard = real
            store._shelf._aside.put(session)
            return real.acquire(blocking=blocking)

    session.guard = Late()
    assert session.keep(plan, dict.fromkeys(plan.places, b'"again"')) == 0
    assert not any(track.hot for track in session.state.tracks.values())


async def test_random_steps_on_more_sessions_than_may_be_open(open_store):
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print("seed", seed)
    rng, model, version = random.Random(seed), Model(), BORN
    stores = [await open_store(open_sessions=OPEN), await open_store(open_sessions=2 * OPEN)]
    for _ in range(1500):
        store, name = rng.choice(stores), f"p{rng.randrange(40)}"
        head, chance = model.heads.get(name), rng.random()
        version += rng.randrange(1, 4)
        if head is None or chance < 0.6:
            step = Step(name, version=version) if head is None else Step(head)
            step.append(LANE, *[b'"%d"' % rng.randrange(10**6) for _ in range(rng.randrange(1, 9))])
            lane = None if head is None else head.lanes[LANE]
            if lane is not None and rng.random() < 0.3:
                step.rewrite(LANE, rng.randrange(lane.first, lane.stop), b'"again"')
            commit = step.build()
            await store.commit(commit)
            model.commit(commit)
        elif chance < 0.65:
            await store.drop(name, expect=head.version)
            model.drop(name, expect=head.version)
        elif chance < 0.68:
            await store.purge(name)
        else:
            span = rng.choice([Span(LANE), Span(LANE, -3), Span(LANE, -60, -20)])
            assert await store.load(name, span) == model.load(name, span), (name, span)
    for store in stores:
        for n in range(40):
            assert await store.load(f"p{n}", Span(LANE)) == model.load(f"p{n}", Span(LANE))
