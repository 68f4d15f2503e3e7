"""Pages of a conversation: everything exactly once, whoever writes meanwhile, at the cost of what is read.

Covers ST-16.
"""

from __future__ import annotations

import pytest
from support.storages import Counting
from support.stores import beside, on, text, user, walked

from holdall import Invalid, NotFound
from holdall_memory import MemorySessionStorage


async def numbered(store, count, first=0):
    session = await store.create(owner="ana")
    await session.append([user(str(n)) for n in range(first, first + count)])
    return session


@pytest.mark.covers("CV-11", "CV-03")
async def test_the_latest_page_comes_first_and_its_cursors_lead_on(store):
    session = await numbered(store, 10)
    page = await session.history(limit=3)
    assert (text(page), page.next) == (["7", "8", "9"], None)
    assert page.version == session.version
    page = await session.history(limit=3, before=page.previous)
    assert text(page) == ["4", "5", "6"]
    again = await session.history(limit=3, after=page.next)
    assert text(again) == ["7", "8", "9"]
    page = await session.history(limit=100)
    assert (len(page), page.next, page.previous) == (10, None, None)


@pytest.mark.covers("CV-11")
@pytest.mark.parametrize("limit", [1, 3, 7, 10, 11])
async def test_paging_brings_everything_exactly_once(store, limit):
    session = await numbered(store, 10)
    back = await walked(session.history, "before", limit)
    assert [message.text for message in reversed(back)] == [str(n) for n in range(10)]
    forth = await walked(session.history, "after", limit, start=back[-1].id)
    assert [message.text for message in forth] == [str(n) for n in range(1, 10)]


@pytest.mark.covers("CV-11")
async def test_paging_is_right_while_others_append(store):
    session, other = await numbered(store, 20), beside(store)
    page = await session.history(limit=3)
    seen, back = [message.text for message in page.items], page.previous
    newest = page.items[-1].id
    while back is not None:
        await other.append(session.id, [user("late")])
        page = await session.history(limit=3, before=back)
        seen, back = [message.text for message in page.items] + seen, page.previous
    assert seen == [str(n) for n in range(20)]
    late = await walked(session.history, "after", 2, start=newest)
    assert [message.text for message in late] == ["late"] * 6


@pytest.mark.covers("CV-11")
async def test_the_edges_of_a_conversation(store):
    empty = await store.create(owner="ana")
    page = await empty.history()
    assert (page.items, page.next, page.previous) == ([], None, None)
    session = await numbered(store, 3)
    first, last = "msg_main_0000000000", "msg_main_0000000002"
    assert text(await session.history(before=first)) == []
    assert text(await session.history(after=last)) == []
    assert text(await session.history(before="msg_main_0000000003")) == ["0", "1", "2"]
    for unknown in ("msg_main_0000000004", "msg_main_9999999999"):
        with pytest.raises(NotFound):
            await session.history(before=unknown)
        with pytest.raises(NotFound):
            await session.history(after=unknown)
    for nonsense in (
        "",
        "0",
        "msg_main_-000000001",
        "msg_main_00000000000",
        "msg_main_" + "\u0660" * 10,
        "toolrun_0000000000",
    ):
        for asked in ({"before": nonsense}, {"after": nonsense}):
            with pytest.raises(NotFound):
                await session.history(**asked)
        with pytest.raises(NotFound):
            await session.message(nonsense)
    with pytest.raises(Invalid):
        await session.history(before=last, after=first)


@pytest.mark.covers("CV-11", "CV-03")
async def test_ids_are_not_used_again_after_clearing(store):
    session = await numbered(store, 5)
    assert await session.clear() == 5
    assert (await session.history()).items == []
    await session.append([user("a"), user("b")])
    page = await session.history(limit=1)
    assert (text(page), page.items[0].id) == (["b"], "msg_main_0000000006")
    assert text(await session.history(limit=1, before=page.previous)) == ["a"]
    assert (await session.history(before="msg_main_0000000005")).items == []
    assert text(await session.history(after="msg_main_0000000002")) == ["a", "b"]
    with pytest.raises(NotFound):
        await session.message("msg_main_0000000001")
    assert session.counts.messages == 2


@pytest.mark.covers("CV-03", "CV-12", "OP-12")
async def test_reading_costs_what_is_read(clock):
    counting = Counting(MemorySessionStorage())
    store = on(counting, clock)
    session = await store.create(owner="ana")
    for _ in range(20):
        await session.append([user()] * 1_000)
    cold = on(counting, clock)
    for call, records in (
        (cold.get(session.id), 1),
        (cold.history(session.id, limit=10), 11),
        (cold.history(session.id, limit=10, before="msg_main_0000010000"), 11),
        (cold.message(session.id, "msg_main_0000010000"), 2),
        (cold.list(owner="ana"), 1),
    ):
        counting.calls.clear()
        await call
        assert counting.calls["records"] == records
        assert counting.calls["load"] + counting.calls["scan"] == 1


@pytest.mark.covers("CV-02")
async def test_originals_are_kept_verbatim_and_paged(store):
    session = await store.create(owner="ana")
    lines = [f'{{"n":{n}, "odd" : "\\u00e9"}}' for n in range(10)]
    await store.append(session.id, [user(original=3)], originals=lines)
    page = await store.originals(session.id, limit=4)
    assert (page.items, page.next, page.previous) == (lines[6:], None, "6")
    assert (await store.originals(session.id, limit=4, before=6)).items == lines[2:6]
    assert (await store.originals(session.id, limit=4, after=2)).items == lines[3:7]
    for wrong in ({"before": -1}, {"after": -2}, {"before": 1, "after": 2}):
        with pytest.raises(Invalid):
            await store.originals(session.id, **wrong)
    with pytest.raises(NotFound):
        await store.originals(session.id, before=11)
    for wrong in (b"bytes", 5, "\ud800"):
        with pytest.raises(Invalid) as caught:
            await store.append(session.id, (), originals=["ok", wrong])
        assert caught.value.pointer == "/originals/1"
