"""Time, injected: everything in Holdall that asks for the time asks one of these."""

from __future__ import annotations

from time import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        return int(time() * 1_000_000)  # exact to less than that until the year 2100, and less to do than of whole ns
