"""The tool execution log: a record a run, finished at once or later, once."""

from __future__ import annotations

import asyncio

import pytest
from support.storages import Counting
from support.stores import beside, on, user, walked

from holdall import Conflict, Invalid, NotFound
from holdall.sessions import toolruns
from holdall_memory import MemorySessionStorage


@pytest.mark.covers("ST-18")
async def test_a_run_that_is_finished_later(store, clock):
    session = await store.create(owner="ana")
    message = await session.append(user())
    run = await session.log_tool(
        "grep", arguments={"pattern": "x"}, status="running", call="c1", message=message.id, metadata={"a": 1}
    )
    assert (run.tool, run.status, run["started_at"]) == ("grep", "running", clock.now() // 1000)
    version = session.version
    clock.advance(1.5)
    done = await session.finish_tool_run(run.id, status="failed", error="no such file", result={"code": 2})
    assert dict(done) == {
        **run,
        "status": "failed",
        "error": "no such file",
        "result": {"code": 2},
        "duration_ms": 1500,
    }
    assert dict(await store.tool_run(session.id, run.id)) == dict(done)
    again = await store.get(session.id)
    assert (again.version, done.version) == (version + 1, version + 1)
    assert again.active_at == clock.now() // 1000
    assert again.size == len(message.raw) + len(done.raw)


@pytest.mark.covers("ST-18")
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"tool": ""}, "/tools/0/tool"),
        ({"status": "lost"}, "/tools/0/status"),
        ({"id": "toolrun_0000000000"}, "/tools/0/id"),
        ({"arguments": {"x": [float("nan")]}}, "/tools/0/arguments/x/0"),
        ({"duration_ms": -1}, "/tools/0/duration_ms"),
        ({"duration_ms": float("inf")}, "/tools/0/duration_ms"),
        ({"started_at": 1.5}, "/tools/0/started_at"),
        ({"nonsense": 1}, "/tools/0/nonsense"),
    ],
)
async def test_what_is_wrong_with_a_run_is_pointed_at(store, fields, pointer):
    session = await store.create(owner="ana")
    with pytest.raises(Invalid) as caught:
        await store.append(session.id, [user()], tools=[{"tool": "t", **fields}])
    assert caught.value.pointer == pointer
    assert (await store.get(session.id)).version == session.version


@pytest.mark.covers("ST-18")
async def test_a_run_is_finished_once(store):
    session = await store.create(owner="ana")
    run = await session.log_tool("grep", status="running", started_at=None)
    outcomes = await asyncio.gather(
        *((store, beside(store))[n % 2].finish_tool_run(session.id, run.id, result=n) for n in range(10)),
        return_exceptions=True,
    )
    done = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert len(done) == 1
    assert all(isinstance(outcome, Invalid) for outcome in outcomes if outcome is not done[0])
    assert (await store.tool_run(session.id, run.id))["result"] == done[0]["result"]
    finished = await session.log_tool("grep")
    with pytest.raises(Invalid, match="succeeded already"):
        await session.finish_tool_run(finished.id)


@pytest.mark.covers("ST-18")
async def test_different_runs_are_finished_side_by_side(store):
    session, other = await store.create(owner="ana"), beside(store)
    runs = (await store.append(session.id, (), tools=[{"tool": "t", "status": "running"}] * 20)).tools
    await asyncio.gather(
        *((store, other)[n % 2].finish_tool_run(session.id, run.id, result=n) for n, run in enumerate(runs)),
        *(other.append(session.id, [user()]) for _ in range(10)),
    )
    page = await session.tool_runs()
    assert [run["result"] for run in page.items] == list(range(20))
    again = await store.get(session.id)
    assert again.size == sum(len(run.raw) for run in page) + sum(len(m.raw) for m in await session.history())


@pytest.mark.covers("ST-18")
async def test_finishing_expects_a_version_where_one_is_given(store):
    session = await store.create(owner="ana")
    run = await session.log_tool("grep", status="running")
    old = session.version
    await session.append(user())
    with pytest.raises(Conflict):
        await session.finish_tool_run(run.id, expect=old)
    await session.finish_tool_run(run.id, expect=session.version)


@pytest.mark.covers("ST-18")
@pytest.mark.parametrize(
    ("end", "pointer"),
    [
        ({"status": "running"}, "/status"),
        ({"tool": "x"}, "/tool"),
        ({"result": {1: 2}}, "/result"),
        ({"error": 5}, "/error"),
    ],
)
async def test_what_is_wrong_with_an_end_is_pointed_at(store, end, pointer):
    session = await store.create(owner="ana")
    run = await session.log_tool("grep", status="running")
    with pytest.raises(Invalid) as caught:
        await session.finish_tool_run(run.id, **end)
    assert caught.value.pointer == pointer


@pytest.mark.covers("ST-18", "CV-11")
async def test_the_log_is_paged_and_filtered(store):
    session = await store.create(owner="ana")
    for n in range(30):
        await session.log_tool("abc"[n % 3], status="failed" if n % 2 else "succeeded", result=n)
    everything = await walked(session.tool_runs, "before", 7)
    assert [run["result"] for run in everything] == list(range(29, -1, -1))
    for filters, wanted in (
        ({"tool": "a"}, range(0, 30, 3)),
        ({"status": "failed"}, range(1, 30, 2)),
        ({"tool": "b", "status": "failed"}, range(1, 30, 6)),
        ({"tool": "z"}, ()),
    ):

        async def read(filters=filters, **page):
            return await session.tool_runs(**filters, **page)

        back = await walked(read, "before", 2)
        assert [run["result"] for run in back] == list(wanted)[::-1]
        first = "toolrun_0000000000"
        forth = await walked(read, "after", 2, start=first)
        assert [run["result"] for run in forth] == [n for n in wanted if n > 0]
    for unknown in ("toolrun_0000000031", "msg_main_0000000001", "x"):
        with pytest.raises(NotFound):
            await session.tool_runs(before=unknown)
        with pytest.raises(NotFound):
            await store.tool_run(session.id, unknown)
    with pytest.raises(NotFound):
        await store.tool_run(session.id, "toolrun_0000000030")


@pytest.mark.covers("ST-18")
async def test_a_filtered_page_examines_a_bounded_number_and_goes_on_by_cursor(clock, monkeypatch):
    monkeypatch.setattr(toolruns, "_EXAMINED", 50)
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    session = await store.create(owner="ana")
    await store.append(session.id, (), tools=[{"tool": "rare"}] + [{"tool": "common"}] * 499 + [{"tool": "rare"}])
    counting.calls.clear()
    page = await session.tool_runs(tool="rare", limit=5)
    assert (len(page), page.previous is not None) == (1, True)
    assert counting.calls["records"] <= 51

    async def read(**page):
        return await session.tool_runs(tool="rare", **page)

    assert [run.id for run in await walked(read, "before", 5)] == ["toolrun_0000000500", "toolrun_0000000000"]
