"""W-TinyLFU (Einziger, Friedman and Manes, 2017): who comes in must have been asked for more often than who goes.

A new key stands in a small window first, in which the least recently used leaves. Whoever leaves it is compared, when
room is wanted, with the key that would go from the main part: the one that was asked for less often of late is given
up. In the main part a key that is used again is protected from that, as far as there is place. How often a key was
asked for is remembered, about, of keys that are gone, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Annotated

from msgspec import Meta

from holdall import hookimpl
from holdall.caching import CachePolicy
from holdall.hooks import CachePolicyOffer
from holdall_policies.bounds import Bounds, bounded
from holdall_policies.sketch import Sketch

__all__ = ["Settings", "TinyLFU", "holdall_cache_policies"]

_PROTECTED = 0.8
"""The share of the main part that is protected."""
WINDOW = 0.2


class TinyLFU:
    """Keeps what is asked for often; ``window`` is the share of the keys that are kept for being new."""

    def __init__(self, window: float = WINDOW) -> None:
        self._share = window
        self._sketch = Sketch()
        self._window: OrderedDict[Hashable, None] = OrderedDict()
        self._probation: OrderedDict[Hashable, None] = OrderedDict()
        self._protected: OrderedDict[Hashable, None] = OrderedDict()
        self._candidate: Hashable = None
        """Who left the window last, while that is on probation."""

    def admit(self, key: Hashable, size: int) -> bool:  # noqa: ARG002 - every size is welcome
        """Hold every key, whatever its ``size``, in the window."""
        held = len(self._window) + len(self._probation) + len(self._protected)
        self._sketch.grow(held)
        self._sketch.add(key)
        self._window[key] = None
        if len(self._window) > max(1, held * self._share):
            self._candidate = self._window.popitem(last=False)[0]
            self._probation[self._candidate] = None
        return True

    def touch(self, key: Hashable) -> None:
        """Count the use, and protect a key of the main part."""
        self._sketch.add(key)
        if key in self._window:
            self._window.move_to_end(key)
        elif key in self._protected:
            self._protected.move_to_end(key)
        else:
            del self._probation[key]
            self._protected[key] = None
            if len(self._protected) > _PROTECTED * (len(self._probation) + len(self._protected)):
                demoted = self._protected.popitem(last=False)[0]
                self._probation[demoted] = None

    def evict(self) -> Hashable:
        """The candidate or the main part's oldest, whichever was asked for less often."""
        candidate = self._candidate
        for part in (self._probation, self._protected, self._window):
            if part:
                victim = next(iter(part))
                break
        else:
            raise KeyError("no key is held")
        if candidate in self._probation and self._sketch.count(candidate) <= self._sketch.count(victim):
            victim = candidate
        self.forget(victim)
        return victim

    def forget(self, key: Hashable) -> None:
        """Hold ``key`` no longer; how often it was asked for is remembered."""
        for part in (self._window, self._probation, self._protected):
            if key in part:
                del part[key]
        if key == self._candidate:
            self._candidate = None


class Settings(Bounds, frozen=True):
    """``[cache.options]`` of ``policy = "tinylfu"``."""

    window: Annotated[float, Meta(gt=0, lt=1, description="The share of the keys that are kept for being new.")] = (
        WINDOW
    )
    """Less suits what is asked for again after long."""


def _open(settings: Settings) -> CachePolicy:
    return bounded(TinyLFU(settings.window), settings)


@hookimpl
def holdall_cache_policies() -> Iterable[CachePolicyOffer[Settings]]:
    """Offer it as ``tinylfu``."""
    return [CachePolicyOffer("tinylfu", "keeps what is asked for often", Settings, _open, contract=1)]
