"""``CachePolicyTests``: what every cache policy must keep.

    from holdall.testing import CachePolicyTests

    class TestNewest(CachePolicyTests):
        plugin = "newest"

Which keys a policy prefers is its own business, and is not tested.
"""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.caching import Cache, CachePolicy, SheddingPolicy
from holdall.testing.case import verifies
from holdall.testing.kinds import Tested, options_for
from holdall.testing.offers import OfferTests

__all__ = ["CachePolicyTests", "OpenPolicy", "opened"]

OpenPolicy = Callable[[], CachePolicy]
KEYS = st.sampled_from([*range(8), ("p", "messages/main"), "p"])
SIZES = st.integers(1, 120)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), KEYS, SIZES),
        st.tuples(st.just("touch"), KEYS, st.just(0)),
        st.tuples(st.just("evict"), KEYS, st.just(0)),
        st.tuples(st.just("forget"), KEYS, st.just(0)),
    ),
    max_size=80,
)
Steps = list[tuple[str, Hashable, int]]
thorough = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def opened(found: Tested, options: Mapping[str, Any]) -> CachePolicy:
    """The policy, opened as the core does it."""
    return found.offer.open(options_for(found, options))


class Driver:
    """Asks a policy only what a cache asks, and knows what it must hold."""

    def __init__(self, policy: CachePolicy) -> None:
        self.policy = policy
        self.held: set[Hashable] = set()
        self.answers: list[Any] = []

    def play(self, steps: Steps) -> None:
        """Take the steps that make sense, one after the other."""
        for step, key, size in steps:
            getattr(self, f"_{step}")(key, size)
            if isinstance(self.policy, SheddingPolicy):
                for gone in self.policy.shed():
                    self._gives_up(gone)

    def empty(self) -> None:
        """Evict everything: each held key once, and no other."""
        while self.held:
            self._evict(None, 0)

    def _admit(self, key: Hashable, size: int) -> None:
        if key not in self.held:
            admitted = self.policy.admit(key, size)
            assert isinstance(admitted, bool), f"admit answered {admitted!r}"  # pyright: ignore[reportUnnecessaryIsInstance]
            self.answers.append(admitted)
            self.held |= {key} if admitted else set()

    def _touch(self, key: Hashable, _: int) -> None:
        if key in self.held:
            self.policy.touch(key)

    def _evict(self, _: Hashable, __: int) -> None:
        if self.held:
            self._gives_up(self.policy.evict())

    def _forget(self, key: Hashable, _: int) -> None:
        if key in self.held:
            self.policy.forget(key)
            self.held.remove(key)

    def _gives_up(self, key: Hashable) -> None:
        assert key in self.held, f"gave up {key!r}, which it did not hold; it held {self.held}"
        self.held.remove(key)
        self.answers.append(key)


class Page:
    """A key that can be watched."""


class CachePolicyTests(OfferTests):
    """Holds the cache policy named ``plugin`` to what a cache relies on.

    One that needs options overrides the fixture ``options``.
    """

    kind = "cache policy"

    @pytest.fixture
    def opens(self, tested: Tested, options: Mapping[str, Any]) -> OpenPolicy:
        """Opens the policy, each time an empty one."""
        return lambda: opened(tested, options)

    @verifies("consistent")
    def test_it_gives_up_what_it_holds(self, opens: OpenPolicy) -> None:
        """``evict`` gives a held key, and "the policy forgets it"; "if so, the policy holds it from now on"."""

        @thorough
        @given(STEPS)
        def any_steps(steps: Steps) -> None:
            driver = Driver(opens())
            driver.play(steps)
            driver.empty()

        any_steps()

    @verifies("consistent")
    def test_what_was_removed_is_never_given_up(self, opens: OpenPolicy) -> None:
        """``forget``: "a held key was removed by its owner"; it may come in again, as a new one."""
        driver = Driver(opens())
        driver.play([("admit", key, 10) for key in range(40)])
        driver.play([step for key in range(0, 40, 2) for step in (("touch", key, 0), ("forget", key, 0))])
        driver.play([("admit", key, 10) for key in range(0, 40, 4)])
        driver.empty()
        driver.play([("admit", key, 10) for key in range(40, 44)])
        driver.empty()

    @verifies("bounded")
    def test_a_cache_stays_within_its_bytes(self, opens: OpenPolicy) -> None:
        """A cache with this policy "holds no more bytes than it may", and gives back what was put in last."""

        @thorough
        @given(STEPS, st.integers(0, 300))
        def any_steps(steps: Steps, most: int) -> None:
            cache: Cache[int] = Cache(opens(), most)
            newest: dict[Hashable, int] = {}
            for number, (step, key, size) in enumerate(steps):
                if step == "admit":
                    cache.put(key, number, size)
                    newest[key] = number
                elif step == "forget":
                    cache.drop(key)
                    newest.pop(key, None)
                else:
                    assert cache.get(key) in (None, newest.get(key))
                assert 0 <= cache.size <= most, f"{cache.size} bytes, of {most}"

        any_steps()

    @verifies("bounded")
    def test_it_remembers_a_bounded_number(self, opens: OpenPolicy) -> None:
        """What it remembers of keys that are gone is bounded by what it holds, however many come by."""
        cache: Cache[bool] = Cache(opens(), 100)
        watched: weakref.WeakSet[Page] = weakref.WeakSet()
        for page in (Page() for _ in range(20_000)):
            watched.add(page)
            cache.put(page, True, 1)
            cache.get(page)
        gc.collect()
        assert len(watched) <= 1_000, f"of 20,000 keys it holds {len(cache)}, and remembers {len(watched):,}"

    @verifies("repeatable")
    def test_the_same_calls_have_the_same_answers(self, opens: OpenPolicy) -> None:
        """By the protocol, "the same calls … have the same answers": no chance, and nothing shared between two caches."""
        rng = random.Random(7)  # noqa: S311 - the same steps on every run
        words = ("admit", "admit", "touch", "evict", "forget")
        steps: Steps = [(rng.choice(words), rng.randrange(60), rng.randint(1, 120)) for _ in range(3_000)]
        first, second = Driver(opens()), Driver(opens())
        for step in steps:
            first.play([step])
            second.play([step])
        third = Driver(opens())
        third.play(steps)
        assert first.answers == second.answers == third.answers

    @verifies("useful")
    def test_something_is_kept(self, opens: OpenPolicy) -> None:
        """A cache with room for everything that is asked for answers from memory, sooner or later."""
        cache: Cache[int] = Cache(opens(), 1_000)
        for _ in range(20):
            for key in range(10):
                if cache.get(key) is None:
                    cache.put(key, key, 1)
        assert cache.hits, "of ten keys, asked for twenty times each, none was ever kept"
