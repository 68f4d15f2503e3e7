"""SUMMARY."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import CompactorOffer
from holdall.sessions.compaction import Choice, Entry

__all__ = ["MykindCompactor", "MykindSettings", "holdall_compactors"]


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[compaction.options.mykind]``."""

    # CHANGE 1: what your compactor can be told, such as ``keep: int = 10``, with a line about it below.


class MykindCompactor:
    """Leaves out the oldest, until you change that. No I/O, no chance: the same entries and budget, the same choice."""

    def __init__(self, settings: MykindSettings) -> None:
        # CHANGE 2: nothing may change after this; it is asked from several threads.
        self.settings = settings

    def compact(self, entries: Sequence[Entry], budget: int) -> Choice:
        """What to give up of ``entries``, oldest first, which are over ``budget`` tokens."""
        # CHANGE 3: choose, by places in ``entries``: what to omit, which tools' outputs to elide, what to summarise. Groups
        # stay or go together, what is ``fixed`` stays, and the newest group should, too.
        groups: dict[int, list[int]] = {}
        for at, entry in enumerate(entries):
            groups.setdefault(entry.group, []).append(at)
        fixed = {entry.group for entry in entries if entry.fixed}
        free = sorted((places for group, places in groups.items() if group not in fixed), key=max)
        over = sum(entry.tokens for entry in entries) - budget
        omit: set[int] = set()
        for places in free[:-1]:
            if over > 0:
                omit.update(places)
                over -= sum(entries[at].tokens for at in places)
        return Choice(omit=frozenset(omit))


@hookimpl
def holdall_compactors() -> list[CompactorOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        CompactorOffer(
            "mykind",
            "SUMMARY",
            settings=MykindSettings,
            open=MykindCompactor,
            contract=1,
        )
    ]
