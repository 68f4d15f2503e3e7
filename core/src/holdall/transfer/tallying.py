"""Counting a branch's own messages once more, to hold the sums against it that are kept."""

from __future__ import annotations

from collections.abc import Mapping

from holdall.errors import Damaged
from holdall.sessions import totals
from holdall.sessions.counted import Totals, count

__all__ = ["Tally"]


class Tally:
    """What the messages at the positions of ``own`` come to, block by block."""

    def __init__(self, own: range) -> None:
        self._own = own
        self._blocks: dict[int, Totals] = {}

    def add(self, position: int, record: bytes) -> None:
        """Count the message at a position; raises ``ValueError`` for what is none."""
        self._blocks.setdefault(position // totals.BLOCK, Totals()).add(count([record]))

    def fault(self, kept: Mapping[int, bytes]) -> str | None:
        """What is wrong with the sums that are ``kept``, by their positions, in half a sentence."""
        sums = Totals()
        for number in range(self._own.start // totals.BLOCK, max(kept, default=-1) + 1):
            sums.add(self._blocks.get(number, Totals()))
            stop = (number + 1) * totals.BLOCK
            if number in kept and (stop > self._own.stop or not _says(kept[number], sums)):
                return f"what it says of those before {stop} is not what they come to"
        return None


def _says(record: bytes, sums: Totals) -> bool:
    try:
        return totals.parsed(record) == sums
    except Damaged:
        return False
