"""Cache policies that lie, as a single-file plugin, and an honest one."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import ClassVar

from holdall.caching import LeastRecentlyUsed
from holdall.hooks import CachePolicyOffer, NoSettings, hookimpl

POLICIES = []


def policy(*caught_by):
    """Offer the class as a cache policy; each test of ``caught_by`` must fail with it."""

    def offer(kind):
        kind.caught_by = caught_by
        POLICIES.append(CachePolicyOffer(kind.__name__, kind.__doc__, NoSettings, lambda _: kind()))
        return kind

    return offer


@hookimpl
def holdall_cache_policies():
    return POLICIES


@policy()
class HonestRecent(LeastRecentlyUsed):
    """Keeps everything."""


@policy("test_it_gives_up_what_it_holds", "test_what_was_removed_is_never_given_up")
class NeverForgets(LeastRecentlyUsed):
    """Gives up keys that were removed long ago."""

    def forget(self, key):
        pass


@policy("test_it_gives_up_what_it_holds")
class HoldsWhatItRefuses(LeastRecentlyUsed):
    """Refuses a key, and gives it up later all the same."""

    def admit(self, key, size):
        return super().admit(key, size) and size < 100


@policy("test_what_was_removed_is_never_given_up")
class HoldsTwice:
    """Has a key that came in again twice."""

    def __init__(self):
        self.keys, self.gone = [], set()

    def admit(self, key, size):
        self.keys.append(key)
        self.gone.discard(key)
        return True

    def touch(self, key):
        pass

    def evict(self):
        while (key := self.keys.pop(0)) in self.gone:
            pass
        return key

    def forget(self, key):
        self.gone.add(key)


@policy("test_a_cache_stays_within_its_bytes")
class ShedsWhatItKeeps(LeastRecentlyUsed):
    """Sheds a key, and gives it up once more."""

    def shed(self):
        return [next(iter(self._keys))] if len(self._keys) > 3 else []


@policy("test_it_remembers_a_bounded_number")
class RemembersEverybody(LeastRecentlyUsed):
    """Keeps how often each key was asked for, for ever."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def admit(self, key, size):
        self.counts[key] = self.counts.get(key, 0) + 1
        return super().admit(key, size)


@policy("test_the_same_calls_have_the_same_answers")
class ByChance(LeastRecentlyUsed):
    """Gives up anything."""

    def evict(self):
        key = secrets.choice(list(self._keys))
        del self._keys[key]
        return key


@policy("test_the_same_calls_have_the_same_answers")
class OneForAll(LeastRecentlyUsed):
    """Shares what it learns with every other cache."""

    seen: ClassVar = OrderedDict()

    def admit(self, key, size):
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.seen[key] % 7 != 0 and super().admit(key, size)


@policy("test_something_is_kept")
class LetsNobodyIn(LeastRecentlyUsed):
    """Admits nothing."""

    def admit(self, key, size):
        return False
