"""A session's life: made, found, changed, ended, deleted; one version a step.

Covers QA-02.
"""

from __future__ import annotations

import asyncio

import pytest
from support.storages import Slow, everything
from support.stores import beside, on, partitions, text, user

import holdall
from holdall import Conflict, Ended, Invalid, NotFound, TooLarge
from holdall.errors import StorageUnavailable

CANARY = "canary-7f3a"


@pytest.mark.covers("ST-06", "LC-01")
async def test_a_new_session_is_what_was_asked_for(store):
    session = await store.create(owner="ana", project="site", title="First", tags=["a", "b", "a"], metadata={"n": [1]})
    again = await store.get(session.id)
    assert again.as_dict() == session.as_dict()
    assert (again.owner, again.project, again.title, again.tags) == ("ana", "site", "First", ["a", "b"])
    assert (again.metadata, again.status, again.counts.messages, again.size) == ({"n": [1]}, "active", 0, 0)
    assert session.new
    assert not again.new


@pytest.mark.covers("LC-04")
async def test_a_session_can_start_with_messages(store):
    session = await store.create(owner="ana", messages=[{"role": "system", "content": "be kind"}, user("hi")])
    assert text(await session.history()) == ["be kind", "hi"]
    assert session.counts.messages == 2


@pytest.mark.covers("LC-01")
async def test_ids_are_ordered_by_time_and_never_the_same(store, clock):
    ids = [(await store.create(owner="ana")).id for _ in range(100)]
    assert len(set(ids)) == 100
    assert ids == sorted(ids)


@pytest.mark.covers("LC-02")
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"owner": ""}, "/owner"),
        ({"owner": "a\nb"}, "/owner"),
        ({"owner": "a" * 201}, "/owner"),
        ({"titel": "x"}, "/titel"),
        ({"id": "x" * 16}, "/id"),
        ({"created_at": 1}, "/created_at"),
        ({"version": 1}, "/version"),
        ({"ttl": 0}, "/ttl"),
        ({"ttl": "60"}, "/ttl"),
        ({"ttl": True}, "/ttl"),
        ({"max_lifetime": -1}, "/max_lifetime"),
        ({"tags": ["ok", ""]}, "/tags/1"),
        ({"tags": [str(n) for n in range(17)]}, "/tags"),
        ({"tags": "ab"}, "/tags"),
        ({"metadata": {"a": {"b": float("nan")}}}, "/metadata/a/b"),
        ({"metadata": {"a": {1, 2}}}, "/metadata/a"),
        ({"metadata": {"a": object()}}, "/metadata/a"),
        ({"metadata": {"": 1}}, "/metadata/"),
        ({"metadata": {"big": "x" * 20_000}}, "/metadata"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "user"}]}, "/messages/1/content"),
    ],
)
@pytest.mark.req("SEC-AUZ-02", "SEC-INP-02")
async def test_what_is_wrong_is_pointed_at_and_leaves_nothing_behind(store, fields, pointer):
    for asked in (fields, {**fields, "key": "mine"}, {**fields, "idempotency_key": "once"}):
        with pytest.raises(Invalid) as caught:
            await (store.get_or_create if "key" in asked else store.create)(**{"owner": "ana", **asked})
        assert caught.value.pointer == pointer
    assert await partitions(store) == []


@pytest.mark.covers("ST-06")
@pytest.mark.req("SEC-INP-01")
@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "x" * 65, "a" * 16 + "/", "a" * 15 + "\0", "é" * 16])
async def test_what_cannot_be_an_id_is_missing_before_any_io(clock, name):
    store = on(None, clock)
    with pytest.raises(NotFound):
        await store.get(name)


@pytest.mark.covers("ST-06")
async def test_update_replaces_the_fields_that_are_given_and_no_other(store):
    session = await store.create(owner="ana", project="p", title="one", tags=["x"], metadata={"a": 1})
    await session.update(title="two", metadata={"b": 2})
    again = await store.get(session.id)
    assert (again.title, again.metadata, again.tags, again.project) == ("two", {"b": 2}, ["x"], "p")
    await session.update(title=None, tags=None, metadata=None, project=None)
    again = await store.get(session.id)
    assert (again.title, again.metadata, again.tags, again.project) == (None, {}, [], None)
    await session.update(tags=["b", "a", "b"])
    assert (await store.get(session.id)).tags == ["b", "a"]


@pytest.mark.covers("ST-06")
async def test_every_step_raises_the_version_by_one(store):
    session = await store.create(owner="ana", ttl=60)
    versions = [session.version]
    await session.append(user())
    versions.append(session.version)
    await session.update(title="x")
    versions.append(session.version)
    await session.extend()
    versions.append(session.version)
    await session.clear()
    versions.append(session.version)
    await session.end()
    versions.append(session.version)
    assert versions == list(range(versions[0], versions[0] + 6))


@pytest.mark.covers("ST-06")
async def test_expect_lets_only_the_first_of_two_writers_through(store):
    mine = await store.create(owner="ana", ttl=60)
    theirs = await store.get(mine.id)
    await mine.update(title="mine", expect=mine.version)
    for refused in (
        theirs.update(title="theirs", expect=theirs.version),
        theirs.append(user(), expect=theirs.version),
        theirs.extend(expect=theirs.version),
        theirs.clear(expect=theirs.version),
        theirs.end(expect=theirs.version),
        theirs.delete(expect=theirs.version),
    ):
        with pytest.raises(Conflict) as caught:
            await refused
        assert (caught.value.expected, caught.value.found) == (theirs.version, mine.version)
    again = await store.get(mine.id)
    assert again.as_dict() == mine.as_dict()


async def test_changing_what_a_session_shows_changes_nothing_that_is_stored(store):
    session = await store.create(owner="ana", tags=["a"], metadata={"deep": {"n": 1}})
    session.metadata["deep"]["n"] = 2
    session.tags.append("b")
    session.as_dict()["metadata"]["deep"]["n"] = 3
    await session.update(title="x")
    again = await store.get(session.id)
    assert (again.metadata, again.tags) == ({"deep": {"n": 1}}, ["a"])


async def test_what_the_caller_keeps_of_a_creation_is_not_shared(store):
    metadata, message = {"deep": {"n": 1}}, user("one")
    session = await store.create(owner="ana", metadata=metadata, messages=[message])
    metadata["deep"]["n"] = 2
    await session.update(title="x")
    assert (await store.get(session.id)).metadata == {"deep": {"n": 1}}
    assert message == user("one")


# --- ended ---------------------------------------------------------------------------------------------------------


@pytest.mark.covers("LC-11", "LC-13")
async def test_an_ended_session_is_read_as_before_and_refuses_every_write(store):
    session = await store.create(owner="ana", ttl=60, messages=[user("last words")])
    run = await session.log_tool("grep", status="running")
    await session.end(reason="done")
    again = await store.get(session.id)
    assert again.status == "ended"
    assert again.as_dict()["ended"] == {"at": again.active_at, "by": "system", "reason": "done", "forced": False}
    for write in (
        session.append(user()),
        session.append(user(), key="k"),
        session.update(title="x"),
        session.extend(),
        session.heartbeat(),
        session.clear(),
        session.log_tool("grep"),
        session.finish_tool_run(run.id),
        session.end(reason="again"),
        session.end(force=True),
    ):
        with pytest.raises(Ended):
            await write
    assert text(await session.history()) == ["last words"]
    assert (await session.message("msg_main_0000000000")).text == "last words"
    assert (await session.tool_runs()).items[0].status == "running"
    assert (await store.get(session.id)).as_dict() == again.as_dict()
    await session.delete()


@pytest.mark.covers("LC-13")
async def test_a_forced_end_overtakes_the_writes_that_wait(store, clock):
    slow: list[Slow] = []
    second = beside(store, lambda storage: slow.append(Slow(storage)) or slow[0])
    session = await second.create(owner="ana")
    gate = slow[0].held[f"session/{session.id}"] = asyncio.Event()
    appends = [asyncio.create_task(second.append(session.id, [user(str(n))])) for n in range(10)]
    await slow[0].until(1)
    end = asyncio.create_task(second.end(session.id, force=True))
    await slow[0].until(2)
    del slow[0].held[f"session/{session.id}"]
    gate.set()
    outcomes = await asyncio.gather(*appends, end, return_exceptions=True)
    stored = [outcome for outcome in outcomes[:10] if not isinstance(outcome, Exception)]
    assert len(stored) <= 1  # the one that was on its way; those that waited behind it are refused
    assert sum(isinstance(outcome, Ended) for outcome in outcomes) == 10 - len(stored)
    again = await store.get(session.id)
    assert (again.status, again.as_dict()["ended"]["forced"]) == ("ended", True)
    assert again.counts.messages == len(stored)


@pytest.mark.covers("LC-11")
async def test_a_graceful_end_lets_the_writes_before_it_finish(store):
    session = await store.create(owner="ana")
    appends = [asyncio.create_task(store.append(session.id, [user(str(n))])) for n in range(10)]
    await asyncio.sleep(0)
    await store.end(session.id)
    await asyncio.gather(*appends)
    assert (await store.get(session.id)).counts.messages == 10


# --- deleted -------------------------------------------------------------------------------------------------------


@pytest.mark.covers("ST-06")
@pytest.mark.req("SEC-LIF-05")
async def test_of_a_deleted_session_no_content_stays(store):
    session = await store.create(
        owner="ana", project=CANARY, title=CANARY, tags=[CANARY], metadata={"x": CANARY}, messages=[user(CANARY)]
    )
    await store.append(session.id, [user(CANARY)], tools=[{"tool": CANARY}], originals=[CANARY], key="k")
    assert CANARY.encode() in await everything(store.engine.storage)
    await session.delete()
    assert CANARY.encode() not in await everything(store.engine.storage)
    assert (await store.list(owner="ana")).items == []
    assert (await store.list()).items == []


@pytest.mark.covers("ST-06")
async def test_late_writers_and_readers_of_a_deleted_session_find_nothing(store):
    session = await store.create(owner="ana", ttl=60)
    late = beside(store)
    await late.append(session.id, [user()])  # caches the state from before
    await session.delete()
    for store_ in (store, late):
        for late_call in (
            store_.get(session.id),
            store_.append(session.id, [user()]),
            store_.append(session.id, [user()], key="k"),
            store_.update(session.id, title="x"),
            store_.extend(session.id),
            store_.heartbeat(session.id),
            store_.history(session.id),
            store_.end(session.id),
            store_.delete(session.id),
        ):
            with pytest.raises(NotFound):
                await late_call


@pytest.mark.covers("LC-08")
async def test_the_sweeper_drops_a_tombstone_after_a_day_and_no_sooner(store, clock):
    session = await store.create(owner="ana")
    await session.delete()
    clock.advance(86_400 - 0.001)
    assert (await store.sweep()).dropped == 0
    assert await partitions(store) == [f"session/{session.id}"]
    clock.advance(0.001)
    swept = await store.sweep()
    assert (swept.dropped, swept.expired) == (1, [])
    assert await partitions(store) == []


async def test_limits_are_named_with_what_was_given(store):
    with pytest.raises(TooLarge) as caught:
        await store.create(owner="ana", metadata={"x": "y" * 20_000})
    assert (caught.value.limit, caught.value.pointer) == (16 << 10, "/metadata")
    assert caught.value.actual > 20_000


@pytest.mark.covers("LC-11")
async def test_a_store_that_is_closed_refuses_every_call():
    async with holdall.open({"storage": {"use": "memory"}}) as store:
        session = await store.create(owner="ana")
    for late in (session.refresh(), session.history(), session.append(user()), store.list(owner="ana")):
        with pytest.raises(StorageUnavailable, match="closed"):
            await late


HALF = "half \ud800 a pair"


@pytest.mark.parametrize("wrong", [HALF, 5, b"bytes"])
async def test_what_is_no_text_is_refused_in_words(store, wrong):
    session = await store.create(owner="ana")
    late = [
        store.get_or_create(owner="ana", key=wrong),
        store.create(owner="ana", idempotency_key=wrong),
        store.create(owner=wrong),
        session.append(user(), key=wrong),
        store.list(owner=wrong),
        store.list(owner="ana", project=wrong),
        session.end(reason=wrong),
    ]
    for call in late:
        with pytest.raises(Invalid):
            await call
    await session.refresh()
    assert session.status == "active"
