"""SUMMARY."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import CachePolicyOffer

__all__ = ["MykindPolicy", "MykindSettings", "holdall_cache_policies"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[cache.options]``."""

    # CHANGE 1: what your policy can be told, such as ``most: int = 1000``, with a line about it below.


class MykindPolicy:
    """Gives up what was not used for longest, until you change that. No I/O, no chance; time is passed in."""

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 2: what you remember of keys. Of those that are gone, remember a bounded number.
        self.settings = settings
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def admit(self, key: Hashable, size: int) -> bool:
        """Whether a new key of ``size`` bytes may come in; if so, it is held from now on."""
        # CHANGE 3: refuse whom you like.
        self._keys[key] = None
        return size > 0

    def touch(self, key: Hashable) -> None:
        """A held key was used."""
        # CHANGE 4: this is called often, so be quick.
        self._keys.move_to_end(key)

    def evict(self) -> Hashable:
        """The held key to give up next; it is held no longer."""
        # CHANGE 5: choose.
        return self._keys.popitem(last=False)[0]

    def forget(self, key: Hashable) -> None:
        """A held key was removed by its owner; it is held no longer."""
        del self._keys[key]


@hookimpl
def holdall_cache_policies() -> list[CachePolicyOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        CachePolicyOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindPolicy,
            contract=1,
        )
    ]
