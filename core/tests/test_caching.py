"""A bounded cache: whatever its policy keeps, it holds no more bytes than it may, and nothing that was dropped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdall.caching import Cache, LeastRecentlyUsed

KEYS = st.sampled_from("abcdefgh")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(1, 120)),
        st.tuples(st.just("get"), KEYS, st.none()),
        st.tuples(st.just("drop"), KEYS, st.none()),
    ),
    max_size=60,
)


class Picky(LeastRecentlyUsed):
    """Admits every second key."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def admit(self, key, size):
        self.asked += 1
        return self.asked % 2 == 0 and super().admit(key, size)


@given(STEPS, st.booleans(), st.integers(0, 300))
def test_a_cache_is_bounded_and_tells_the_truth(steps, picky, most):
    cache, newest = Cache(Picky() if picky else LeastRecentlyUsed(), most), {}
    for n, (step, key, size) in enumerate(steps):
        if step == "put":
            cache.put(key, n, size)
            newest[key] = (n, size)
        elif step == "get":
            found = cache.get(key)
            assert found is None or found == newest[key][0]
        else:
            cache.drop(key)
            newest.pop(key, None)
        held = {key for key in "abcdefgh" if key in cache._items}
        assert held <= set(newest)
        assert cache.size == sum(newest[key][1] for key in held) <= most
        assert len(cache) == len(held)
        assert set(cache._policy._keys) == held


def test_the_least_recently_used_goes_first():
    cache = Cache(LeastRecentlyUsed(), 30)
    for key in "abc":
        cache.put(key, key, 10)
    assert cache.get("a") == "a"
    cache.put("d", "d", 10)
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    assert (cache.hits, cache.misses) == (4, 1)


def test_what_is_too_large_takes_nobodys_place():
    cache = Cache(LeastRecentlyUsed(), 30)
    cache.put("a", 1, 10)
    cache.put("b", 1, 10)
    cache.put("b", 2, 100)
    cache.put("c", 3, 100)
    assert [cache.get(key) for key in "abc"] == [1, None, None]
    assert cache.size == 10


def test_without_room_nothing_is_kept():
    cache = Cache(LeastRecentlyUsed(), 0)
    cache.put("a", 1, 1)
    assert cache.get("a") is None


class FewAtMost(LeastRecentlyUsed):
    """Holds two keys at the most."""

    def shed(self):
        return [self.evict() for _ in range(len(self._keys) - 2)]


def test_a_policy_may_give_up_keys_though_there_is_room():
    cache = Cache(FewAtMost(), 100)
    for key in "abc":
        cache.put(key, key, 10)
    assert ([cache.get(key) for key in "abc"], cache.size) == ([None, "b", "c"], 20)
    cache._policy._keys["d"] = None
    cache._items["d"], cache._sizes["d"] = "d", 5
    cache.size += 5
    cache.shed()
    assert (len(cache), cache.size) == (2, 15)


def test_what_was_given_up_at_once_is_gone():
    cache = Cache(LeastRecentlyUsed(), 100)
    for key in "abc":
        cache.put(key, key, 20)
    cache.clear()
    assert (len(cache), cache.size, cache.get("a")) == (0, 0, None)
    cache.put("a", "again", 100)
    assert cache.get("a") == "again"
