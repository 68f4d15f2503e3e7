"""What is done once per key: creations, the owners' own names for sessions, appends.

Covers QA-02.
"""

from __future__ import annotations

import asyncio

import pytest
from support.storages import Counting, Failing
from support.stores import beside, on, partitions, text, user

from holdall import Invalid, NotFound
from holdall.contract import Commit
from holdall.errors import KeyReused
from holdall.sessions.creating import claim_partition
from holdall.sessions.keys import fingerprint
from holdall_memory import MemorySessionStorage


@pytest.mark.covers("LC-02")
async def test_the_owners_own_key_names_one_session(store):
    mine = await store.get_or_create(owner="ana", key="thread-42", title="first")
    again = await store.get_or_create(owner="ana", key="thread-42", title="second")
    other = await store.get_or_create(owner="ben", key="thread-42")
    assert (mine.id, mine.key, again.title) == (again.id, "thread-42", "first")
    assert other.id != mine.id
    assert (mine.new, again.new) == (True, False)


@pytest.mark.covers("LC-02")
async def test_finding_by_the_owners_key_creates_nothing(store, clock):
    assert await store.find(owner="ana", key="one") is None
    assert await partitions(store) == []
    made = await store.get_or_create(owner="ana", key="one", ttl=60)
    found = await store.find(owner="ana", key="one")
    assert (found.id, found.new) == (made.id, False)
    assert await store.find(owner="ben", key="one") is None
    await made.delete()
    assert await store.find(owner="ana", key="one") is None
    await store.get_or_create(owner="ana", key="one", ttl=60)
    clock.advance(60)
    assert await store.find(owner="ana", key="one") is None


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_has_one_to_two_hundred_characters(store, key):
    with pytest.raises(Invalid):
        await store.get_or_create(owner="ana", key=key)
    with pytest.raises(Invalid):
        await store.find(owner="ana", key=key)
    with pytest.raises(Invalid):
        await store.create(owner="ana", idempotency_key=key)
    session = await store.create(owner="ana")
    with pytest.raises(Invalid):
        await session.append(user(), key=key)


@pytest.mark.covers("LC-01", "LC-02")
async def test_fifty_callers_in_two_stores_get_one_session(store):
    stores = [store, beside(store)]
    for keyed in ("get_or_create", "create"):
        calls = [
            stores[n % 2].get_or_create(owner="ana", key="one")
            if keyed == "get_or_create"
            else stores[n % 2].create(owner="ana", title="x", idempotency_key="one")
            for n in range(50)
        ]
        sessions = await asyncio.gather(*calls)
        assert len({session.id for session in sessions}) == 1
        assert sum(session.new for session in sessions) == 1
    assert len((await store.list(owner="ana")).items) == 2


@pytest.mark.covers("LC-14")
@pytest.mark.parametrize("method", ["get_or_create", "create"])
async def test_a_claim_whose_session_was_never_made_is_fulfilled_by_the_next_caller(store, clock, method):
    """A crash between the two commits: only the claim is stored."""

    async def ask(asked):
        if method == "create":
            return await asked.create(owner="ana", idempotency_key="one")
        return await asked.get_or_create(owner="ana", key="one")

    failing = Failing(store.engine.storage)
    commits: list[Commit] = []

    async def only_the_claim(commit: Commit) -> None:
        commits.append(commit)
        if len(commits) > 1:
            raise OSError("the process dies here")
        await failing.inner.commit(commit)

    failing.commit = only_the_claim
    with pytest.raises(OSError, match="dies"):
        await ask(on(failing, clock))
    assert [name.split("/")[0] for name in await partitions(store)] == ["claim" if method != "create" else "create"]
    made = await asyncio.gather(*(ask(which) for which in (store, beside(store)) * 5))
    assert {f"session/{session.id}" for session in made} == {commits[1].partition}
    assert sum(session.new for session in made) == 1


@pytest.mark.covers("LC-14")
async def test_a_claim_on_a_session_that_is_gone_is_replaced(store, clock):
    first = await store.get_or_create(owner="ana", key="one", ttl=60)
    await first.delete()
    second = await store.get_or_create(owner="ana", key="one", ttl=60)
    clock.advance(60)
    third = await store.get_or_create(owner="ana", key="one")
    clock.advance(86_400)
    await store.sweep()
    fourth = await store.get_or_create(owner="ana", key="one")
    assert len({first.id, second.id, third.id}) == 3
    assert fourth.id == third.id
    assert sorted(await partitions(store)) == sorted([claim_partition("ana", "one"), f"session/{third.id}"])


@pytest.mark.covers("LC-08")
async def test_the_claim_goes_with_its_session(store, clock):
    await store.get_or_create(owner="ana", key="one", ttl=60)
    clock.advance(70)
    assert (await store.sweep()).dropped == 1
    assert await partitions(store) == []


@pytest.mark.covers("LC-02")
async def test_a_repeated_creation_gives_the_same_session_for_a_day(store, clock):
    asked = {"owner": "ana", "title": "x", "metadata": {"a": 1}, "messages": [user("hi")], "idempotency_key": "once"}
    first = await store.create(**asked)
    assert (await store.create(**asked)).id == first.id
    assert (await beside(store).create(**asked)).id == first.id
    for other in ({"title": "y"}, {"metadata": {"a": 2}}, {"messages": [user("ho")]}, {"messages": []}):
        with pytest.raises(KeyReused):
            await store.create(**{**asked, **other})
    assert (await store.create(**{**asked, "owner": "ben"})).id != first.id
    clock.advance(86_400)
    assert (await store.create(**asked)).id != first.id


@pytest.mark.covers("LC-08")
async def test_the_sweeper_drops_the_keys_of_creations_after_a_day(store, clock):
    session = await store.create(owner="ana", idempotency_key="once")
    clock.advance(86_400)
    assert (await store.sweep()).dropped == 1
    assert await partitions(store) == [f"session/{session.id}"]


@pytest.mark.covers("CV-02")
async def test_a_repeated_append_stores_nothing_and_gives_back_what_was_stored(store):
    session = await store.create(owner="ana")
    first = await store.append(session.id, [user("a"), user("b")], tools=[{"tool": "t"}], originals=["o"], key="k")
    for again in (store, beside(store)):
        repeat = await again.append(session.id, [user("a"), user("b")], tools=[{"tool": "t"}], originals=["o"], key="k")
        assert [message.raw for message in repeat.messages] == [message.raw for message in first.messages]
        assert [run.raw for run in repeat.tools] == [run.raw for run in first.tools]
        assert (first.replayed, repeat.replayed) == (False, True)
    assert (await store.get(session.id)).version == first.state.head.changed
    for other in (
        {"messages": [user("a")]},
        {"messages": [user("a"), user("c")]},
        {"messages": [user("a"), user("b")]},
        {"messages": [user("a"), user("b")], "tools": [{"tool": "t"}]},
        {"messages": [user("a"), user("b")], "tools": [{"tool": "t"}], "originals": ["other"]},
    ):
        with pytest.raises(KeyReused):
            await store.append(session.id, **other, key="k")


@pytest.mark.covers("CV-02")
async def test_a_repeat_is_answered_after_the_version_moved_and_after_the_end(store):
    session = await store.create(owner="ana")
    version = session.version
    stored = await session.append(user("once"), key="k", expect=version)
    await session.append(user("more"))
    await session.end()
    assert (await session.append(user("once"), key="k", expect=version)).id == stored.id


@pytest.mark.covers("CV-02")
async def test_what_was_cleared_since_is_not_stored_again_by_a_repeat(store):
    session = await store.create(owner="ana")
    await session.append(user("once"), key="k")
    await session.clear()
    with pytest.raises(NotFound):
        await session.append(user("once"), key="k")
    assert (await store.get(session.id)).counts.messages == 0


@pytest.mark.covers("CV-02")
async def test_concurrent_duplicates_in_two_stores_are_stored_once(store):
    stores = [store, beside(store)]
    session = await store.create(owner="ana")
    appends = [stores[n % 2].append(session.id, [user(str(n % 5))], key=f"k{n % 5}") for n in range(50)]
    done = await asyncio.gather(*appends)
    assert sum(not appended.replayed for appended in done) == 5
    for n in range(5):
        assert len({appended.messages[0].id for appended in done[n::5]}) == 1
    assert sorted(text(await session.history())) == ["0", "1", "2", "3", "4"]


@pytest.mark.covers("CV-02")
async def test_keys_are_forgotten_after_a_day_and_trimmed(store, clock):
    session = await store.create(owner="ana")
    for n in range(100):
        await session.append(user(str(n)), key=f"k{n}")
    clock.advance(86_400 - 1)
    assert (await store.append(session.id, [user("0")], key="k0")).replayed
    clock.advance(2)
    other = beside(store)
    assert not (await other.append(session.id, [user("other")], key="k0")).replayed
    assert (await store.append(session.id, [user("other")], key="k0")).replayed
    for n in range(200, 204):
        await session.append(user(), key=f"k{n}")
    lane = (await store.get(session.id)).state.head.lanes["keys"]
    assert lane.stop == 105
    assert len(lane) <= 6


@pytest.mark.covers("CV-02", "CV-12")
async def test_many_keys_cost_a_second_store_only_what_is_new(clock):
    counting = Counting(MemorySessionStorage())
    one, two = on(counting, clock), on(counting, clock)
    session = await one.create(owner="ana")
    for n in range(1_000):
        await one.append(session.id, [user(str(n))], key=str(n))
    counting.calls.clear()
    assert (await two.append(session.id, [user("17")], key="17")).replayed
    await two.append(session.id, [user("x")], key="x")
    assert counting.calls["records"] < 2_100
    counting.calls.clear()
    for n in range(20):
        await (one, two)[n % 2].append(session.id, [user("y")], key=f"y{n}")
    assert counting.calls["records"] < 200
    assert (await one.append(session.id, [user("y")], key="y19")).replayed


def test_a_fingerprint_depends_on_where_its_parts_end():
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc") != fingerprint(b"abc")
