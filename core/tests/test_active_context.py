"""What a model sees: compacted to a budget, never losing what is said, in any order of appends, forks, edits and reverts."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.storages import Counting
from support.stores import beside, on, text, user

import holdall
from holdall import Conflict, Ended, Invalid, NotFound, PluginError, Principal, SettingsError, TooLarge
from holdall.contract import Span
from holdall.hooks import CompactorOffer, NoSettings, hookimpl
from holdall.plugins import Plugins
from holdall.sessions.compaction import Choice
from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.entries import Item, counted
from holdall.sessions.compaction.grouping import grouped
from holdall.testing.clock import ManualClock
from holdall.testing.conversations import Words
from holdall_memory import MemorySessionStorage

ALL = ("elision", "summary", "window")


@pytest.fixture
def policy() -> dict[str, Any]:
    return {}


@pytest.fixture
async def store(storage_options, clock):
    """A store with every compactor."""
    config = {
        "storage": storage_options,
        "sessions": {"sweep_every": 0},
        "compaction": {"use": list(ALL), "budget": 300},
    }
    async with holdall.open(config, clock=clock) as opened:
        yield opened


def call(*names):
    return {
        "role": "assistant",
        "content": [{"type": "tool_call", "id": name, "name": "run", "arguments": {}} for name in names],
    }


def result(name, words=60):
    return {"role": "tool", "content": [{"type": "tool_result", "id": name, "content": "out " * words}]}


def turns(count, start=0):
    for number in range(start, start + count):
        yield from (user(f"Question {number} is about the cache."), call(f"c{number}"), result(f"c{number}"))
        yield {"role": "assistant", "content": f"Answer {number} is that the cache keeps pages."}


def ids(context):
    return [message.id for message in context.messages]


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


@pytest.mark.covers("CV-10", "XX-04")
async def test_a_summary_is_a_record_that_can_be_replaced(store, clock):
    session = await store.create(owner="ana", messages=list(turns(5)))
    made = await store.acting_as(Principal("ana")).summarise(
        session.id, first="msg_main_0000000004", last="msg_main_0000000011", tokens=40
    )
    told = made.as_dict()
    assert (told["first"], told["last"], told["messages"]) == ("msg_main_0000000004", "msg_main_0000000011", 8)
    assert (told["summariser"], told["tokenizer"], told["created_by"]) == ("textrank", "estimate", "ana")
    assert told["tokens"] <= 40
    assert told["covers"] == [{"branch": "main", "messages": 8, "rewritten": told["covers"][0]["rewritten"]}]
    better = await session.summarise(replaces=made.id, text="  About caches.  ")
    assert (better.text, better.record.summariser, better.record.replaces) == ("  About caches.  ", None, made.id)
    assert (better.record.first, better.record.last) == (told["first"], told["last"])
    page = await session.summaries()
    assert [one.record.replaced_by for one in page] == [better.id, None]
    assert (await store.summary(session.id, made.id)).text == made.text
    with pytest.raises(Invalid, match="was replaced"):
        await session.summarise(replaces=made.id, text="again")
    first = await session.summaries(limit=1, after=made.id)
    assert ([one.id for one in first], first.previous) == ([better.id], better.id)
    assert (await session.history(limit=100)).items[4].text.startswith("Question 1")


@pytest.mark.covers("CV-10", "CV-13")
async def test_a_replaced_summary_is_shown_as_what_replaced_it(store):
    session = await store.create(owner="ana", messages=list(turns(20)))
    await session.compact(budget=300)
    assert ids(await session.active_context())[0] == "summary_0000000000"
    await session.summarise(replaces="summary_0000000000", text="one")
    await session.summarise(replaces="summary_0000000001", text="two")
    for store_ in (store, beside(store)):
        shown = (await store_.active_context(session.id)).messages[0]
        assert (shown.id, shown.text.splitlines()[-1]) == ("summary_0000000002", "two")
    await session.append(list(turns(20, 20)))
    done = await session.compact(budget=300)
    assert (
        await store.summary(session.id, done.compaction.record.replaced[0].summary)
    ).record.builds_on == "summary_0000000002"


@pytest.mark.covers("CV-10", "CV-13")
async def test_what_is_refused(store):
    session = await store.create(owner="ana", messages=list(turns(10)))
    eve = store.acting_as(Principal("eve"))
    for refused in (
        eve.compact(session.id), eve.active_context(session.id), eve.summarise(session.id, text="x"),
        eve.summaries(session.id), eve.compactions(session.id), eve.summary(session.id, "summary_0000000000"),
        eve.compaction(session.id, "compaction_0000000000"), eve.active_context(session.id, budget=9),
        store.summary(session.id, "summary_0000000000"), store.compaction(session.id, "compaction_0"),
        session.summarise(last="msg_main_0000000099"), session.summarise(branch="none"),
        session.summarise(last="msg_none_0000000001"), session.summarise(replaces="summary_0000000000"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await refused
    for refused, match in (
        (session.summarise(text=" "), "/text"),
        (session.summarise(text="x" * 100_001), "/text"),
        (session.summarise(tokens=0), "/tokens"),
        (session.summarise(first="msg_main_0000000005", last="msg_main_0000000004"), "/first"),
        (session.summaries(before="summary_0000000000", after="summary_0000000000"), "/after"),
    ):
        with pytest.raises(Invalid, match=match):
            await refused
    with pytest.raises(Conflict):
        await session.compact(expect=session.version - 1)
    with pytest.raises(Conflict):
        await session.summarise(text="x", expect=session.version - 1)
    with pytest.raises(PluginError, match="no plugin 'none'"):
        await session.compact(compactors=["none"])
    with pytest.raises(PluginError, match="without a configuration"):
        await beside(store).compact(session.id, budget=5)
    await session.end()
    with pytest.raises(Ended):
        await session.compact()
    with pytest.raises(Ended):
        await session.summarise(text="late")
    assert (await session.active_context()).messages


@pytest.mark.covers("CV-13", "XX-04")
async def test_a_clear_erases_summaries_and_compactions(store):
    session = await store.create(owner="ana", messages=list(turns(20)))
    await session.compact(budget=300)
    await session.clear()
    assert ((await session.active_context()).messages, session.size) == ([], 0)
    assert [len(await session.summaries()), len(await session.compactions())] == [0, 0]
    await session.append(user("fresh"))
    assert (
        text(await session.history())
        == [message.text for message in (await session.active_context()).messages]
        == ["fresh"]
    )
    assert (await session.compact(budget=5)).compaction is None


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


@pytest.mark.covers("CV-13")
async def test_what_a_compactor_may_not_do_is_refused(clock):
    class Liar:
        def __init__(self, choice):
            self.choice = choice

        def compact(self, entries, budget):
            if isinstance(self.choice, Exception):
                raise self.choice
            return self.choice

    liars = {
        "split": (Liar(Choice(omit=frozenset([2]))), "would split a tool call"),
        "system": (Liar(Choice(omit=frozenset([0]))), "gave up a system message"),
        "nowhere": (Liar(Choice(omit=frozenset([99]))), "not there"),
        "words": (Liar(Choice(elide={1: [0]})), "no tool's output"),
        "broken": (Liar(ValueError("no")), "'broken' failed: ValueError"),
    }

    class Plugin:
        @hookimpl
        def holdall_compactors(self):
            return [CompactorOffer(name, name, NoSettings, lambda _, of=liar: of) for name, (liar, _) in liars.items()]

    plugins = Plugins()
    plugins.register(Plugin(), "liars")
    async with holdall.open({"storage": {"use": "memory"}}, plugins=plugins, clock=clock) as store:
        session = await store.create(owner="ana", messages=[{"role": "system", "content": "s"}, *turns(3)])
        for name, (_, match) in liars.items():
            with pytest.raises(PluginError, match=match):
                await session.compact(budget=10, compactors=[name])
        assert len(await session.compactions()) == 0


@pytest.mark.covers("CV-13", "PL-03")
async def test_what_is_misconfigured_is_told_when_it_is_needed(clock):
    for section, match in (
        ({"compaction": {"options": {"elision": {"kep": 1}}}}, "compaction.options.elision: unknown key 'kep'"),
        ({"tokenizer": {"use": "estimat"}}, "no plugin 'estimat'"),
        ({"tokenizer": {"options": {"scale": 0}}}, "tokenizer.options"),
    ):
        async with holdall.open({"storage": {"use": "memory"}, **section}, clock=clock) as store:
            session = await store.create(owner="ana", messages=[user("hello")])
            assert (await session.active_context()).messages, "which needs none of it"
            with pytest.raises((SettingsError, PluginError), match=match):
                await session.compact(budget=5)


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


async def lived_through(seed: int, clock: ManualClock, storage: MemorySessionStorage) -> None:
    """Do what comes to mind to a session, and look at what a model sees each time."""
    rng = random.Random(seed)
    async with holdall.open({"storage": {"use": "memory"}, "compaction": {"use": list(ALL)}}, clock=clock) as tools:
        store = on(storage, clock)
        store.engine.tools = tools.engine.tools
        session = await store.create(owner="ana", messages=[{"role": "system", "content": "be brief"}])
        for number in range(40):
            branch = rng.choice([one.name for one in await session.branches()])
            kind = rng.choice(
                ("say", "say", "call", "call", "result", "result", "fork", "edit", "revert", "compact", "compact")
            )
            if kind == "say":
                role = rng.choice(("user", "assistant", "user", "system"))
                await session.append({"role": role, "content": "words and " * rng.randint(1, 30)}, branch=branch)
            elif kind == "call":
                names = [f"c{rng.randint(0, 9)}" for _ in range(rng.randint(1, 3))]
                await session.append(call(*names), branch=branch)
            elif kind == "result" and (waiting := sorted(await unanswered(session, branch))):
                await session.append(result(rng.choice(waiting), rng.randint(1, 80)), branch=branch)
            elif kind == "fork":
                await session.fork(at=rng.choice((await session.history(branch=branch)).items).id, name=f"b{number}")
            elif kind == "edit":
                message = rng.choice((await session.history(branch=branch)).items)
                if message.role != "system":
                    await session.edit(message.id, metadata={"n": number})
            elif kind == "revert":
                await session.revert(rng.choice((await session.history()).items).id)
            else:
                await compacted(session, rng, branch)
            for name in (None, branch):
                await seen(store, session.id, name, clock)


def pairs(messages):
    """Which messages belong together."""
    return grouped([counted(Item(at, message), Counter(Words())) for at, message in enumerate(messages)])


async def unanswered(session, branch):
    """The calls of a branch that wait for a result."""
    _, found = pairs((await session.history(branch=branch, limit=500)).items)
    return [name for name, places in found._waiting.items() if places]


async def compacted(session, rng, branch):
    budget, use = rng.randint(5, 400), rng.sample(ALL, rng.randint(1, 3))
    done = await session.compact(budget=budget, branch=branch, compactors=use)
    context = await session.active_context(branch=branch, budget=10_000_000)
    assert context.tokens == done.tokens
    assert len(context.messages) == done.messages
    again = await session.compact(budget=budget, branch=branch, compactors=use)
    assert not again.new, "a second time there is nothing to do"
    if not done.met and "window" in use:
        assert done.messages <= done.tokens


async def seen(store, name, branch, clock):
    """What a model sees against the whole conversation: order, system messages, calls and results, everything new."""
    whole = (await store.history(name, branch=branch, limit=500)).items
    context = await store.active_context(name, branch=branch)
    fresh = await on(store.engine.storage, clock).active_context(name, branch=branch)
    assert [message.raw for message in fresh.messages] == [message.raw for message in context.messages]
    shown = [message.id for message in context.messages if not message.id.startswith("summary_")]
    order = {message.id: at for at, message in enumerate(whole)}
    assert [order[one] for one in shown] == sorted(order[one] for one in shown)
    assert {message.id for message in whole if message.role == "system"} <= set(shown)
    groups, _ = pairs(whole)
    by_group: dict[int, set[bool]] = {}
    for message, group in zip(whole, groups, strict=True):
        by_group.setdefault(group, set()).add(message.id in shown)
    assert all(len(states) == 1 for states in by_group.values()), (
        "a call without its result, or a result without its call"
    )
    if context.compaction is not None:
        last = (await store.compaction(name, context.compaction)).record.last
        assert [message.id for message in whole[order[last] + 1 :]] == shown[
            len(shown) - (len(whole) - order[last] - 1) :
        ]
    else:
        assert len(shown) == len(whole)


@pytest.mark.covers("CV-13", "XX-04")
@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_calls_and_results_are_never_split_whatever_happens(seed):
    asyncio.run(lived_through(seed, ManualClock(), MemorySessionStorage()))


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


@pytest.mark.covers("CV-10", "CV-13")
async def test_a_summary_of_what_is_redacted_says_nothing_more(store):
    session = await store.create(owner="ana", messages=[user("The secret of the cache is 1234."), *turns(20)])
    await session.compact(budget=300)
    apart = await session.summarise(first="msg_main_0000000001", last="msg_main_0000000009")
    assert "secret" in (await session.active_context()).messages[0].text
    await session.redact("msg_main_0000000000")
    for store_ in (store, beside(store)):
        context = await store_.active_context(session.id)
        assert (context.stale, context.messages[0].text.splitlines()[-1]) == (True, "[redacted]")
        told = [one.as_dict() for one in await store_.summaries(session.id)]
        assert [(one["text"], one["stale"]) for one in told] == [("[redacted]", True), (apart.text, False)]
    await session.compact(budget=300)
    context = await session.active_context()
    assert (context.stale, "secret" in str([message.fields for message in context.messages])) == (False, False)


@pytest.mark.covers("CV-10", "CV-13")
async def test_a_purge_takes_the_words_out_of_summaries(store):
    session = await store.create(owner="ana", messages=[user("The secret of the cache is 1234."), *turns(20)])
    await session.compact(budget=300)
    assert "secret" in (await session.active_context()).messages[0].text
    await session.purge(message="msg_main_0000000000")
    snapshot = await store.engine.storage.load(f"session/{session.id}", Span("summaries", 0), Span("compactions", 0))
    assert not [raw for raw in snapshot.records.values() if b"secret" in raw]
    for store_ in (store, beside(store)):
        context = await store_.active_context(session.id)
        assert (context.stale, context.messages[0].text.splitlines()[-1]) == (True, "[purged]")
