"""Heartbeats: they keep a session alive in every process, share commits, and change nothing that a client sees.

Covers QA-02.
"""

from __future__ import annotations

import asyncio

import pytest
from support.storages import Counting, Slow
from support.stores import beside, on, user

from holdall import NotFound
from holdall.sessions import presence
from holdall_memory import MemorySessionStorage


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


@pytest.mark.covers("LC-06", "LC-09")
async def test_a_heartbeat_in_one_process_keeps_the_session_alive_in_all(store, clock):
    other, third = beside(store), beside(store)
    session = await store.create(owner="ana", ttl=10)
    for _ in range(5):
        clock.advance(9.9)
        assert await alive(third, session)
        await other.heartbeat(session.id)
    clock.advance(9.999)
    assert await alive(store, session)
    assert await alive(third, session)
    assert [found.id for found in (await third.list(owner="ana")).items] == [session.id]
    await third.append(session.id, [user()])
    clock.advance(10)
    assert not await alive(store, session)
    assert not await alive(other, session)


@pytest.mark.covers("LC-06", "LC-09")
async def test_every_process_tells_the_same_expiry_a_second_after_a_heartbeat(store, clock):
    other = beside(store)
    session = await store.create(owner="ana", ttl=3600)
    clock.advance(600)
    told = (await other.heartbeat(session.id)).expires_at
    clock.advance(1)
    assert (await store.get(session.id)).expires_at == told
    assert [item.expires_at for item in await store.list(owner="ana")] == [told]


@pytest.mark.covers("LC-06", "LC-09")
async def test_a_heartbeat_is_seen_however_lately_the_others_were_looked_at(store, clock):
    """What one process knows of another's heartbeats is never older than the last one that counts."""
    other = beside(store)
    gone = await store.create(owner="ana", ttl=5)
    session = await store.create(owner="ana", ttl=10)
    clock.advance(9.5)
    assert not await alive(store, gone)  # looks at everybody's heartbeats
    clock.advance(0.4)
    await other.heartbeat(session.id)
    clock.advance(0.1)
    assert await alive(store, session)


@pytest.mark.covers("LC-06")
async def test_a_shorter_ttl_counts_from_the_last_heartbeat(store, clock):
    session = await store.create(owner="ana", ttl=100)
    await session.heartbeat()
    clock.advance(1)
    await session.extend(ttl=10)
    clock.advance(9.999)
    assert await alive(store, session)
    clock.advance(0.001)
    assert not await alive(store, session)
    assert not await alive(beside(store), session)


@pytest.mark.covers("LC-06", "LC-08")
async def test_a_heartbeat_changes_no_version_and_no_order(store, clock):
    first = await store.create(owner="ana", ttl=60)
    second = await store.create(owner="ana", ttl=60)
    version = first.version
    clock.advance(1)
    await first.heartbeat()
    assert (await store.get(first.id)).version == version
    assert [found.id for found in (await store.list(owner="ana")).items] == [second.id, first.id]


@pytest.mark.covers("LC-06")
async def test_many_heartbeats_share_a_commit(clock, monkeypatch):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    sessions = [await store.create(owner="ana", ttl=60) for _ in range(1_000)]
    counting.calls.clear()
    await asyncio.gather(*(session.heartbeat() for session in sessions))
    assert counting.calls["commit"] <= 3
    clock.advance(59)
    assert all([await alive(beside(store), session) for session in sessions])


@pytest.mark.covers("LC-06")
async def test_a_heartbeat_that_was_stored_too_late_is_not_acknowledged(clock):
    """The session expired and was swept while the heartbeat was on its way."""
    slow = Slow(MemorySessionStorage())
    store = on(slow, clock)
    session = await store.create(owner="ana", ttl=10)
    gate = slow.held[store.engine.presence._partition] = asyncio.Event()
    beat = asyncio.create_task(store.heartbeat(session.id))
    await slow.until(1)
    clock.advance(100)
    assert (await on(slow, clock).sweep()).dropped == 1
    gate.set()
    with pytest.raises(NotFound):
        await beat
