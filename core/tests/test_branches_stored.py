"""What branches cost in commits and reads, how they are copied, and what is found when they are damaged."""

from __future__ import annotations

import itertools

import pytest
from support.branched import spoken, whole
from support.contents import content, unversioned
from support.storages import Counting, Passing
from support.stores import beside, on, user

from holdall import Span
from holdall.sessions.names import session_partition
from holdall.sessions.steps import Step
from holdall.transfer.copying import Side, copy
from holdall.transfer.substitutes import substitute
from holdall.transfer.verifying import verify
from holdall_memory import MemorySessionStorage


class Watching(Passing):
    """Keeps the commits that pass."""

    def __init__(self, storage):
        super().__init__(storage)
        self.commits = []

    async def commit(self, commit):
        await super().commit(commit)
        self.commits.append(commit)


@pytest.mark.covers("CV-08", "XX-02")
async def test_forks_and_appends_commit_the_same_whatever_there_is(clock):
    """What is written depends neither on the history nor on the number of branches (OP: nothing is copied)."""
    sizes = {}
    for messages, branches in itertools.product((10, 1000), (1, 300)):
        storage = Watching(MemorySessionStorage())
        store = on(storage, clock)
        session, ids = await spoken(store, 1)
        for start in range(0, messages, 500):
            await store.append(session.id, [user(f"{n}") for n in range(min(500, messages - start))])
        for number in range(branches):
            await store.fork(session.id, at=ids[0], name=f"o{number}")
            await store.append(session.id, [user()], branch=f"o{number}")
        last = (await store.history(session.id, limit=1)).items[0].id
        storage.commits.clear()
        await store.fork(session.id, at=last, name="new")
        await store.append(session.id, [user("x")], branch="new")
        sizes[messages, branches] = [(len(commit.write), [*commit.lanes]) for commit in storage.commits]
    assert len({str(each) for each in sizes.values()}) == 1
    assert sizes[10, 1] == [(3, ["messages/new", "session", "events"]), (2, ["messages/new", "events"])]


@pytest.mark.covers("CV-08", "CV-12", "XX-02")
async def test_a_page_reads_itself_and_where_it_crosses_a_fork(clock):
    storage = Counting(MemorySessionStorage())
    store = on(storage, clock)
    session, ids = await spoken(store, 1000)
    for number in range(200):
        await store.fork(session.id, at=ids[number * 4], name=f"o{number}")
    await store.fork(session.id, at=ids[800], name="a")
    (first, *_) = (await store.append(session.id, [user(f"a{n}") for n in range(30)], branch="a")).messages
    await store.fork(session.id, at=first.id, name="b")
    await store.append(session.id, [user(f"b{n}") for n in range(5)], branch="b")
    for branch, limit, records, loads in (("a", 20, 22, 1), ("b", 5, 8, 2), ("b", 50, 58, 2)):
        cold = on(storage, clock)
        storage.calls.clear()
        assert len(await cold.history(session.id, branch=branch, limit=limit)) == limit
        assert storage.calls["records"] <= records + 5, "the page, the session's own record and the branch's, twice"
        assert storage.calls["load"] <= loads
        storage.calls.clear()
        assert len(await cold.history(session.id, branch=branch, limit=limit)) == limit
        assert storage.calls["load"] <= loads


async def test_a_lane_that_begins_high_up_is_copied_and_kept(store):
    """Branches of a long conversation are lanes that begin far from 0: no storage may take that for lost room."""
    session, ids = await spoken(store, 400)
    for n in (100, 399):
        await session.fork(at=ids[n], name=f"b{n}")
        await session.append(user(f"own {n}"), branch=f"b{n}")
    loaded = await store.engine.storage.load(session_partition(session.id), Span("messages/b399"))
    assert [position for _, position in loaded.records] == [399, 400]
    other = MemorySessionStorage()
    storage, codec = store.engine.storage, store.engine.codec
    assert (await copy(Side(storage, codec), Side(other, codec))).problems == []
    assert unversioned(await content(other)) == unversioned(await content(storage))
    verified = await verify(storage, codec)
    assert (verified.problems, verified.records > 400) == ([], True)


@pytest.mark.covers("CV-08", "SE-09")
async def test_what_is_wrong_with_a_branch_is_found(store):
    session, ids = await spoken(store, 3)
    await session.fork(at=ids[1], name="x")
    await session.append(user("own"), branch="x")
    storage, codec, lane = store.engine.storage, store.engine.codec, "messages/x"
    assert (await verify(storage, codec)).problems == []
    good = (await storage.load(session_partition(session.id), Span(lane))).records
    for position, bad, told in (
        (1, good[lane, 2], "it is not how a branch began"),
        (1, good[lane, 1].replace(b'"x"', b'"y"', 1), "it is how the branch 'y' began"),
        (2, good[lane, 2].replace(b"msg_x", b"msg_y"), "its id is 'msg_y_0000000002'"),
    ):
        for record in (bad, good[lane, position]):
            head = (await storage.load(session_partition(session.id))).head
            step = Step.begin(head.partition, head, head.version)
            step.rewrite(lane, position, record)
            await storage.commit(step.commit(codec))
            problems = (await verify(storage, codec)).problems
            assert [told in problem for problem in problems] == ([True] if record == bad else [])
    assert await whole(beside(store), session.id, "x") == ["m0", "m1", "own"]


@pytest.mark.covers("CV-08", "SE-09")
async def test_a_branch_whose_origin_is_lost_keeps_its_own_messages(store):
    session, ids = await spoken(store, 3)
    await session.fork(at=ids[1], name="x")
    await session.append([user("own"), user("more")], branch="x")
    storage = store.engine.storage
    head = (await storage.load(session_partition(session.id))).head
    step = Step.begin(head.partition, head, head.version)
    for address in (("messages/x", 1), ("messages/x", 2)):
        record, lost = substitute(head, address, 5, "ana")
        assert ("where the branch 'x' was made" in lost, "msg_x_0000000002" in lost) in ((True, False), (False, True))
        step.rewrite(*address, record)
    await storage.commit(step.commit(store.engine.codec))
    assert (await verify(storage, store.engine.codec)).problems == []
    again = beside(store)
    assert await whole(again, session.id, "x") == ["[lost: this record was damaged in the storage]", "more"]
    assert (await again.append(session.id, [user("on")], branch="x")).messages[0].id == "msg_x_0000000004"
    assert await whole(again, session.id) == ["m0", "m1", "m2"]
