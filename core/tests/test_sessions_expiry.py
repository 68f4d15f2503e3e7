"""When a session's time runs out: to the millisecond, whatever clocks, sweepers and other processes do."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stores import beside, on, partitions, user

from holdall import Invalid, NotFound
from holdall.sessions import presence
from holdall.testing.clock import ManualClock
from holdall_memory import MemorySessionStorage

DAY = 86_400


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch):
    """Heartbeats are committed as they come: nobody sleeps here."""
    monkeypatch.setattr(presence, "PACE", 0)


async def alive(store, session):
    try:
        await store.get(session.id)
    except NotFound:
        return False
    return True


@pytest.mark.covers("LC-09", "ST-07")
@pytest.mark.req("SEC-LIF-01")
async def test_a_session_expires_at_its_millisecond_and_no_sooner(store, clock):
    session = await store.create(owner="ana", ttl=60)
    assert session.expires_at == session.created_at + 60_000
    clock.advance(59.999)
    assert await alive(store, session)
    clock.advance(0.001)
    assert not await alive(store, session)


@pytest.mark.covers("ST-07", "LC-09")
@pytest.mark.req("SEC-LIF-01")
async def test_an_expired_session_is_served_by_nothing_before_the_sweep(store, clock):
    session = await store.create(owner="ana", ttl=60)
    message = await session.append(user())
    run = await session.log_tool("grep", status="running")
    await session.append(user("keyed"), key="k")
    kept = await store.create(owner="ana")
    clock.advance(60)
    name = session.id
    for asked in (store, beside(store)):
        for call in (
            asked.get(name),
            asked.history(name),
            asked.message(name, message.id),
            asked.originals(name),
            asked.tool_runs(name),
            asked.tool_run(name, run.id),
            asked.finish_tool_run(name, run.id),
            asked.append(name, [user()]),
            asked.append(name, [user("keyed")], key="k"),
            asked.update(name, title="x"),
            asked.extend(name, ttl=60),
            asked.heartbeat(name),
            asked.clear(name),
            asked.end(name),
            asked.end(name, force=True),
            asked.delete(name),
        ):
            with pytest.raises(NotFound):
                await call
        assert [found.id for found in (await asked.list(owner="ana")).items] == [kept.id]
        assert [found.id for found in (await asked.list()).items] == [kept.id]


@pytest.mark.covers("ST-07", "LC-07")
async def test_writes_restart_the_idle_time_and_reads_do_not(store, clock):
    session = await store.create(owner="ana", ttl=60)
    start = session.created_at
    clock.advance(10)
    await session.append(user())
    assert session.expires_at == start + 70_000
    clock.advance(10)
    await session.history()
    await session.refresh()
    await session.update(title="x")
    assert session.expires_at == start + 70_000
    await session.extend()
    assert session.expires_at == start + 80_000
    clock.advance(10)
    await session.heartbeat()
    assert session.expires_at == start + 90_000
    await session.update(ttl=5)
    assert session.expires_at == start + 35_000
    clock.advance(5)
    assert not await alive(store, session)
    assert not await alive(beside(store), session)


@pytest.mark.covers("LC-09")
async def test_a_session_without_a_ttl_has_nothing_to_extend(store):
    session = await store.create(owner="ana")
    assert session.expires_at is None
    with pytest.raises(Invalid):
        await session.extend()
    await session.heartbeat()
    await session.extend(ttl=60)
    assert session.expires_at == session.created_at + 60_000
    await session.update(ttl=None)
    assert session.expires_at is None
    for wrong in (0, -1, 1.5, 10**10, True):
        with pytest.raises(Invalid):
            await session.extend(ttl=wrong)


class TestAbsoluteLimit:
    @pytest.fixture
    def policy(self):
        return {"ttl": 60, "max_lifetime": 600}

    @pytest.mark.covers("ST-07")
    @pytest.mark.req("SEC-LIF-02")
    async def test_nothing_passes_it(self, store, clock):
        session = await store.create(owner="ana")
        end = session.created_at + 600_000
        for _ in range(12):
            clock.advance(49)
            await session.append(user())
            await session.heartbeat()
            await session.extend(ttl=DAY)
            await session.extend(ttl=60)
            assert session.expires_at <= end
        await session.extend(ttl=DAY)
        await session.heartbeat()
        assert session.expires_at == end
        clock.advance((end - clock.now() // 1000 - 1) / 1000)
        assert await alive(store, session)
        clock.advance(0.001)
        assert not await alive(store, session)
        assert not await alive(beside(store), session)

    @pytest.mark.req("SEC-LIF-02")
    async def test_a_client_may_shorten_it_and_not_pass_it(self, store):
        shorter = await store.create(owner="ana", max_lifetime=30)
        longer = await store.create(owner="ana", max_lifetime=DAY)
        assert shorter.expires_at == shorter.created_at + 30_000
        assert longer.as_dict()["ends_at"] == longer.created_at + 600_000
        with pytest.raises(Invalid):
            await longer.update(max_lifetime=DAY)


class TestDefaults:
    @pytest.fixture
    def policy(self):
        return {"ttl": 60, "projects": {"slow": {"ttl": 3600, "max_lifetime": 7200}, "plain": {}}}

    @pytest.mark.covers("LC-03")
    @pytest.mark.parametrize(
        ("fields", "ttl", "ends"),
        [
            ({}, 60, None),
            ({"project": "slow"}, 3600, 7200),
            ({"project": "plain"}, 60, None),
            ({"project": "slow", "ttl": 5}, 5, 7200),
            ({"ttl": DAY}, DAY, None),
        ],
    )
    async def test_of_the_deployment_of_the_project_and_of_the_session(self, store, fields, ttl, ends):
        session = await store.create(owner="ana", **fields)
        assert session.expires_at == session.created_at + ttl * 1000
        assert session.as_dict()["ends_at"] == (None if ends is None else session.created_at + ends * 1000)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.one_of(st.none(), st.integers(1, 500))),
        st.tuples(st.just("append"), st.none()),
        st.tuples(st.just("heartbeat"), st.none()),
        st.tuples(st.just("update"), st.one_of(st.none(), st.integers(1, 500))),
        st.tuples(st.just("advance"), st.integers(0, 90_000)),
        st.tuples(st.just("jump"), st.integers(-7_200_000, 0)),
    ),
    max_size=12,
)


KINDS = ("extend", "append", "heartbeat", "update", "advance", "jump")


@pytest.mark.covers("LC-09", "ST-07")
@pytest.mark.req("SEC-LIF-02")
def test_no_sequence_of_extensions_passes_the_absolute_limit():
    """Ten thousand sequences, of which hypothesis looks for the nasty ones. R12: backward jumps included."""
    loop, seed = asyncio.new_event_loop(), random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)

    @settings(max_examples=200)
    @given(steps, st.integers(1, 300), st.integers(1, 300))
    def play(sequence, ttl, lifetime):
        loop.run_until_complete(_play(sequence, ttl, lifetime))

    def drawn():
        kind = rng.choice(KINDS)
        value = {"advance": rng.randrange(90_000), "jump": -rng.randrange(7_200_000)}.get(kind)
        return kind, value if value is not None else rng.choice((None, rng.randrange(1, 500)))

    async def play_many():
        for _ in range(9_800):
            sequence = [drawn() for _ in range(rng.randrange(8))]
            await _play(sequence, rng.randrange(1, 300), rng.randrange(1, 300))

    try:
        play()
        loop.run_until_complete(play_many())
    finally:
        loop.close()


async def _play(sequence, ttl, lifetime):
    clock = ManualClock()
    store = on(MemorySessionStorage(), clock, max_lifetime=lifetime)
    session = await store.create(owner="ana", ttl=ttl)
    limit = session.created_at + lifetime * 1000
    for step, value in sequence:
        before = session.expires_at
        try:
            if step == "advance":
                clock.advance(value / 1000)
            elif step == "jump":
                clock.advance(value / 1000)
                await session.refresh()  # a backward jump expires nothing
            elif step == "extend":
                await session.extend(ttl=value)
            elif step == "append":
                await session.append(user())
            elif step == "update":
                await session.update(**({"title": "x"} if value is None else {"ttl": value}))
            else:
                await session.refresh()
                store.engine.presence._own[session.id] = (clock.now() // 1000, limit)  # a beat, without its commit
        except NotFound:
            assert clock.now() // 1000 >= min(before, limit), (step, value)
            break
        except Invalid:
            assert step == "extend"
        assert session.expires_at <= limit
    if clock.now() // 1000 >= limit:
        with pytest.raises(NotFound):
            await store.get(session.id)
    clock.advance(max(0, limit - clock.now() // 1000) / 1000)
    with pytest.raises(NotFound):
        await store.get(session.id)


# --- clocks that jump (R12) ----------------------------------------------------------------------------------------


@pytest.mark.covers("LC-09")
@pytest.mark.parametrize("jump", [-1, -3600, -7200, -365 * DAY])
async def test_a_backward_jump_expires_nothing_and_loses_no_order(store, clock, jump):
    session = await store.create(owner="ana", ttl=60, max_lifetime=600)
    await session.append(user("before"))
    version, expires, active = session.version, session.expires_at, session.active_at
    clock.advance(jump)
    await session.append(user("after"))
    await session.heartbeat()
    assert session.version > version
    assert session.active_at >= active
    assert session.expires_at == expires
    assert [message.text for message in await session.history()] == ["before", "after"]
    younger = await store.create(owner="ana")
    assert (await store.sweep()).dropped == 0
    assert {found.id for found in (await store.list(owner="ana")).items} == {session.id, younger.id}


@pytest.mark.covers("LC-09")
@pytest.mark.parametrize("jump", [3600, 7200, 365 * DAY])
async def test_a_forward_jump_passes_no_limit(store, clock, jump):
    session = await store.create(owner="ana", ttl=60, max_lifetime=600)
    forever = await store.create(owner="ana")
    clock.advance(jump)
    assert not await alive(store, session)
    clock.advance(-jump)
    assert await alive(store, session)
    assert await alive(store, forever)


# --- the sweeper ---------------------------------------------------------------------------------------------------


@pytest.mark.covers("LC-08", "LC-14", "ST-12")
async def test_the_sweeper_drops_exactly_what_has_expired(store, clock):
    other = beside(store)
    expired = [await store.create(owner="ana", ttl=60) for _ in range(5)]
    deleted = await store.create(owner="ana")
    await deleted.delete()
    beaten = await store.create(owner="ana", ttl=60)
    longer = await store.create(owner="ana", ttl=600)
    forever = await store.create(owner="ana")
    ended = await store.create(owner="ana")
    await ended.end()
    clock.advance(59)
    await other.heartbeat(beaten.id)
    clock.advance(1 + presence.GRACE / 1000 - 0.001)
    assert (await store.sweep()).dropped == 0  # a heartbeat might still be on its way
    clock.advance(0.001)
    swept = await store.sweep()
    assert {state.record.id for state in swept.expired} == {session.id for session in expired}
    assert swept.dropped == 5
    left = [name for name in await partitions(store) if name.startswith("session/")]
    assert left == sorted(f"session/{session.id}" for session in (deleted, beaten, longer, forever, ended))
    clock.advance(DAY)
    assert (await store.sweep()).dropped == 4  # the tombstone, what was kept alive, its heartbeats, the longer one
    assert await partitions(store) == sorted(f"session/{session.id}" for session in (forever, ended))


@pytest.mark.covers("LC-08")
async def test_a_sweep_is_bounded_and_goes_on(store, clock):
    for _ in range(70):
        await store.create(owner="ana", ttl=1)
    clock.advance(10)
    assert [(await store.sweep(most=30)).dropped for _ in range(4)] == [30, 30, 10, 0]


@pytest.mark.covers("LC-08")
async def test_many_that_are_kept_alive_do_not_hide_the_expired_from_the_sweeper(clock):
    store = on(MemorySessionStorage(), clock)
    beaten = [await store.create(owner="ana", ttl=10) for _ in range(300)]
    expired = await store.create(owner="ana", ttl=11)
    clock.advance(9)
    await asyncio.gather(*(session.heartbeat() for session in beaten))
    clock.advance(5)
    assert [state.record.id for state in (await store.sweep(most=100)).expired] == [expired.id]


@pytest.mark.covers("LC-08")
async def test_sweepers_in_many_processes_drop_each_thing_once(store, clock):
    for n in range(40):
        await store.get_or_create(owner="ana", key=str(n), ttl=1)
    clock.advance(10)
    swept = await asyncio.gather(*(sweeper.sweep() for sweeper in [store, *(beside(store) for _ in range(3))]))
    assert sum(result.dropped for result in swept) == 40
    assert await partitions(store) == []


@pytest.mark.covers("LC-08")
async def test_a_key_that_is_taken_again_during_the_sweep_keeps_its_claim(store, clock):
    """The sweeper releases the claim on what it drops, unless the key stands for another session by then."""
    old = await store.get_or_create(owner="ana", key="one", ttl=1)
    clock.advance(10)
    new = await store.get_or_create(owner="ana", key="one")
    assert (await store.sweep()).dropped == 1
    assert (await store.get_or_create(owner="ana", key="one")).id == new.id != old.id
