"""What a model sees: compacted to a budget, never losing what is said."""

from __future__ import annotations

import asyncio

import pytest
from support.compacting import call, ids, result, turns, with_compactors
from support.storages import Counting
from support.stores import beside, on, user

import holdall
from holdall import Invalid, NotFound, Principal, TooLarge
from holdall_memory import MemorySessionStorage


@pytest.fixture
async def store(storage_options, clock):
    async with with_compactors(storage_options, clock) as opened:
        yield opened


@pytest.mark.covers("CV-13", "CV-10", "XX-04")
async def test_a_conversation_is_compacted_and_stays_readable(store, clock):
    session = await store.create(owner="ana", messages=[{"role": "system", "content": "be brief"}, *turns(20)])
    before = [message.raw for message in await session.history(limit=100)]
    assert [message.raw for message in (await session.active_context()).messages] == before
    clock.advance(3)
    done = await store.acting_as(Principal("ana")).compact(session.id, budget=400)
    assert (done.new, done.met) == (True, True)
    told = done.compaction.as_dict()
    assert (told["last"], told["budget"], told["tokenizer"]) == ("msg_main_0000000080", 400, "estimate")
    assert (told["created_by"], told["created_at"], told["stale"]) == ("ana", clock.now() // 1000, False)
    assert told["before"]["tokens"] > 400 >= told["after"]["tokens"]
    assert [one["summary"] for one in told["replaced"]] == ["summary_0000000000"]
    context = await session.active_context()
    assert (context.compaction, context.stale, context.tokens) == ("compaction_0000000000", False, None)
    assert context.messages[0].raw == before[0]
    assert ids(context)[1] == "summary_0000000000"
    assert context.messages[1].role == "user"
    assert "cache" in context.messages[1].text
    assert [message.raw for message in context.messages[2:]] == before[-(len(context.messages) - 2) :]
    assert [message.raw for message in await session.history(limit=100)] == before
    again = await session.compact(budget=400)
    assert (again.new, again.met, again.compaction.as_dict()) == (False, True, told)
    assert [one.as_dict() for one in await session.compactions()] == [told]
    assert (await store.compaction(session.id, "compaction_0000000000")).as_dict() == told
    await session.append(user("and now?"))
    assert ids(await session.active_context())[-1] == "msg_main_0000000081"
    assert ids(await beside(store).active_context(session.id)) == ids(await session.active_context())


@pytest.mark.covers("CV-13")
async def test_output_is_left_out_and_its_size_is_told(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    done = await session.compact(budget=700, compactors=["elision"])
    elided = done.compaction.as_dict()["elided"]
    assert [one["message"] for one in elided][:2] == ["msg_main_0000000002", "msg_main_0000000006"]
    for store_ in (store, beside(store)):
        context = await store_.active_context(session.id)
        assert len(context.messages) == 40
        assert "left out: 60 tokens" in context.messages[2].content[0]["content"]
        assert context.messages[2].content[0]["id"] == "c0"
    assert (await session.message("msg_main_0000000002")).content[0]["content"] == "out " * 60
    await session.append(list(turns(10, 10)))
    more = await session.compact(budget=900, compactors=["elision"])
    assert [one["message"] for one in more.compaction.as_dict()["elided"]][: len(elided)] == [
        one["message"] for one in elided
    ]


@pytest.mark.covers("CV-13")
async def test_a_budget_is_a_question_that_stores_nothing(store):
    session = await store.create(owner="ana", messages=[{"role": "system", "content": "be brief"}, *turns(10)])
    version = session.version
    context = await session.active_context(budget=150)
    assert (context.met, context.budget, context.compaction) == (True, 150, None)
    assert context.tokens <= 150
    assert ids(context)[0] == "msg_main_0000000000"
    tight = await session.active_context(budget=5)
    assert (tight.met, tight.tokens > 5) == (False, True)
    assert ids(tight) == ["msg_main_0000000000", "msg_main_0000000040"], (
        "no less than the system's words and the newest"
    )
    await session.refresh()
    assert (session.version, len(await session.summaries())) == (version, 0)
    least = await session.compact(budget=5)
    assert (least.met, least.new) == (False, True)
    assert (await session.compact(budget=5)).new is False
    for wrong in (0, -1):
        with pytest.raises(Invalid, match="/budget"):
            await session.active_context(budget=wrong)
        with pytest.raises(Invalid, match="/budget"):
            await session.compact(budget=wrong)


@pytest.mark.covers("CV-13")
async def test_asked_after_every_turn_it_compacts_once_in_many(store):
    session = await store.create(owner="ana", messages=[{"role": "system", "content": "be brief"}])
    made, seen = [], []
    for number in range(40):
        await session.append(list(turns(1, number)))
        done = await session.compact(budget=400, above=1_000)
        assert done.met
        assert done.budget == (400 if done.new else 1_000)
        context = await session.active_context(budget=10**9)
        assert context.tokens == done.tokens
        made.append(done.new)
        seen.append(done.tokens)
    assert 2 <= sum(made) <= 8, made
    assert max(seen) <= 1_000
    assert len(await session.compactions()) == sum(made)
    version = session.version
    assert not (await store.compact(session.id, budget=1, above=10_000)).new
    await session.refresh()
    assert session.version == version
    with pytest.raises(Invalid, match="/above"):
        await session.compact(above=0)


@pytest.mark.covers("CV-13", "XX-06")
async def test_processes_that_find_it_time_at_once_make_one_compaction(clock):
    config = {"storage": {"use": "memory"}, "compaction": {"budget": 400, "above": 1_000}}
    async with holdall.open(config, clock=clock) as store:
        session = await store.create(owner="ana", messages=list(turns(5)))
        assert (await session.compact()).compaction is None, "it is not time"
        await session.append(list(turns(20, 5)))
        other = beside(store)
        other.engine.tools = store.engine.tools
        done = await asyncio.gather(*(one.compact(session.id) for one in (store, other, store)))
        assert [one.new for one in done].count(True) == len(await session.compactions()) == 1
        assert (await session.compact(budget=200)).new, "a budget that is said is meant"


@pytest.mark.covers("CV-13")
async def test_the_result_of_a_call_that_was_left_out_brings_it_back(store):
    session = await store.create(owner="ana", messages=[user("go"), call("slow"), *turns(8)])
    await session.compact(budget=100, compactors=["window"])
    assert "msg_main_0000000001" not in ids(await session.active_context())
    await session.append(result("slow", 5))
    for store_ in (store, beside(store)):
        assert ids(await store_.active_context(session.id))[0] == "msg_main_0000000001"
    await session.append(list(turns(8, 8)))
    await session.compact(budget=100, compactors=["window"])
    found = ids(await session.active_context())
    assert ("msg_main_0000000001" in found) == ("msg_main_0000000034" in found)


@pytest.mark.covers("CV-13", "CV-08")
async def test_a_branch_has_the_compaction_of_what_it_shares(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    await session.fork(at="msg_main_0000000003", name="early")
    await session.compact(budget=200)
    await session.fork(name="late")
    await session.append(user("on late"), branch="late")
    assert (await session.active_context(branch="early")).compaction is None
    late = await session.active_context(branch="late")
    assert (late.branch, late.compaction, ids(late)[-1]) == ("late", "compaction_0000000000", "msg_late_0000000040")
    await session.append(list(turns(10, 10)), branch="late")
    await session.compact(budget=200, branch="late")
    assert (await session.active_context(branch="late")).compaction == "compaction_0000000001"
    assert (await session.active_context()).compaction == "compaction_0000000000", "main has nothing of it"
    await session.revert("msg_main_0000000005")
    assert (await session.active_context()).compaction is None
    assert ids(await session.active_context()) == [f"msg_main_{n:010d}" for n in range(6)]
    await session.unrevert()
    assert (await session.active_context()).compaction == "compaction_0000000000"
    with pytest.raises(NotFound):
        await session.active_context(branch="none")


@pytest.mark.covers("CV-05", "CV-10")
async def test_a_branch_that_is_reverted_to_before_its_fork_shows_nothing_of_a_later_compaction(store):
    """The branch ends in the one that it left, at a message before the last that the compaction decided about."""
    session = await store.create(owner="ana", messages=list(turns(20)))
    await session.fork(name="late", at="msg_main_0000000018", switch=True)
    assert (await session.compact(budget=200)).compaction.record.last == "msg_main_0000000018"
    await session.revert("msg_main_0000000015")
    shown = await session.active_context()
    assert (shown.compaction, ids(shown)) == (None, [f"msg_main_{n:010d}" for n in range(16)])
    await session.compact(budget=200)
    told = [one.as_dict() for one in await session.compactions()]
    assert [one["last"] for one in told] == ["msg_main_0000000018", "msg_main_0000000015"]
    assert ids(await session.active_context())[-1] == "msg_main_0000000015"
    await session.unrevert()
    assert (await session.active_context()).compaction == "compaction_0000000001"


@pytest.mark.covers("CV-09", "CV-10", "CV-13")
async def test_what_stands_for_an_edited_message_is_stale(store):
    session = await store.create(owner="ana", messages=list(turns(20)))
    early = await session.summarise(last="msg_main_0000000009")
    await session.compact(budget=300)
    await session.edit("msg_main_0000000079", content="changed")
    assert [one.stale for one in await session.summaries()] == [False, False]
    compaction = (await session.compactions()).items[0]
    assert compaction.stale, "it decided about that message"
    await session.edit("msg_main_0000000008", content="changed")
    assert [one.stale for one in await session.summaries()] == [True, True]
    assert (await store.summary(session.id, early.id)).stale
    context = await session.active_context()
    assert (context.stale, context.compaction) == (True, "compaction_0000000000")
    anew = await session.compact(budget=300)
    assert (anew.new, anew.compaction.stale, (await session.active_context()).stale) == (True, False, False)


@pytest.mark.covers("CV-04", "CV-13")
async def test_a_title_of_a_branch_makes_nothing_stale(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    await session.fork(name="other", at="msg_main_0000000009", switch=True)
    own = await session.append(user("mine"))
    await session.append(list(turns(10)))

    async def stale() -> bool:
        await session.compact(budget=50)
        await session.update_branch("other", title="the first")
        await session.update_branch("other", title="the second")
        told = [(await one.active_context(session.id)).stale for one in (store, beside(store))]
        assert len(set(told)) == 1
        return told[0]

    assert not await stale()
    await session.edit(own.id, content="changed")
    await session.update_branch("other", title="the third")
    assert (await session.active_context()).stale, "a title hides no edit"
    assert not await stale(), "and what was edited before is no change"


@pytest.mark.covers("CV-13", "XX-04")
@pytest.mark.parametrize("after", ["edit", "redact"])
async def test_a_compaction_of_what_was_purged_is_stale_whatever_else_was_changed(store, after):
    session = await store.create(owner="ana", messages=list(turns(10)))
    await session.redact("msg_main_0000000002")
    made = (await session.compact(budget=50)).compaction
    late = await session.append(user("late"))
    await session.purge(message="msg_main_0000000002")
    await (session.edit(late.id, content="later") if after == "edit" else session.redact(late.id))
    for one in (store, beside(store)):
        assert (await one.active_context(session.id)).stale
        assert (await one.compaction(session.id, made.id)).stale
    assert [kept.kind for kept in await session.redacted("msg_main_0000000002")] == []
    await session.compact(budget=50)
    assert not (await session.active_context()).stale


@pytest.mark.covers("CV-13", "XX-06")
async def test_appends_and_compactions_at_once_lose_nothing(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    other = beside(store)
    other.engine.tools = store.engine.tools
    work = [one.compact(session.id, budget=200) for one in (store, other)]
    work += [(store, other)[n % 2].append(session.id, [user(f"late {n}")]) for n in range(8)]
    await asyncio.gather(*work)
    await session.compact(budget=200, whole=True)
    for one in (store, other):
        shown = {message.id for message in (await one.active_context(session.id)).messages}
        newest = (await one.compactions(session.id)).items[-1].record.last
        assert {f"msg_main_{n:010d}" for n in range(int(newest[-10:]) + 1, 48)} <= shown
    assert len(await session.history(limit=100)) == 48


@pytest.mark.covers("CV-13", "XX-02")
async def test_an_active_context_costs_what_it_shows(clock):
    storage = Counting(MemorySessionStorage())
    store = on(storage, clock)
    async with holdall.open({"storage": {"use": "memory"}}, clock=clock) as tools:
        store.engine.tools = tools.engine.tools
        session = await store.create(owner="ana", messages=[{"role": "system", "content": "s"}])
        read = []
        for _ in range(3):
            await session.append(list(turns(200)))
            await session.compact(budget=2_000, compactors=["window"])
            await session.append(list(turns(3)))
            fresh = on(storage, clock)
            before = storage.calls["records"]
            await fresh.active_context(session.id)
            read.append(storage.calls["records"] - before)
        assert max(read) < 150, f"{read} records of 2,400"
        assert max(read) - min(read) < 12, read


@pytest.mark.covers("CV-13")
async def test_too_much_to_be_handed_out_at_once_is_refused(clock, monkeypatch):
    monkeypatch.setattr("holdall.sessions.compaction.active.MOST", 30)
    async with holdall.open({"storage": {"use": "memory"}}, clock=clock) as store:
        session = await store.create(owner="ana", messages=list(turns(10)))
        with pytest.raises(TooLarge, match="compact it first"):
            await session.active_context()
        assert (await session.active_context(budget=200)).messages
        await session.compact(budget=200)
        assert (await session.active_context()).messages


@pytest.mark.covers("CV-13", "XX-10")
async def test_large_parts_are_counted_unread_and_come_whole(store):
    big = "line of output " * 20_000
    session = await store.create(
        owner="ana", messages=[user("go"), call("a"), result("a"), call("b"), user(big), *turns(5)]
    )
    await session.append({"role": "tool", "content": [{"type": "tool_result", "id": "b", "content": big}]})
    assert (await session.active_context()).messages[4].content == big
    tokens = (await session.active_context(budget=10_000_000)).tokens
    assert tokens > 2 * len(big) // 4
    await session.append(list(turns(4, 5)))
    await session.compact(budget=tokens - len(big) // 5, compactors=["elision"])
    for store_ in (store, beside(store)):
        context = await store_.active_context(session.id)
        assert context.messages[4].content == big
        (left,) = [message for message in context.messages if "left out: 75," in str(message.content)]
        assert not left.get("large_parts")
