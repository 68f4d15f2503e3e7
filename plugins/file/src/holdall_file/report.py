"""What a store found and did since it was opened."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Report"]

_NOTES = 100


class Report(Struct):
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
    notes: list[str] = []

    faults: dict[str, dict[str, None]] = {}
    """What is damaged or does not belong here: file, and reasons."""
    owners: dict[str, str] = {}
    """The partitions of those files, where known."""

    def fault(self, file: str, reason: str, partition: str | None = None) -> bool:
        """Remember what is wrong with ``file``; False when that was known."""
        if partition is not None:
            self.owners[file] = partition
        reasons = self.faults.setdefault(file, {})
        if reason in reasons:
            return False
        reasons[reason] = None
        return True

    def settled(self, file: str) -> None:
        """Tell no more of ``file``: it has been put right, or moved away."""
        self.faults.pop(file, None)

    def left_out(self, file: str, reason: str, partition: str) -> None:
        """Remember whose file could not be listed; the reason, too, unless a better one is known."""
        self.owners[file] = partition
        if file not in self.faults:
            self.fault(file, reason)

    def lines(self) -> list[str]:
        """Every fault in a line, in the order of their finding."""
        found: list[str] = []
        for file, reasons in list(self.faults.items()):
            owner = self.owners.get(file)
            name = file if owner is None else f"{file} ({owner!r})"
            found += [f"{name}: {reason}" for reason in list(reasons)]
        return found

    def note(self, text: str) -> None:
        """Keep the newest ones."""
        self.notes = [*self.notes[1 - _NOTES :], text]
