"""Least recently used: what the core does without a plugin, here within bounds."""

from __future__ import annotations

from collections.abc import Iterable

from holdall import hookimpl
from holdall.caching import CachePolicy, LeastRecentlyUsed
from holdall.hooks import CachePolicyOffer
from holdall_policies.bounds import Bounds, bounded

__all__ = ["Settings", "holdall_cache_policies"]


class Settings(Bounds, frozen=True):
    """``[cache.options]`` of ``policy = "lru"``."""


def _open(settings: Settings) -> CachePolicy:
    return bounded(LeastRecentlyUsed(), settings)


@hookimpl
def holdall_cache_policies() -> Iterable[CachePolicyOffer[Settings]]:
    """Offer it as ``lru``."""
    return [CachePolicyOffer("lru", "gives up what was not used for longest", Settings, _open, contract=1)]
