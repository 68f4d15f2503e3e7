"""Records in memory: the newest ones, and never anything but what stands in the log."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from holdall.contract import Span
from holdall.errors import StorageError
from holdall.testing.steps import Step
from holdall_file import shelf
from holdall_file import state as states

LAST = Span("messages/main", -50)


@pytest.fixture
def preads(monkeypatch):
    """How often a file was read since it was cleared."""
    calls, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *args: calls.append(1) or real(*args))
    return calls


async def commit(store, step):
    made = step.build()
    await store.commit(made)
    return made


async def values(store, span=LAST):
    return [*(await store.load("s", span)).records.values()]


async def test_the_last_page_comes_from_memory_once_it_was_read_or_written(open_store, filled, preads):
    store = await open_store()
    await filled(store, "s", 200)
    preads.clear()
    written = await values(store)
    assert (len(written), preads) == (50, [])
    other = await open_store()
    assert await values(other) == written
    preads.clear()
    assert await values(other) == written
    assert (await other.load("s")).head == (await store.load("s")).head
    assert preads == []


async def test_what_another_process_does_is_seen(open_store, filled, preads):
    store, other = await open_store(), await open_store()
    await filled(store, "s", 60)
    seen = await values(store)
    head = (await other.load("s")).head
    for change in (
        lambda step: step.append("messages/main", b'{"more":1}', b'{"more":2}'),
        lambda step: step.rewrite("messages/main", 30, b'{"again":1}'),
        lambda step: step.cut("messages/main", 40),
        lambda step: step.append("messages/main", b'{"in":"its place"}'),
        lambda step: step.trim("messages/main", 20),
        lambda step: step.remove("messages/main"),
        lambda step: step.append("messages/main", b'{"anew":1}'),
    ):
        made = await commit(other, change(Step(head)))
        head = made.onto(head)
        new = await values(store)
        assert new == await values(other)
        assert new != seen
        seen = new
        assert (await store.load("s")).head == head
    await other.drop("s", expect=head.version)
    assert await store.load("s") is None
    await filled(other, "s", 3)
    assert await values(store) == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


async def test_own_rewrites_replace_what_is_in_memory(open_store, filled):
    store = await open_store()
    await filled(store, "s", 60)
    head = (await store.load("s")).head
    for text in (b'"one"', b"\n two", b'"three"'):
        made = await commit(store, Step(head).rewrite("messages/main", 55, text).append("messages/main", text))
        head = made.onto(head)
        found = (await store.load("s", LAST)).records
        assert found["messages/main", 55] == text
        assert found["messages/main", head.lanes["messages/main"].stop - 1] == text


async def test_after_a_compaction_by_another_process(open_store, tmp_path, log_of, filled):
    store, other = await open_store(), await open_store()
    await filled(store, "s", 60)
    inode = log_of(tmp_path / "store").stat().st_ino
    before = await values(store)
    head = (await other.load("s")).head
    for _ in range(5):
        made = await commit(other, Step(head).rewrite("messages/main", 0, b'"%s"' % (b"x" * 400_000)))
        head = made.onto(head)
    if other._chores is not None:
        await asyncio.wait([other._chores])
    assert log_of(tmp_path / "store").stat().st_ino != inode
    assert await values(store) == before
    made = await commit(other, Step(head).rewrite("messages/main", 59, b'"after"'))
    assert (await values(store))[-1] == b'"after"'
    assert (await store.load("s")).head == made.onto(head)


async def test_a_commit_that_failed_is_not_in_memory(open_store, filled, monkeypatch):
    store = await open_store()
    await filled(store, "s", 60)
    before = await values(store)
    head = (await store.load("s")).head

    def failing(fd):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        with pytest.raises(StorageError):
            await commit(store, Step(head).append("messages/main", b'"lost"').rewrite("messages/main", 58, b'"lost"'))
    assert await values(store) == before
    await commit(store, Step(head).append("messages/main", b'"kept"'))
    assert (await values(store))[-1] == b'"kept"'


async def test_memory_is_bounded_for_each_session_and_for_all(open_store, monkeypatch, preads):
    monkeypatch.setattr(states, "_HOT", 20_000)
    monkeypatch.setattr(shelf, "_WARM", 100_000)
    store = await open_store()
    record = b'"%s"' % (b"x" * 998)
    for n in range(20):
        head = None
        for _ in range(30):
            made = await commit(store, Step(head or f"p{n}").append("messages/main", record))
            head = made.onto(head)
    sessions = store._shelf.all()
    held = [sum(map(len, track.hot.values())) for s in sessions for track in s.state.tracks.values()]
    assert len(held) == 20
    assert max(held) <= 20_000
    assert sum(held) <= 100_000
    preads.clear()
    assert len((await store.load("p19", Span("messages/main", -5))).records) == 5
    assert preads == [], "the newest are what stays"
    for n in range(20):
        assert [*(await store.load(f"p{n}", Span("messages/main"))).records.values()] == [record] * 30


async def test_a_record_too_large_to_be_kept_is_read(open_store, preads):
    store = await open_store()
    large = b'"%s"' % (b"x" * 50_000)
    await commit(store, Step("s").append("messages/main", b"1", large))
    preads.clear()
    assert await values(store) == [b"1", large]
    assert len(preads) == 1


async def test_a_session_that_a_thread_is_changing_is_not_waited_for(open_store, filled):
    store = await open_store()
    await filled(store, "s", 5)
    session = store._shelf.peek("s")
    with session.guard:
        loading = asyncio.create_task(store.load("s", LAST))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not loading.done()
    assert len((await loading).records) == 5
