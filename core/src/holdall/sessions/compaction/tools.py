"""What compaction and summaries need of plugins, opened when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from holdall.sessions.compaction.counting import Counter
from holdall.sessions.compaction.squeezing import Strategy
from holdall.sessions.summaries.kinds import Summariser

__all__ = ["Maker", "Tools"]


class Maker(msgspec.Struct, frozen=True):
    """A summariser, and what the configuration calls it."""

    name: str
    summariser: Summariser


class Tools(Protocol):
    """What a configuration names; raises ``PluginError`` or ``SettingsError`` where it cannot be had."""

    @property
    def counter(self) -> Counter:
        """Counts tokens."""
        ...

    @property
    def tokenizer(self) -> str:
        """The name of what it counts by."""
        ...

    @property
    def budget(self) -> int:
        """The tokens to fit into, where nobody says how many."""
        ...

    @property
    def above(self) -> int | None:
        """The tokens of a context from which on it is compacted, where nobody says how many there may be."""
        ...

    @property
    def most(self) -> int:
        """The tokens of a summary, where nobody says how many it may have."""
        ...

    def strategies(self, names: Sequence[str] | None = None) -> Sequence[Strategy]:
        """The compactors called ``names``, in their order; those that the configuration names, without."""
        ...

    def maker(self, name: str | None = None) -> Maker:
        """The summariser called ``name``, or the one that the configuration names."""
        ...
