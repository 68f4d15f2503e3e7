"""Time to live: a key is given up when its time is over; when room is wanted before, the oldest goes.

It bounds how long records that were decrypted stay in memory. What it gives up is read again from the storage.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Annotated

from msgspec import Struct

from holdall import hookimpl
from holdall.caching import CachePolicy
from holdall.hooks import CachePolicyOffer
from holdall_policies.bounds import LIFE, Bounded, Bounds, Largest, Most, Seconds

__all__ = ["Oldest", "Settings", "holdall_cache_policies"]


class Oldest:
    """Gives up the key that came in first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def admit(self, key: Hashable, size: int) -> bool:  # noqa: ARG002 - every size is welcome
        """Hold every key, whatever its ``size``."""
        self._keys[key] = None
        return True

    def touch(self, key: Hashable) -> None:
        """Using a key makes it no younger."""

    def evict(self) -> Hashable:
        """The key that came in first."""
        return self._keys.popitem(last=False)[0]

    def forget(self, key: Hashable) -> None:
        """Hold ``key`` no longer."""
        del self._keys[key]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[cache.options]`` of ``policy = "ttl"``."""

    ttl: Annotated[Seconds, LIFE]
    most: Most = None
    largest: Largest = None


def _open(settings: Settings) -> CachePolicy:
    return Bounded(Oldest(), Bounds(settings.ttl, settings.most, settings.largest))


@hookimpl
def holdall_cache_policies() -> Iterable[CachePolicyOffer[Settings]]:
    """Offer it as ``ttl``."""
    about = "ttl", "gives up what is older than its time", Settings, _open
    return [CachePolicyOffer(*about, contract=1, sandbox=lambda _: {"ttl": 3600})]
