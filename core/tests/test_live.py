"""Following a session: what is told, from where on, when it ends, and what wakes whom."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from support.storages import Counting
from support.stores import beside, on, user

from holdall import Invalid, NotFound, Principal
from holdall.errors import StorageUnavailable
from holdall.sessions.state import SessionStep
from holdall_memory import MemorySessionStorage


async def told(store, session, after="0"):
    """Everything that is there to be told."""
    found = []
    follower = await store.follower(session, after)
    while changes := await follower.some(0):
        found += changes
    follower.close()
    return found


def types(changes):
    return [change.type for change in changes]


@pytest.mark.covers("LC-15")
async def test_it_says_where_it_begins_and_then_everything_as_it_happens(store):
    session = await store.create(owner="ana", messages=[user("before")])
    seen = []

    async def follow():
        async for change in session.follow():
            seen.append(change)
            if change.type == "ready":
                begun.set()

    begun = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await begun.wait()
        one, two = await session.append([user("one"), user("two")])
        run = await session.log_tool("ls", status="running")
        await session.finish_tool_run(run.id, status="succeeded", result="x")
        await session.edit(one.id, content="1")
        await session.update(title="t", tags=["a"])
        await session.revert(one.id)
        three = await session.append(user("three"))
        await session.append(user("on main"), branch="main")
        await session.end()
    assert types(seen) == [
        "ready", "appended", "appended", "logged", "finished", "edited", "updated", "reverted", "forked", "appended",
        "appended", "ended",
    ]  # fmt: skip
    assert [change.message["id"] for change in seen if change.type == "appended"][:3] == [one.id, two.id, three.id]
    assert seen[3].run.id == seen[4].run.id == run.id
    assert seen[6].fields["fields"] == ["tags", "title"]
    assert (seen[8].fields["branch"], seen[8].fields["current"]) == ("b1", "b1")
    assert [change.fields["version"] for change in seen if "version" in change.fields][-1] == session.version
    again = await told(store, session.id, seen[2].id)
    assert [change.id for change in again] == [change.id for change in seen[3:]]
    assert seen[2].as_dict() == {"id": seen[2].id, "type": "appended", "message": dict(two)}


@pytest.mark.covers("LC-15", "XX-02")
async def test_an_ordinary_append_writes_nothing_more(clock):
    """Nor does one to the branch that is shown; to another it writes one small record, as everything else does."""
    storage = MemorySessionStorage()
    store = on(storage, clock)
    session = await store.create(owner="ana")
    await session.append(user())
    assert "events" not in session.state.head.lanes
    await session.fork(name="x", switch=True)
    before = session.state.head.lanes["events"]
    await session.append(user())
    assert session.state.head.lanes["events"] == before
    await session.append(user(), branch="main")
    assert session.state.head.lanes["events"].stop == before.stop + 1


@pytest.mark.covers("LC-15")
async def test_what_is_not_kept_any_more_is_told_as_a_reset(store, monkeypatch):
    kept = 40
    monkeypatch.setattr("holdall.sessions.live.telling.KEPT", kept)
    session = await store.create(owner="ana", messages=[user()])
    await session.update(title="first")
    early = (await told(store, session.id))[-1].id
    for number in range(kept + kept // 4):
        await session.update(title=str(number))
    lane = session.state.head.lanes["events"]
    assert kept <= len(lane) <= kept + kept // 4
    (reset,) = await told(store, session.id, early)
    assert (reset.type, reset.fields["reason"]) == ("reset", "too-old")
    assert await told(store, session.id, reset.id) == []
    await session.append(user("after"))
    (change,) = await told(store, session.id, reset.id)
    assert change.message["content"] == "after"
    for never in ("99999-0", f"{lane.stop}-99", f"{lane.stop - 1}-99"):
        assert types(await told(store, session.id, never))[:1] == ["reset"]
    for wrong in ("", "1", "x-1", "1-2-3-4", "1-²", "-1-2", "1-" + "9" * 16):
        with pytest.raises(Invalid):
            await store.follower(session.id, wrong)


@pytest.mark.covers("LC-15")
async def test_a_note_that_was_lost_is_told_as_a_reset(clock):
    """`holdall repair` puts `null` in its place."""
    from holdall.contract import Commit  # noqa: PLC0415

    storage = MemorySessionStorage()
    store = on(storage, clock)
    session = await store.create(owner="ana")
    await session.update(title="t")
    head = session.state.head
    await storage.commit(
        Commit(
            head.partition, head.version, head.version + 1, head.version + 1,
            lanes=head.lanes, expires_at=None, write={("events", 0): b"null"},
        )
    )  # fmt: skip
    (reset,) = await told(store, session.id)
    assert (reset.type, reset.fields["reason"]) == ("reset", "damaged")


@pytest.mark.covers("LC-15")
async def test_what_was_erased_before_it_was_told_is_not_told(store):
    session = await store.create(owner="ana", messages=[user()] * 200)
    await session.clear()
    await session.append(user("new"))
    changes = await told(store, session.id)
    assert types(changes) == ["cleared", "appended"]


@pytest.mark.covers("LC-15")
@pytest.mark.parametrize("how", ["deleted", "expired", "swept"])
async def test_it_ends_when_the_session_is_gone(store, clock, how):
    session = await store.create(owner="ana", ttl=60)
    follower = await store.follower(session.id, "0")
    assert await follower.some(0) == []
    if how == "deleted":
        await session.delete()
    else:
        clock.advance(100)
        if how == "swept":
            await store.sweep()
    (last,) = await follower.some(20)
    assert last.type == ("deleted" if how == "deleted" else "expired")
    assert follower.ended
    assert await follower.some(20) == []
    follower.close()
    with pytest.raises(NotFound):
        await store.follower(session.id, "0")


@pytest.mark.covers("LC-15")
async def test_a_heartbeat_keeps_it_going(store, clock):
    session = await store.create(owner="ana", ttl=60)
    follower = await store.follower(session.id, "0")
    assert await follower.some(0) == []
    clock.advance(50)
    await session.heartbeat()
    clock.advance(50)
    assert await follower.some(0.2) == []
    assert not follower.ended
    follower.close()


@pytest.mark.covers("LC-15")
async def test_after_the_end_there_is_nothing(store):
    session = await store.create(owner="ana", messages=[user()])
    await session.end()
    assert types(await told(store, session.id)) == ["appended", "ended"]
    last = (await told(store, session.id))[-1].id
    follower = await store.follower(session.id, last)
    assert follower.ended
    follower.close()
    assert types([change async for change in session.follow()]) == ["ready"]


@pytest.mark.covers("LC-15")
@pytest.mark.req("SEC-AUZ-01")
async def test_access_is_looked_at_again_while_it_follows(store):
    """Whoever may not see the session any more is told nothing more of it."""
    session = await store.create(owner="ana")
    follower = await store.acting_as(Principal("ana")).follower(session.id, "0")
    await session.append(user("one"))
    assert types(await follower.some(20)) == ["appended"]

    def give_away(state, now):
        step = SessionStep.on(state, now)
        step.save(owner="bob")
        return step, None

    await store.engine.change(session.id, give_away)
    with pytest.raises(NotFound):
        await follower.some(20)
    follower.close()
    assert types(await told(store.acting_as(Principal("bob")), session.id)) == ["appended", "changed"]


@pytest.mark.covers("LC-15")
@pytest.mark.parametrize("sessions", [1, 20])
async def test_what_another_process_writes_is_noticed(store, sessions):
    """One session is looked at by itself; of many one scan of the latest shows those that moved."""
    if not store.engine.shared:
        pytest.skip("nobody else can write to it")
    other = beside(store)
    opened = [await store.create(owner="ana") for _ in range(sessions)]
    followers = [await store.follower(session.id, "0") for session in opened]
    for follower in followers:
        assert await follower.some(0) == []
    async with asyncio.timeout(30):
        await other.append(opened[0].id, [user("theirs")])
        assert types(await followers[0].some(29)) == ["appended"]
        await other.update(opened[-1].id, title="no activity")
        assert types(await followers[-1].some(29)) == ["updated"]
    for follower in followers:
        follower.close()
    assert len(store.engine.watch) == 0


@pytest.mark.covers("LC-15")
async def test_many_followers_of_one_session_share_what_they_read(clock):
    loads = []

    class Loading(MemorySessionStorage):
        async def load(self, partition, *spans):
            loads.append(partition)
            return await super().load(partition, *spans)

    store = on(Loading(), clock)
    session = await store.create(owner="ana")
    followers = [await store.follower(session.id) for _ in range(50)]
    for follower in followers:
        assert types(await follower.some(0)) == ["ready"]
    waiting = [asyncio.create_task(follower.some(20)) for follower in followers]
    await asyncio.sleep(0)
    loads.clear()
    await session.append(user())
    found = await asyncio.gather(*waiting)
    assert {tuple(types(changes)) for changes in found} == {("appended",)}
    assert len(loads) < 5
    for follower in followers:
        follower.close()


@pytest.mark.covers("LC-15")
async def test_one_who_leaves_takes_nothing_from_those_who_read_with_them(clock):
    class Asked(MemorySessionStorage):
        asked, error = asyncio.Event(), None

        async def load(self, partition, *spans):
            if len(spans) > 2:
                self.asked.set()
                await asyncio.sleep(0)
                if self.error is not None:
                    raise self.error
            return await super().load(partition, *spans)

    storage = Asked()
    store = on(storage, clock)
    session = await store.create(owner="ana")
    followers = [await store.follower(session.id) for _ in range(4)]
    for follower in followers:
        assert types(await follower.some(0)) == ["ready"]
        assert await follower.some(0) == []
    for error in (None, StorageUnavailable("it is away")):
        waiting = [asyncio.create_task(follower.some(20)) for follower in followers]
        await asyncio.sleep(0)
        storage.error = error
        storage.asked.clear()
        await session.append(user())
        await storage.asked.wait()
        waiting[0].cancel()
        first, *others = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert [each if error else types(each) for each in others] == [error or ["appended"]] * 3
    for follower in followers:
        follower.close()


@pytest.mark.covers("LC-15")
async def test_what_happens_elsewhere_costs_a_follower_nothing(clock):
    storage = Counting(MemorySessionStorage())
    store = on(storage, clock)
    mine, other = [await store.create(owner="ana") for _ in range(2)]
    follower = await store.follower(other.id)
    assert types(await follower.some(0)) == ["ready"]
    assert await follower.some(0) == []
    waiting = asyncio.create_task(follower.some(20))
    await mine.append(user())
    storage.calls.clear()
    await mine.append(user())
    for _ in range(20):
        await asyncio.sleep(0)
    assert (storage.calls["load"], storage.calls["scan"], waiting.done()) == (0, 0, False)
    waiting.cancel()
    follower.close()


@pytest.mark.covers("LC-15")
async def test_a_store_that_closes_lets_nobody_wait(store):
    session = await store.create(owner="ana")
    follower = await store.follower(session.id, "0")
    assert await follower.some(0) == []
    waiting = asyncio.create_task(follower.some(60))
    await asyncio.sleep(0)
    store.engine.close()
    async with asyncio.timeout(20):
        with pytest.raises(StorageUnavailable):
            await waiting
    follower.close()


@pytest.mark.covers("LC-15")
async def test_followers_while_others_write(store):
    """Writers and followers at the same time, in two processes as it were: all of it in the same order."""
    other = beside(store)
    session = await store.create(owner="ana")

    async def write(which, name):
        for number in range(15):
            await which.append(session.id, [user(f"{name} {number}")])
            if number % 5 == 0:
                await which.append(session.id, [], tools=[{"tool": name}])

    async def follow(which):
        async with contextlib.aclosing(which.follow(session.id, "0")) as changes:
            return [change.id async for change in changes]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        followers = [group.create_task(follow(which)) for which in (store, store, other)]
        async with asyncio.TaskGroup() as writers:
            for which, name in ((store, "a"), (store, "b"), (other, "c")):
                writers.create_task(write(which, name))
        await session.end()
    first, *others = [task.result() for task in followers]
    assert len(first) == len(set(first)) == 3 * 18 + 1
    assert all(each == first for each in others)
