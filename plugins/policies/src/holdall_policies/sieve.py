"""SIEVE (Zhang and others, NSDI 2024): keys stand in the order they came in, and a hand gives up the unvisited.

A key that is used is marked, and not moved: so a use costs one assignment, and a walk through everything, whose keys
are used once, pushes out nothing that is used again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from holdall import hookimpl
from holdall.caching import CachePolicy
from holdall.hooks import CachePolicyOffer
from holdall_policies.bounds import Bounds, bounded

__all__ = ["Settings", "Sieve", "holdall_cache_policies"]


class _Place:
    """A key's place in the ring, between one that came later and one that came earlier."""

    __slots__ = ("earlier", "key", "later", "visited")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.visited = False
        self.later = self.earlier = self


class Sieve:
    """Gives up the key that the hand finds unvisited, from the oldest to the newest and round again."""

    def __init__(self) -> None:
        self._places: dict[Hashable, _Place] = {}
        self._ends = _Place(None)
        """Stands between the newest and the oldest."""
        self._hand = self._ends

    def admit(self, key: Hashable, size: int) -> bool:  # noqa: ARG002 - every size is welcome
        """Hold every key, whatever its ``size``, as the newest."""
        place = self._places[key] = _Place(key)
        newest = self._ends.earlier
        place.later, place.earlier = self._ends, newest
        newest.later = self._ends.earlier = place
        return True

    def touch(self, key: Hashable) -> None:
        """Mark ``key``."""
        self._places[key].visited = True

    def evict(self) -> Hashable:
        """Move the hand over marked keys, taking their marks, to the first that has none."""
        place = self._hand
        while place is self._ends or place.visited:
            place.visited = False
            place = place.later
        self.forget(place.key)
        self._hand = place.later
        return place.key

    def forget(self, key: Hashable) -> None:
        """Hold ``key`` no longer."""
        place = self._places.pop(key)
        if self._hand is place:
            self._hand = place.later
        place.later.earlier, place.earlier.later = place.earlier, place.later


class Settings(Bounds, frozen=True):
    """``[cache.options]`` of ``policy = "sieve"``."""


def _open(settings: Settings) -> CachePolicy:
    return bounded(Sieve(), settings)


@hookimpl
def holdall_cache_policies() -> Iterable[CachePolicyOffer[Settings]]:
    """Offer it as ``sieve``."""
    return [CachePolicyOffer("sieve", "gives up what was not used since its hand came by", Settings, _open, contract=1)]
