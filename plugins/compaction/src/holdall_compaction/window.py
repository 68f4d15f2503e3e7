"""The compactor ``window``: the newest messages that fit, and nothing of what came before them.

Kept before all others: system messages, the newest message with what goes with it, what the user said last, summaries.
If the first two alone are over the budget, they stay all the same: there is no less.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdall import hookimpl
from holdall.hooks import CompactorOffer, NoSettings
from holdall.sessions.compaction import Choice, Entry
from holdall_compaction.groups import Groups

__all__ = ["Window", "holdall_compactors"]


class Window:
    """Leaves out the oldest."""

    def __init__(self, settings: NoSettings) -> None:
        del settings

    def compact(self, entries: Sequence[Entry], budget: int) -> Choice:
        """Leave out every group but the newest that fit."""
        groups = Groups(entries)
        kept = set(groups.newest[:1])
        room = budget - groups.fixed - sum(groups.tokens[group] for group in kept)
        for group in _preferred(entries, groups):
            if group not in kept and groups.tokens[group] <= room:
                kept.add(group)
                room -= groups.tokens[group]
        kept = groups.suffix(room, kept)
        return Choice(omit=groups.places(set(groups.members) - kept))


def _preferred(entries: Sequence[Entry], groups: Groups) -> list[int]:
    """What the user said last, and the summaries, newest first."""
    order = [entries[at] for at in range(len(entries) - 1, -1, -1) if entries[at].group in groups.members]
    said = next((entry.group for entry in order if entry.said and entry.covered is None), None)
    return [*([] if said is None else [said]), *(entry.group for entry in order if entry.covered is not None)]


@hookimpl
def holdall_compactors() -> list[CompactorOffer[NoSettings]]:
    """Offer it as ``window``."""
    return [CompactorOffer("window", "the newest messages that fit", NoSettings, Window, contract=1)]
