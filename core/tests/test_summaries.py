"""Summaries: records that stand for messages, that people replace, and that forget what is redacted and purged."""

from __future__ import annotations

import pytest
from support.compacting import ids, turns, with_compactors
from support.stores import beside, text, user

from holdall import Invalid, Principal
from holdall.contract import Span


@pytest.fixture
async def store(storage_options, clock):
    async with with_compactors(storage_options, clock) as opened:
        yield opened


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
