"""The compactor ``elision``: what tools gave back, oldest first, is replaced by a note of its size.

The calls and their results stay, so the model still sees what was done; the output itself stays readable in the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from holdall import hookimpl
from holdall.hooks import CompactorOffer
from holdall.sessions.compaction import Choice, Entry

__all__ = ["Elision", "ElisionSettings", "holdall_compactors"]


class ElisionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[compaction.options.elision]``."""

    keep: Annotated[int, Meta(ge=0, description="The newest outputs that stay whatever they cost.")] = 3
    least: Annotated[
        int, Meta(ge=1, description="What eliding an output has to save, in tokens: a short one says more than a note.")
    ] = 50


class Elision:
    """Gives up tool output."""

    def __init__(self, settings: ElisionSettings) -> None:
        self._settings = settings

    def compact(self, entries: Sequence[Entry], budget: int) -> Choice:
        """Elide the oldest outputs until the rest fits."""
        over = sum(entry.tokens for entry in entries) - budget
        outputs = [(at, part, saved) for at, entry in enumerate(entries) for part, saved in entry.outputs.items()]
        chosen: dict[int, list[int]] = {}
        for at, part, saved in outputs[: max(len(outputs) - self._settings.keep, 0)]:
            if over <= 0:
                break
            if saved >= self._settings.least:
                chosen.setdefault(at, []).append(part)
                over -= saved
        return Choice(elide=chosen)


@hookimpl
def holdall_compactors() -> list[CompactorOffer[ElisionSettings]]:
    """Offer it as ``elision``."""
    about = "tool output, oldest first, is replaced by a note of its size"
    return [CompactorOffer("elision", about, ElisionSettings, Elision, contract=1)]
