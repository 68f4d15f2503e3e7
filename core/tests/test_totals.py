"""Totals: what messages come to, by role, tokens, cost and latency, against adding it all up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.machines import TwoWriters
from support.stores import beside, user

from holdall import Invalid, NotFound
from holdall.sessions import totals

PICK = st.integers(0, 10_000)
USED: dict[str, Any] = {
    "role": "assistant",
    "content": "sure",
    "model": "m-1",
    "usage": {"input_tokens": 100, "output_tokens": 7, "cached_tokens": 60, "reasoning": {"tokens": 3}},
    "cost_usd": 0.00035,
    "latency_ms": 412.5,
}
SAID = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.just("x")},
    optional={
        "usage": st.fixed_dictionaries({"input_tokens": st.integers(0, 50), "output_tokens": st.integers(0, 9)}),
        "cost_usd": st.sampled_from([0, 0.1, 0.25, 1e-9]),
        "latency_ms": st.sampled_from([0, 0.5, 3]),
    },
)


def summed(messages: Any) -> dict[str, Any]:
    """Totals, added up the plain way."""
    found = [dict(message) for message in messages]
    roles = [message["role"] for message in found]
    usage = [message.get("usage") or {} for message in found]
    return {
        "messages": len(found),
        "roles": {role: roles.count(role) for role in set(roles)},
        "input_tokens": sum(each.get("input_tokens", 0) for each in usage),
        "output_tokens": sum(each.get("output_tokens", 0) for each in usage),
        "cached_tokens": 0,
        "cost_usd": sum(round(message.get("cost_usd", 0) * 10**9) for message in found) / 10**9,
        "latency_ms": sum(message.get("latency_ms", 0) for message in found),
        "timed": sum("latency_ms" in message for message in found),
    }


class TotalsMachine(TwoWriters):
    """Two writers to one session; after each step both say what adding up every message says."""

    @initialize()
    def begin(self):
        super().begin()
        self.all: dict[str, Any] = {}

    def call(self, which, verb, /, *given, **named):
        try:
            return self.run(getattr(self.stores[which], verb)(self.id, *given, **named))
        except (Invalid, NotFound):
            return None

    def branch(self, pick):
        names = [branch.name for branch in self.call(0, "branches", limit=100)]
        return names[pick % len(names)]

    def message(self, pick):
        return sorted(self.all)[pick % len(self.all)] if self.all else "msg_main_0000000000"

    @rule(which=st.integers(0, 1), pick=PICK, said=st.lists(SAID, min_size=1, max_size=6), named=st.booleans())
    def append(self, which, pick, said, named):
        found = self.call(which, "append", said, branch=self.branch(pick) if named else None)
        self.all.update({message.id: message for message in found.messages})

    @rule(which=st.integers(0, 1), pick=PICK, said=SAID)
    def edit(self, which, pick, said):
        found = self.call(which, "edit", self.message(pick), said)
        if found is not None:
            self.all[found.id] = found

    @rule(which=st.integers(0, 1), pick=PICK)
    def edit_of_words(self, which, pick):
        found = self.call(which, "edit", self.message(pick), {"content": "other words"})
        if found is not None:
            self.all[found.id] = found

    @rule(which=st.integers(0, 1), pick=PICK, switch=st.booleans(), before=st.booleans())
    def fork(self, which, pick, switch, before):
        self.call(which, "fork", **{"before" if before else "at": self.message(pick)}, switch=switch)

    @rule(which=st.integers(0, 1), pick=PICK)
    def revert(self, which, pick):
        self.call(which, "revert", self.message(pick))

    @rule(which=st.integers(0, 1))
    def unrevert(self, which):
        self.call(which, "unrevert")

    @rule(which=st.integers(0, 1), pick=PICK)
    def delete_branch(self, which, pick):
        self.call(which, "delete_branch", self.branch(pick))

    @precondition(lambda self: len(self.all) > 30)
    @rule(which=st.integers(0, 1))
    def clear(self, which):
        self.call(which, "clear")
        self.all = {}

    @invariant()
    def both_say_the_same(self):
        for store in self.stores if hasattr(self, "all") else ():
            session = self.run(store.get(self.id))
            version = session.version
            assert self.run(session.totals()).as_dict() == summed(self.all.values())
            for branch in self.run(session.branches(limit=100)):
                whole = self.run(session.history(branch=branch.name, limit=500))
                assert self.run(session.totals(branch.name)).as_dict() == summed(whole)
            assert self.run(store.version(self.id)) == version, "keeping sums is nothing that anybody sees"


@pytest.mark.covers("CV-05", "CV-08", "CV-09")
@pytest.mark.parametrize(("backend", "examples"), [("memory", 25), ("file", 2), ("diskcache", 1), ("tinydb", 1)])
def test_totals_are_what_adding_up_says(backend, examples, monkeypatch):
    monkeypatch.setattr(totals, "BLOCK", 2)
    monkeypatch.setattr(totals, "_KEPT_AFTER", 1)
    monkeypatch.setattr(totals, "_AT_ONCE", 3)
    machine = type("Machine", (TotalsMachine,), {"backend": backend})
    run_state_machine_as_test(
        machine, settings=settings(report_multiple_bugs=False, max_examples=examples, stateful_step_count=25)
    )


@pytest.mark.covers("CV-01", "CV-05")
async def test_what_a_model_took_comes_back_as_it_was_given_and_is_counted(store):
    session = await store.create(owner="ana")
    await session.append(user())
    stored = await session.append(USED)
    assert {name: stored[name] for name in USED} == USED
    found = await session.totals()
    assert found.as_dict() == {
        "messages": 2, "roles": {"user": 1, "assistant": 1}, "input_tokens": 100, "output_tokens": 7,
        "cached_tokens": 60, "cost_usd": 0.00035, "latency_ms": 412.5, "timed": 1,
    }  # fmt: skip


@pytest.mark.covers("CV-05")
@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3}, (18, 0, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}}, (10, 4, 6)),
        ({"input_tokens": 10, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 6}}, (10, 4, 6)),
        ({"someone_elses": "words"}, (0, 0, 0)),
    ],
    ids=["anthropic", "openai chat", "openai responses", "unknown"],
)
async def test_tokens_are_counted_in_the_words_of_each_interface(store, usage, counted):
    session = await store.create(owner="ana", messages=[{"role": "assistant", "content": "x", "usage": usage}])
    found = await session.totals()
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == counted


@pytest.mark.covers("CV-05")
@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("model", "", "/messages/0/model"),
        ("usage", {"input_tokens": -1}, "/messages/0/usage/input_tokens"),
        ("usage", [], "/messages/0/usage"),
        ("cost_usd", -0.5, "/messages/0/cost_usd"),
        ("latency_ms", "soon", "/messages/0/latency_ms"),
    ],
)
async def test_what_cannot_be_counted_is_refused(store, field, value, pointer):
    session = await store.create(owner="ana")
    with pytest.raises(Invalid) as refused:
        await session.append({"role": "assistant", "content": "x", field: value})
    assert refused.value.pointer == pointer


@pytest.mark.covers("CV-05", "XX-02")
async def test_totals_of_a_long_session_read_no_more_than_those_of_a_short_one(store):
    loads: list[int] = []
    storage = store.engine.storage
    session = await store.create(owner="ana")
    for _ in range(24):
        await session.append([user(), USED] * 64)
    before = session.state.head
    first = await session.totals()
    assert first.messages == 24 * 128
    assert session.state.head.lanes["totals/main"].stop >= 23
    assert session.state.head.changed == before.changed
    assert "events" not in session.state.head.lanes, "followers are told of what they can see"
    load = storage.load

    async def counted(partition, *spans):
        snapshot = await load(partition, *spans)
        loads.append(len(snapshot.records))
        return snapshot

    storage.load = counted
    try:
        assert (await session.totals()).as_dict() == first.as_dict()
        assert sum(loads) < 2 * totals.BLOCK
    finally:
        del storage.load


@pytest.mark.covers("CV-05", "XX-06")
async def test_totals_of_what_another_process_edited_come_to_an_end(store):
    """A state that is remembered with its idempotency keys is old then, and stays until a step is refused by it."""
    session = await store.create(owner="ana")
    for number in range(9):
        await session.append([user()] * 128, key=f"key {number}")
    await beside(store).edit(session.id, "msg_main_0000000000", {"content": "edited"})
    storage, asked = store.engine.storage, list[str]()
    load = storage.load

    async def counted(partition, *spans):
        asked.append(partition)
        assert len(asked) < 100, "it goes on for ever"
        return await load(partition, *spans)

    storage.load = counted
    try:
        assert (await session.totals()).messages == 9 * 128
    finally:
        del storage.load


@pytest.mark.covers("CV-05", "XX-02")
async def test_an_append_that_says_nothing_of_tokens_keeps_no_sums(store):
    session = await store.create(owner="ana")
    for _ in range(4):
        await session.append([user()] * 128)
    assert set(session.state.head.lanes) == {"session", "messages/main"}
