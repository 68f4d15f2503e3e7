"""Under the sessions: storages that fail, callers that give up, and states that others have changed meanwhile.

Covers XX-06.
"""

from __future__ import annotations

import asyncio

import pytest
from support.storages import Counting, Failing, Slow
from support.stores import beside, on, text, user

from holdall import Conflict, Ended, NotFound, StorageError
from holdall.contract import Commit, Head, Lane, Span
from holdall.errors import CodecError, Damaged, StorageFull, StorageUnavailable
from holdall.sessions.steps import Step
from holdall.sessions.turns import Turns
from holdall_memory import MemorySessionStorage


@pytest.fixture
def failing():
    return Failing(MemorySessionStorage())


@pytest.mark.covers("CV-02", "ST-11")
@pytest.mark.parametrize(
    "error", [StorageError("reply lost"), StorageFull("full"), OSError("cut"), ValueError("a bug")]
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_append_with_a_key_is_repeated_once_and_stored_once(failing, clock, error, when):
    store = on(failing, clock)
    session = await store.create(owner="ana")
    getattr(failing, when).append(error)
    message = await session.append(user("once"), key="k")
    assert text(await session.history()) == ["once"]
    assert (await session.append(user("once"), key="k")).id == message.id
    failing.before.extend([error, error])
    with pytest.raises(type(error)):
        await session.append(user("twice"), key="k2")
    await session.append(user("twice"), key="k2")
    assert text(await session.history()) == ["once", "twice"]


@pytest.mark.covers("ST-11")
@pytest.mark.parametrize(("when", "stored"), [("before", []), ("after", ["maybe"])])
async def test_an_append_without_a_key_says_that_its_outcome_is_unknown(failing, clock, when, stored):
    store = on(failing, clock)
    session = await store.create(owner="ana")
    getattr(failing, when).append(StorageError("reply lost"))
    with pytest.raises(StorageError):
        await session.append(user("maybe"))
    assert text(await session.history()) == stored
    await session.append(user("next"))
    assert text(await session.history()) == [*stored, "next"]


@pytest.mark.covers("LC-02")
async def test_a_creation_whose_outcome_is_unknown_is_finished_by_its_key(failing, clock):
    store = on(failing, clock)
    for key, when in (("a", failing.before), ("b", failing.after)):
        for nth in (1, 2):
            await store.create(owner="ana", idempotency_key=f"warm{key}{nth}")
            when.append(StorageError("reply lost"))
            with pytest.raises(StorageError):
                await store.create(owner="ana", title="x", idempotency_key=f"{key}{nth}")
            first = await store.create(owner="ana", title="x", idempotency_key=f"{key}{nth}")
            assert (await store.create(owner="ana", title="x", idempotency_key=f"{key}{nth}")).id == first.id
    assert len((await store.list(owner="ana")).items) == 8


@pytest.mark.covers("ST-11")
async def test_cancelling_in_the_middle_of_a_commit_leaves_all_or_nothing(clock):
    slow = Slow(MemorySessionStorage())
    store = on(slow, clock)
    session = await store.create(owner="ana")
    for landed in (False, True):
        before = (await store.get(session.id)).counts.messages
        gate = slow.held[f"session/{session.id}"] = asyncio.Event()
        commit = asyncio.create_task(store.append(session.id, [user()]))
        waiting = asyncio.create_task(store.append(session.id, [user()]))
        await slow.until(1)
        del slow.held[f"session/{session.id}"]
        if landed:
            gate.set()
            await asyncio.sleep(0)
        commit.cancel()
        waiting.cancel()
        outcomes = await asyncio.gather(commit, waiting, return_exceptions=True)
        assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        slow.waiting = 0
        message = (await store.append(session.id, [user("after")])).messages[0]
        again = await beside(store).get(session.id)
        assert message.id == f"msg_main_{again.counts.messages - 1:010d}"
        assert before < again.counts.messages <= before + 3
        assert len((await store.history(session.id)).items) == again.counts.messages
    assert len(store.engine.turns) == 0


@pytest.mark.covers("ST-06")
async def test_what_one_store_remembers_never_decides_over_what_another_has_stored(store):
    """Each store caches the session's state; each step by the other makes that stale."""
    other = beside(store)
    session = await store.create(owner="ana", ttl=60)
    name = session.id
    await other.append(name, [user("0")])  # both remember a state now
    await store.append(name, [user("1")])
    await other.update(name, title="theirs")
    assert (await store.update(name, project="p")).title == "theirs"
    old = (await store.get(name)).version
    await other.append(name, [user("2")])
    with pytest.raises(Conflict):
        await store.append(name, [user()], expect=old)
    new = (await other.get(name)).version
    await store.append(name, [user("3")], expect=new)
    await other.clear(name)
    assert (await store.history(name)).items == []
    assert (await store.append(name, [user("4")])).messages[0].id == "msg_main_0000000004"
    await other.end(name)
    with pytest.raises(Ended):
        await store.append(name, [user()])
    await store.delete(name)
    with pytest.raises(NotFound):
        await other.delete(name)


@pytest.mark.covers("ST-07")
async def test_a_stale_state_neither_expires_nor_revives_a_session(store, clock):
    other = beside(store)
    session = await store.create(owner="ana", ttl=60)
    await other.append(session.id, [user()])
    clock.advance(30)
    await store.extend(session.id, ttl=600)
    clock.advance(100)  # what the other remembers has expired
    await other.append(session.id, [user()])
    await store.extend(session.id, ttl=1)
    clock.advance(5)  # what the other remembers is alive
    with pytest.raises(NotFound):
        await other.append(session.id, [user()])


@pytest.mark.covers("ST-06")
async def test_a_name_that_was_dropped_and_used_again_is_not_mistaken(clock):
    storage = MemorySessionStorage()
    store, other = on(storage, clock), on(storage, clock)
    session = await store.get_or_create(owner="ana", key="k")
    await store.append(session.id, [user("old")], key="m")
    await session.delete()
    clock.advance(86_400)
    await other.sweep()
    with pytest.raises(NotFound):
        await store.append(session.id, [user("late")], key="m")


@pytest.mark.covers("CV-02", "LC-07", "ST-06")
async def test_many_writers_in_two_stores_lose_nothing_and_repeat_nothing(store):
    stores = [store, beside(store)]
    session = await store.create(owner="ana")
    versions: list[int] = []

    async def write(writer):
        own = []
        for n in range(25):
            key = f"{writer}.{n}" if n % 2 else None
            appended = await stores[writer % 2].append(session.id, [user(f"{writer}.{n}")], key=key)
            own.append(appended.state.head.changed)
        assert own == sorted(set(own))
        versions.extend(own)

    await asyncio.gather(*(write(writer) for writer in range(16)))
    history = text(await session.history(limit=500))
    assert sorted(history) == sorted(f"{writer}.{n}" for writer in range(16) for n in range(25))
    for writer in range(16):
        assert [said for said in history if said.startswith(f"{writer}.")] == [f"{writer}.{n}" for n in range(25)]
    assert sorted(versions) == list(range(session.version + 1, session.version + 401))
    again = await store.get(session.id)
    assert again.size == sum(len(message.raw) for message in await session.history(limit=500))


@pytest.mark.covers("ST-06")
async def test_writers_of_one_process_queue_instead_of_colliding(clock):
    counting = Counting(Slow(MemorySessionStorage()))
    store = on(counting, clock)
    session = await store.create(owner="ana")
    counting.calls.clear()
    await asyncio.gather(*(store.append(session.id, [user()]) for _ in range(100)))
    assert counting.calls["commit"] == 100
    assert counting.calls["load"] == 0


async def test_a_session_that_changes_too_fast_is_given_up(clock, monkeypatch):
    monkeypatch.setattr("holdall.sessions.engine._ATTEMPTS", 5)

    class Colliding(Counting):
        async def commit(self, commit: Commit) -> None:
            if commit.expect:
                raise Conflict(commit.partition, expected=commit.expect, found=commit.expect + 1)
            await super().commit(commit)

    store = on(Colliding(MemorySessionStorage()), clock)
    session = await store.create(owner="ana")
    with pytest.raises(StorageUnavailable):
        await session.append(user())


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (b"not json", Damaged),
        (b"[1]", Damaged),
        (b"{}", CodecError),
        (b'{"format":2}', CodecError),
        (b"\x01\x07\x00\x00x", CodecError),
    ],
)
async def test_a_session_record_that_is_not_one_is_reported_by_name(clock, record, error):
    storage = MemorySessionStorage()
    store = on(storage, clock)
    session = await store.create(owner="ana", ttl=60)
    partition = f"session/{session.id}"
    version = session.version + 1
    lanes = {"session": Lane(0, 1, version)}
    marks = {"expires": 1}
    await storage.commit(
        Commit(partition, session.version, version, version, lanes, marks, 1, {("session", 0): record})
    )
    with pytest.raises(error, match=session.id):
        await store.get(session.id)
    other = await store.create(owner="ana", ttl=1)
    clock.advance(100)
    assert [state.record.id for state in (await store.sweep()).expired] == [other.id]
    assert await storage.load(partition, Span("session")) is not None


async def test_the_memory_of_states_is_counted_with_their_keys(store):
    session = await store.create(owner="ana")
    await session.append(user())
    before = store.engine.states.size
    for n in range(50):
        await session.append(user(), key=str(n))
    assert store.engine.states.size > before + 50 * 300


async def test_turns_are_fair_and_forgotten():
    turns, order = Turns(), []

    async def turn(n):
        if not turns.begin("x"):
            await turns.wait("x")
        try:
            order.append(n)
            await asyncio.sleep(0)
        finally:
            turns.end("x")

    tasks = [asyncio.create_task(turn(n)) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    await asyncio.sleep(0)
    assert len(order) < 3
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [n for n in range(10) if n != 3]
    assert len(turns) == 0


@pytest.mark.parametrize("came", [False, True])
async def test_a_turn_that_is_cancelled_as_it_comes_goes_to_the_next(came):
    turns, order = Turns(), []
    assert turns.begin("x")

    async def turn(n):
        await turns.wait("x")
        order.append(n)
        turns.end("x")

    tasks = [asyncio.create_task(turn(n)) for n in range(3)]
    await asyncio.sleep(0)
    if came:
        turns.end("x")
    tasks[0].cancel()
    if not came:
        turns.end("x")
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [1, 2]
    assert len(turns) == 0


@pytest.mark.parametrize("first", ["the other", "the one in a hurry"])
async def test_whoever_waits_for_a_turn_waits_for_those_in_a_hurry(first):
    """A storage that answers slowly let every writer that waited go first. Tried without ``overtake``."""
    turns, order = Turns(), []
    assert turns.begin("x")

    async def turn(n):
        await turns.wait("x")
        order.append(n)
        turns.end("x")

    tasks = [asyncio.create_task(turn(n)) for n in range(3)]
    await asyncio.sleep(0)
    hurried = turns.overtake("x")
    steps = [lambda: turns.end("x"), lambda: turns.end("x", hurried)]
    for step in steps if first == "the other" else reversed(steps):
        assert order == []
        step()
        for _ in range(5):
            await asyncio.sleep(0)
    assert order == [0, 1, 2]
    await asyncio.gather(*tasks)
    assert (turns.overtake("x"), turns.begin("x")) == (None, False)  # alone it has the turn
    turns.end("x", None)
    assert len(turns) == 0


def test_a_lane_that_was_emptied_in_a_step_goes_on_where_it_stopped():
    step = Step.begin("p", Head("p", 1, 1, lanes={"a": Lane(0, 5)}), 2)
    step.trim("a", 5)
    assert step.lane("a") == Lane(5, 5)
    step.append("a", [b"x"])
    assert step.lane("a") == Lane(5, 6)
    step.remove("a")
    assert step.lane("a") == Lane()
