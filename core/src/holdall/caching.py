"""A bounded cache that asks a policy what to keep.

A policy is a pure object: it does no I/O, and it is told of every key, so that it can be property-tested and
swapped. The cache keeps what cannot go stale: its users compare versions before they trust an entry.

A policy may have a fifth method, ``shed``, which gives up keys though there is room: because their time is over, or
because there are too many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

__all__ = ["Cache", "CachePolicy", "LeastRecentlyUsed", "SheddingPolicy"]

V = TypeVar("V")


class CachePolicy(Protocol):
    """Decides which keys a cache of limited size keeps. The same calls, at the same times, have the same answers."""

    def admit(self, key: Hashable, size: int) -> bool:
        """Whether a new key of ``size`` bytes may come in; if so, the policy holds it from now on."""
        ...

    def touch(self, key: Hashable) -> None:
        """A held key was read."""
        ...

    def evict(self) -> Hashable:
        """The held key to give up next; the policy forgets it. Asked only while it holds one."""
        ...

    def forget(self, key: Hashable) -> None:
        """A held key was removed by its owner."""
        ...


@runtime_checkable
class SheddingPolicy(CachePolicy, Protocol):
    """A policy that also gives up keys while there is room."""

    def shed(self) -> Sequence[Hashable]:
        """The held keys to give up now, perhaps none; the policy forgets them. Asked at every look-up: it is quick."""
        ...


class LeastRecentlyUsed:
    """Gives up the key that was not used for longest."""

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def admit(self, key: Hashable, size: int) -> bool:  # noqa: ARG002 - every size is welcome
        """Hold every key, whatever its ``size``."""
        self._keys[key] = None
        return True

    def _young(self) -> Callable[[Hashable], None]:
        return self._keys.move_to_end

    touch: Any = property(_young)
    """Moves a key to the young end: the dictionary's own method, because every look-up calls it."""

    def evict(self) -> Hashable:
        """The key at the old end."""
        return self._keys.popitem(last=False)[0]

    def forget(self, key: Hashable) -> None:
        """Hold ``key`` no longer."""
        self._keys.pop(key, None)


class Cache(Generic[V]):
    """At most ``max_bytes`` of values, by the sizes that their owner states."""

    def __init__(self, policy: CachePolicy, max_bytes: int) -> None:
        self._policy = policy
        self._touch = policy.touch
        self._shedding = policy if isinstance(policy, SheddingPolicy) else None
        self.max_bytes = max_bytes
        self._items: dict[Hashable, V] = {}
        self._sizes: dict[Hashable, int] = {}
        self.peek: Callable[[Hashable], V | None] = self._items.get
        """The value of a key, if it is held; as if nobody had looked."""
        self.size = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Hashable) -> V | None:
        """The value of ``key``, if it is held."""
        if self._shedding is not None:
            self.shed()
        value = self._items.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        self._touch(key)
        return value

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Hold ``value``, which is not ``None``, under ``key`` if the policy admits it, giving up others until it fits."""
        if self._sizes.get(key) == size:  # as of a session that was written to: another state in the place of the last
            self._items[key] = value
            self._touch(key)
        else:
            self._fit(key, value, size)
        if self._shedding is not None:
            self.shed()

    def _fit(self, key: Hashable, value: V, size: int) -> None:
        """``put`` a value by which the cache becomes larger or smaller."""
        known = self._sizes.get(key)
        if size > self.max_bytes:
            self.drop(key)
        elif known is not None or self._policy.admit(key, size):
            self._items[key], self._sizes[key] = value, size
            self.size += size - (known or 0)
            if known is not None:
                self._touch(key)
        while self.size > self.max_bytes:
            self._lose(self._policy.evict())

    def shed(self) -> None:
        """Give up what the policy holds no longer, though there is room."""
        for key in () if self._shedding is None else self._shedding.shed():
            self._lose(key)

    def drop(self, key: Hashable) -> None:
        """Hold ``key`` no longer."""
        if key in self._items:
            self._lose(key)
            self._policy.forget(key)

    def _lose(self, key: Hashable) -> None:
        del self._items[key]
        self.size -= self._sizes.pop(key)

    def clear(self) -> None:
        """Hold nothing."""
        for key in list(self._items):
            self.drop(key)
