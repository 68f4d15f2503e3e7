"""Bounds for any policy: how long a key is kept, how many there are, and how large one may be."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from holdall.caching import CachePolicy

__all__ = ["LIFE", "Bounded", "Bounds", "Largest", "Most", "Seconds", "bounded"]

Clock = Callable[[], float]
"""Seconds that never go back."""


Seconds = Annotated[float, Meta(gt=0)]
LIFE = Meta(description="Seconds after which a key is given up, however often it is used.")
Most = Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Keys at the most.")]
Largest = Annotated[
    Annotated[int, Meta(ge=1)] | None, Meta(description="Bytes that a key's value may have when it comes in.")
]


class Bounds(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of every policy here; what is not said is not bounded, but for the bytes of the cache itself."""

    ttl: Annotated[Seconds | None, LIFE] = None
    most: Most = None
    largest: Largest = None


class Bounded:
    """``policy`` within ``bounds``."""

    def __init__(self, policy: CachePolicy, bounds: Bounds, clock: Clock = time.monotonic) -> None:
        self._policy = policy
        self._bounds = bounds
        self._clock = clock
        self._came: OrderedDict[Hashable, float] = OrderedDict()
        """When each key came in, the first of them first."""

    def admit(self, key: Hashable, size: int) -> bool:
        """Hold ``key`` if it is not too large, and the policy admits it."""
        largest = self._bounds.largest
        if (largest is not None and size > largest) or not self._policy.admit(key, size):
            return False
        self._came[key] = self._clock()
        return True

    def touch(self, key: Hashable) -> None:
        """Tell the policy; it makes no key younger."""
        self._policy.touch(key)

    def evict(self) -> Hashable:
        """The key that the policy gives up."""
        key = self._policy.evict()
        del self._came[key]
        return key

    def forget(self, key: Hashable) -> None:
        """Hold ``key`` no longer."""
        del self._came[key]
        self._policy.forget(key)

    def shed(self) -> Sequence[Hashable]:
        """Those that are too many, by the policy's choice, and those whose time is over."""
        gone: list[Hashable] = []
        most, ttl = self._bounds.most, self._bounds.ttl
        while most is not None and len(self._came) > most:
            gone.append(self.evict())
        if ttl is not None and self._came:
            until = self._clock() - ttl
            while self._came and next(iter(self._came.values())) <= until:
                key = next(iter(self._came))
                self.forget(key)
                gone.append(key)
        return gone


def bounded(policy: CachePolicy, bounds: Bounds) -> CachePolicy:
    """``policy`` within ``bounds``; as it is where there are none."""
    unbounded = bounds.ttl is None and bounds.most is None and bounds.largest is None
    return policy if unbounded else Bounded(policy, bounds)
