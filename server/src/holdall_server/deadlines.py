"""How long a request may take to come in, and how long a connection may be silent.

A deadline that each byte moves on is none: a client that sends one now and then would be waited for without end. So
a head has to be there altogether in time. A body may be long and its line slow: it has more time the more of it has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Deadlines"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds, but for ``rate``."""

    head: float
    """From its first byte to its last."""
    body: float
    """Until its first bytes must have come; and the longest pause in it."""
    rate: int
    """Bytes of a body that give it one second more."""
    answer: float
    """From the end of a request to its answer, and from one piece of that to the next."""
    idle: float
    """Between two requests."""

    @classmethod
    def of(cls, config: Any) -> Deadlines:
        """Those of an application's configuration."""
        return cls(
            config.REQUEST_TIMEOUT,
            config.BODY_TIMEOUT,
            config.BODY_RATE,
            config.RESPONSE_TIMEOUT,
            config.KEEP_ALIVE_TIMEOUT,
        )

    @property
    def pause(self) -> float:
        """From one look at a connection to the next."""
        return max(min(self.head, self.body, self.answer, self.idle) / 2, 0.1)

    def body_is_late(self, come: int, spent: float, silent: float) -> bool:
        """Whether ``come`` bytes are too few after ``spent`` seconds, of which the last ``silent`` brought none."""
        return silent > self.body or spent > self.body + come / self.rate
