"""How long the disk takes, as seen lately: whether the event loop itself may wait for it."""

from __future__ import annotations

__all__ = ["Pace"]

_QUICK, _MORE = 0.001, 0.00006
"""Seconds: what is over sooner is better done at once than handed to a thread and back; and what each further commit
adds that shares the sync, for another processor's caches know nothing of them: less than that was measured to cost."""
_CREDIT = 64.0
_WEIGHT = 4000.0
"""Each quick write or sync earns 1, and what further commits save; each other one costs 4 a millisecond: a rare one is
forgiven, no more."""
_LEAST, _MOST = 16, 4096
_LASTING = 1024


class Pace:
    """Credit that quick syncs earn and slow ones cost. Without any, it takes many quick ones to be trusted again."""

    def __init__(self, limit: float = _QUICK, *, trusted: bool = False) -> None:
        self.quick = trusted
        """Whether the next one will most likely be over in a moment."""
        self._credit = _CREDIT if trusted else 0.0
        self._limit = limit
        self._needed = _LEAST
        self._run = 0

    def took(self, seconds: float, commits: int = 1) -> None:
        """Note how long one took, wherever it was made, that ``commits`` shared."""
        self._run += 1
        if self.quick and seconds < self._limit and self._credit >= _CREDIT:
            return
        more = _MORE * (commits - 1)
        if seconds < self._limit + more:
            self._earn(1 + more * _WEIGHT)
        else:
            self._credit = max(self._credit - seconds * _WEIGHT, 0.0)
            if self.quick and not self._credit:  # sooner than last time: be slower to come back
                self._needed = min(self._needed * 2, _MOST) if self._run < _LASTING else _LEAST
                self.quick, self._run = False, 0

    def _earn(self, credit: float) -> None:
        self._credit += credit
        if self.quick:
            self._credit = min(self._credit, _CREDIT)
        elif self._credit >= self._needed:
            self.quick, self._credit, self._run = True, _CREDIT, 0
