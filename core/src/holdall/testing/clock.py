"""A clock that stands still until it is told to move."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """A ``holdall.clock.Clock`` for tests: nobody has to sleep to see time pass."""

    def __init__(self, now: int = 1_700_000_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; a negative number is a clock that was set back."""
        self._now += round(seconds * 1_000_000)
