"""Which key goes: each policy by its own rule, and the bounds by a clock that is passed in."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import holdall
from holdall import SettingsError
from holdall.caching import Cache, LeastRecentlyUsed
from holdall_policies import Bounded, Bounds, Oldest, Sieve, TinyLFU
from holdall_policies.sketch import Sketch

KEYS = st.integers(0, 9)


def full(policy, keys):
    for key in keys:
        policy.admit(key, 1)
    return policy


def evicted(policy, count):
    return [policy.evict() for _ in range(count)]


def test_sieve_gives_up_the_oldest_that_was_not_used():
    policy = full(Sieve(), "abcde")
    for key in "ab":
        policy.touch(key)
    assert evicted(policy, 1) == ["c"]
    policy.admit("f", 1)
    policy.touch("f")
    assert evicted(policy, 3) == ["d", "e", "a"]


@given(st.lists(st.tuples(st.sampled_from(["use", "drop"]), KEYS), max_size=120), st.integers(1, 6))
def test_sieve_is_what_its_paper_says(steps, room):
    """Beside the plainest form of it: a list, newest first, and the index of the hand."""
    policy, order, visited, hand = Sieve(), [], {}, None
    for step, key in steps:
        if step == "drop":
            if key in visited:
                at = order.index(key)
                hand = None if hand is None else hand - 1 if hand >= at else hand
                hand = None if hand is not None and hand < 0 else hand
                order.remove(key)
                del visited[key]
                policy.forget(key)
        elif key in visited:
            visited[key] = True
            policy.touch(key)
        else:
            if len(order) == room:
                hand = len(order) - 1 if hand is None else hand
                while visited[order[hand]]:
                    visited[order[hand]] = False
                    hand = hand - 1 if hand else len(order) - 1
                gone = order.pop(hand)
                hand = hand - 1 if hand else None
                del visited[gone]
                assert policy.evict() == gone
            order.insert(0, key)
            hand = None if hand is None else hand + 1
            visited[key] = False
            policy.admit(key, 1)


def test_tinylfu_does_not_let_a_walk_push_out_what_is_used():
    cache = Cache(TinyLFU(0.1), 50)
    for _ in range(5):
        for key in range(40):
            if cache.get(key) is None:
                cache.put(key, key, 1)
    for key in range(1000, 2000):
        cache.put(key, key, 1)
    assert sum(cache.peek(key) is not None for key in range(40)) >= 38


def test_tinylfu_lets_in_what_is_asked_for_more_often():
    policy = full(TinyLFU(0.1), range(20))
    for _ in range(3):
        policy.admit("again", 1)
        policy.forget("again")
    policy.admit("again", 1)
    policy.admit("new", 1)
    gone = evicted(policy, 1)
    assert gone[0] in range(20)


@given(st.lists(KEYS, max_size=400))
def test_a_sketch_never_counts_too_little(keys):
    sketch, counts = Sketch(), dict.fromkeys(range(10), 0)
    for number, key in enumerate(keys):
        sketch.add(key)
        counts[key] = min(counts[key] + 1, 15)
        if number == 200:
            sketch.grow(5_000)
    assert all(sketch.count(key) >= counts[key] for key in counts)


def test_a_sketch_forgets():
    sketch = Sketch()
    for _ in range(15):
        sketch.add("old")
    for other in range(3_000):
        sketch.add(other)
    assert 5 <= sketch.count("old") < 15


def test_ttl_counts_from_when_a_key_came_in():
    now = [0.0]
    cache = Cache(Bounded(Oldest(), Bounds(ttl=10), lambda: now[0]), 1_000)
    cache.put("a", "a", 1)
    now[0] = 6
    cache.put("b", "b", 1)
    assert cache.get("a") == "a"
    now[0] = 10
    assert (cache.get("a"), cache.get("b")) == (None, "b")
    now[0] = 16
    cache.shed()
    assert (len(cache), cache.size) == (0, 0)


def test_there_are_no_more_than_most_and_none_is_larger():
    cache = Cache(Bounded(LeastRecentlyUsed(), Bounds(most=2, largest=10)), 1_000)
    for key, size in (("a", 1), ("large", 11), ("b", 10), ("c", 1)):
        cache.put(key, key, size)
    assert [cache.get(key) for key in ("a", "large", "b", "c")] == [None, None, "b", "c"]


@given(st.lists(st.tuples(KEYS, st.integers(0, 20)), max_size=60), st.integers(1, 30), st.integers(1, 5))
def test_bounds_hold_at_any_time(uses, ttl, most):
    now, came, policy = [0], OrderedDict(), Bounded(LeastRecentlyUsed(), Bounds(ttl=ttl, most=most), lambda: now[0])
    cache = Cache(policy, 1_000)
    for key, later in uses:
        now[0] += later
        if cache.get(key) is None:
            cache.put(key, now[0], 1)
            came[key] = now[0]
        assert now[0] - came[key] < ttl
        assert len(cache) <= most


@pytest.mark.parametrize("policy", ["lru", "sieve", "tinylfu", "ttl"])
async def test_it_is_named_in_the_configuration(policy):
    cache = {"policy": policy, "max_bytes": 1 << 20, "options": {"ttl": 60, "most": 100}}
    async with holdall.open({"storage": {"use": "memory"}, "cache": cache}) as store:
        session = await store.create(owner="ana", messages=[{"role": "user", "content": "hello"}])
        for _ in range(2):
            assert len((await session.history()).items) == 1
        assert store.engine.states.hits
    with pytest.raises(SettingsError, match=f"cache.options of '{policy}': unknown key 'tll'; did you mean 'ttl'"):
        async with holdall.open(
            {"storage": {"use": "memory"}, "cache": {"policy": policy, "options": {"tll": 1, "ttl": 1}}}
        ):
            pass
