"""The clock jumps by two hours, forwards and backwards: no session outlives its limit, none ends before its time."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdall
from holdall.codecs import Codec
from holdall.errors import NotFound
from holdall.testing.clock import ManualClock
from holdall.transfer.verifying import verify
from tests.matrix.cells import cells
from tests.matrix.helping import settings

JUMP = 7200


async def alive(store: holdall.Store, session: holdall.Session) -> bool:
    try:
        await store.get(session.id)
    except NotFound:
        return False
    return True


@pytest.mark.covers("LC-09")
@cells("clock ±2 h", memory="R", file="R", diskcache="R", tinydb="R")
async def test_back(backend: str, tmp_path: Path) -> None:
    """Nothing expires by it, nothing loses its order, and the limit stays where it was."""
    clock = ManualClock()
    async with holdall.open(settings(backend, tmp_path), clock=clock) as store:
        session = await store.create(owner="ana", ttl=60, max_lifetime=600)
        await session.append([{"role": "user", "content": "before"}])
        version, expires, active = session.version, session.expires_at, session.active_at
        limit = session.created_at + 600_000
        clock.advance(-JUMP)
        await session.append([{"role": "user", "content": "after"}])
        await session.heartbeat()
        assert session.version > version
        assert (session.expires_at, session.active_at) == (expires, active)
        assert [item.text for item in await session.history()] == ["before", "after"]
        younger = await store.create(owner="ana")
        assert (await store.sweep()).dropped == 0
        assert {found.id for found in (await store.list(owner="ana")).items} == {session.id, younger.id}
        clock.advance(JUMP)
        await session.extend(ttl=JUMP)
        assert session.expires_at == limit
        clock.advance(599.999)
        assert await alive(store, session)
        clock.advance(0.001)
        assert not await alive(store, session)
        assert (await verify(store.engine.storage, Codec())).problems == []


@pytest.mark.covers("LC-09")
@cells("clock ±2 h", memory="R", file="R", diskcache="R", tinydb="R")
async def test_forth_and_back(backend: str, tmp_path: Path) -> None:
    """What is past its limit is served by nobody while the clock says so, and by a clock put right it lives on."""
    clock = ManualClock()
    async with holdall.open(settings(backend, tmp_path), clock=clock) as store:
        session = await store.create(owner="ana", ttl=60, max_lifetime=600)
        forever = await store.create(owner="ana")
        clock.advance(JUMP)
        assert not await alive(store, session)
        with pytest.raises(NotFound):
            await store.append(session.id, [{"role": "user", "content": "too late"}])
        assert [found.id for found in (await store.list(owner="ana")).items] == [forever.id]
        await forever.append([{"role": "user", "content": "written two hours ahead"}])
        clock.advance(-JUMP)
        await session.append([{"role": "user", "content": "in time"}])
        await forever.append([{"role": "user", "content": "written in time"}])
        assert [item.text for item in await forever.history()] == ["written two hours ahead", "written in time"]
        assert [item.text for item in await session.history()] == ["in time"]
        assert {found.id for found in (await store.list(owner="ana")).items} == {session.id, forever.id}
        assert (await verify(store.engine.storage, Codec())).problems == []
