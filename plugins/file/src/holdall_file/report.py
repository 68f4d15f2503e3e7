"""What a store found and did since it was opened."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Report"]

_NOTES = 100


@dataclass(slots=True)
class Report:
    """Counts, and the newest notes behind them."""

    unclean: bool = False
    """The store had not been closed as it should be."""
    redone: int = 0
    """Lines that a write-ahead log brought back."""
    torn: int = 0
    """Writes that were never finished: cut off, kept in quarantine."""
    damaged: int = 0
    """Stretches that are not what was written: left as they are, a copy kept in quarantine."""
    buried: int = 0
    """Processes that died while others had the store open."""
    notes: list[str] = field(default_factory=list[str])

    def note(self, text: str) -> None:
        """Keep the newest ones."""
        self.notes = [*self.notes[1 - _NOTES :], text]
