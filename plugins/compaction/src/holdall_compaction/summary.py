"""The compactor ``summary``: everything but the newest messages is replaced by a summary.

It leaves room: the newest messages take at most a part of the budget, so that not every new one asks for a new summary.
Where there is one already, the next is made of it and of what came after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from holdall import hookimpl
from holdall.hooks import CompactorOffer
from holdall.sessions.compaction import Choice, Entry
from holdall_compaction.groups import Groups

__all__ = ["Summary", "SummarySettings", "holdall_compactors"]

_AROUND = 20
"""Tokens of the line that says what it is a summary of."""
Share = Annotated[float, Meta(gt=0, lt=1)]


class SummarySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[compaction.options.summary]``."""

    share: Annotated[
        Share, Meta(description="The part of the budget, besides what has to stay, that the summary may take.")
    ] = 0.25
    keep: Annotated[Share, Meta(description="The part of it that the newest messages may take.")] = 0.5
    most: Annotated[int, Meta(ge=30, description="The most tokens of a summary.")] = 2_000


class Summary(Struct, frozen=True):
    """Replaces the oldest."""

    settings: SummarySettings

    def compact(self, entries: Sequence[Entry], budget: int) -> Choice:
        """Replace every group but the newest by a summary; nothing where that is what is there already."""
        groups = Groups(entries)
        free = budget - groups.fixed
        room = min(int(free * self.settings.share), self.settings.most)
        kept = groups.suffix(int(free * self.settings.keep)) or set(groups.newest[:1])
        gone = groups.places(set(groups.members) - kept)
        if room <= _AROUND or all(entries[at].covered is not None for at in gone):
            return Choice()
        return Choice(summarise=gone, room=room - _AROUND)


@hookimpl
def holdall_compactors() -> list[CompactorOffer[SummarySettings]]:
    """Offer it as ``summary``."""
    about = "all but the newest messages are replaced by a summary"
    return [CompactorOffer("summary", about, SummarySettings, Summary, contract=1)]
