"""What a run of the crash tool counts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Self

__all__ = ["Findings"]


@dataclass(slots=True)
class Findings:
    """Counts of a run; every count but the first two must be 0."""

    cycles: int = 0
    acked: int = 0
    lost: int = 0
    torn: int = 0
    resurrected: int = 0
    unreadable: int = 0
    unlisted: int = 0
    failed: int = 0
    """Operations that were refused although nothing was wrong, and storages that did not open or write again."""
    details: list[str] = field(default_factory=list[str])

    @property
    def broken(self) -> int:
        """How many promises were broken."""
        return self.lost + self.torn + self.resurrected + self.unreadable + self.unlisted + self.failed

    def note(self, kind: str, what: str) -> None:
        """Count one broken promise."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.details.append(f"cycle {self.cycles}: {kind}: {what}")

    def add(self, other: Self) -> None:
        """Count what another run found, too."""
        for name in self.names():
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.details += other.details

    @classmethod
    def names(cls) -> list[str]:
        """The names of the counts, in the order of the table."""
        return [one.name for one in fields(cls) if one.name != "details"]

    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.names()}
