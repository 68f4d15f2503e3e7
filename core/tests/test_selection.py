"""Reading by role, tool, metadata and time: what is shown is right, and what is read is near it."""

from __future__ import annotations

import random

import pytest
from support.storages import Counting
from support.stores import on, user

from holdall import Conflict, Invalid, NotFound
from holdall.sessions.names import message_id
from holdall_memory import MemorySessionStorage

pytestmark = pytest.mark.covers("CV-14", "CV-12")


def call(tool):
    return {"type": "tool_call", "id": "c", "name": tool, "arguments": {}}


def varied(number):
    """The message of that number: what it is says its number, too."""
    role = ("user", "assistant", "tool", "assistant")[number % 4]
    content = [call(("bash", "räd")[number % 8 == 1])] if number % 4 == 1 else f"bash {number}"
    metadata = {"n": number % 5, "who": f"w{number % 3}"} | ({"flag": True} if number % 7 == 0 else {"flag": 1})
    return {"role": role, "content": content, "metadata": metadata, "created_at": 1000 + number // 2 * 10}


async def filled(store, count, **fields):
    session = await store.create(owner="ana", **fields)
    for start in range(0, count, 500):
        await store.append(session.id, [varied(number) for number in range(start, min(start + 500, count))])
    return session


async def pages(session, limit, **asked):
    """What all pages show, walked from the end and checked by a walk from the beginning and by one message at a time."""
    page = await session.history(limit=limit, **asked)
    back = [one.id for one in page]
    while page.previous is not None:
        page = await session.history(limit=limit, before=page.previous, **asked)
        assert len(page) <= limit
        back = [*[one.id for one in page], *back]
    forth = [one.id for one in page]
    while page.next is not None:
        page = await session.history(limit=limit, after=page.next, **asked)
        assert len(page) <= limit
        forth += [one.id for one in page]
    assert forth == back
    assert [one.id async for one in session.messages(**asked)] == back
    return back


ASKED = [
    ({"role": "assistant"}, lambda m: m["role"] == "assistant"),
    ({"tool": "bash"}, lambda m: m["content"] == [call("bash")]),
    ({"tool": "räd"}, lambda m: m["content"] == [call("räd")]),
    ({"tool": "nothing"}, lambda _: False),
    ({"metadata": {"n": 3}}, lambda m: m["metadata"]["n"] == 3),
    ({"metadata": {"n": 3, "who": "w1"}}, lambda m: (m["metadata"]["n"], m["metadata"]["who"]) == (3, "w1")),
    ({"metadata": {"flag": True}}, lambda m: m["metadata"]["flag"] is True),
    ({"metadata": {"flag": 1}}, lambda m: m["metadata"]["flag"] is not True),
    ({"since": 1300}, lambda m: m["created_at"] >= 1300),
    ({"until": 1300}, lambda m: m["created_at"] < 1300),
    ({"since": 1205, "until": 1295}, lambda m: 1205 <= m["created_at"] < 1295),
    ({"since": 0, "until": 1000}, lambda _: False),
    ({"since": 10**12}, lambda _: False),
    ({"since": 1300, "role": "user"}, lambda m: m["created_at"] >= 1300 and m["role"] == "user"),
]


@pytest.mark.parametrize(("asked", "wanted"), ASKED, ids=[str(asked) for asked, _ in ASKED])
async def test_those_that_are_asked_for_and_no_others_are_shown(clock, asked, wanted):
    session = await filled(on(MemorySessionStorage(), clock), 100)
    expected = [message_id(number) for number in range(100) if wanted(varied(number))]
    for limit in (1, 7, 200):
        assert await pages(session, limit, **asked) == expected


async def test_bounds_may_be_messages_and_branches_are_whole(store):
    session = await filled(store, 40)
    await session.fork(at=message_id(19), name="side")
    await session.append([varied(number) for number in range(20, 30)], branch="side")
    line = [*map(message_id, range(20)), *[message_id(number, "side") for number in range(20, 30)]]
    asked = {"since": line[9], "until": line[25]}
    assert await pages(session, 4, branch="side", **asked) == line[10:25]
    assert await pages(session, 4, branch="side", role="assistant", **asked) == line[11:25:2]
    assert await pages(session, 4, branch="side", since=1120, role="user") == line[24:30:4]
    await session.revert(message_id(29))
    assert await pages(session, 4, since=1120) == [message_id(number) for number in range(24, 30)]
    assert await pages(session, 50) == [message_id(number) for number in range(30)]
    for wrong in ({"since": line[25]}, {"until": message_id(40)}, {"since": "x"}):
        with pytest.raises(NotFound):
            await session.history(**wrong)
    for wrong in ({"since": 1.5}, {"until": True}):
        with pytest.raises(Invalid):
            await session.history(**wrong)
    with pytest.raises(NotFound):
        await session.history(role="user", before=line[25])


async def test_every_message_is_walked_while_others_append(store):
    session = await filled(store, 350)
    seen = []
    async for message in session.messages():
        seen.append(message.id)
        if len(seen) % 100 == 1:
            await store.append(session.id, [user("meanwhile")])
    assert seen == [message_id(number) for number in range(350)]
    walk = session.messages()
    assert (await anext(walk)).id == message_id(0)
    await session.clear()
    with pytest.raises(Conflict):
        [one async for one in walk]
    assert [one async for one in session.messages()] == []


@pytest.mark.parametrize("seed", [1])
async def test_times_that_do_not_grow_show_nothing_wrong(clock, seed):
    print("seed", seed)
    chance = random.Random(seed)
    store = on(MemorySessionStorage(), clock)
    session = await store.create(owner="ana")
    times = [chance.randrange(1000) for _ in range(200)]
    await store.append(session.id, [user(str(at)) | {"created_at": at} for at in times])
    for _ in range(20):
        since, until = chance.randrange(1000), chance.randrange(1000)
        found = [one.created_at async for one in session.messages(since=since, until=until)]
        assert all(since <= at < until for at in found)


async def cost(storage, call):
    storage.calls.clear()
    found = await call
    return found, storage.calls["load"], storage.calls["records"]


async def test_what_is_read_is_near_the_answer(clock):
    storage = Counting(MemorySessionStorage())
    session = await filled(on(storage, clock), 5000)

    def fresh():
        return on(storage, clock)

    last = 1000 + 4999 // 2 * 10
    page, loads, records = await cost(storage, fresh().history(session.id, since=last - 50, limit=50))
    assert (len(page), page.previous, page.next) == (12, None, None)
    assert loads < 20, "looked for from the end"
    assert records < 100
    page, loads, _ = await cost(storage, fresh().history(session.id, since=1000, until=1050, limit=50))
    assert len(page) == 10
    assert loads < 60
    page, _, records = await cost(storage, fresh().history(session.id, role="user", limit=50))
    assert len(page) == 50
    assert records < 300
    page, _, records = await cost(storage, fresh().history(session.id, tool="nothing"))
    assert (len(page), page.next) == (0, None)
    assert records < 2100
    assert page.previous == message_id(3000)
    page, _, records = await cost(storage, fresh().history(session.id, after=message_id(100), tool="nothing"))
    assert (len(page), page.next, page.previous) == (0, message_id(2100), message_id(101))
    assert records < 2100
