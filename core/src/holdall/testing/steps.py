"""Builds legal commits: the arithmetic that the core does for a storage, in the few kinds that a test needs."""

from __future__ import annotations

from holdall.contract import Address, Commit, Head, Lane, Span

__all__ = ["BORN", "Step"]

BORN = 1_700_000_000_000_000
"""The version that a partition starts with, unless a test says otherwise."""


class Step:
    """One step on a partition, from its head (or, to create it, from its name)."""

    def __init__(self, onto: Head | str, *, version: int | None = None) -> None:
        self.head = onto if isinstance(onto, Head) else None
        self.partition = onto if isinstance(onto, str) else onto.partition
        self.version = version or (BORN if self.head is None else self.head.version + 1)
        self._lanes: dict[str, Lane | None] = {}
        self._marks: dict[str, int | None] = {}
        self._write: dict[Address, bytes] = {}
        self._erase: list[Span] = []
        self._expires_at = None if self.head is None else self.head.expires_at
        self._quiet = False

    def append(self, lane: str, *records: bytes) -> Step:
        """Put ``records`` behind the lane's last."""
        run = self._lane(lane)
        self._write.update({(lane, run.stop + n): record for n, record in enumerate(records)})
        self._lanes[lane] = Lane(run.first, run.stop + len(records), run.rewritten)
        return self

    def start(self, lane: str, first: int, *records: bytes) -> Step:
        """Begin a lane at position ``first``."""
        self._lanes[lane] = Lane(first, first)
        return self.append(lane, *records)

    def rewrite(self, lane: str, position: int, record: bytes) -> Step:
        """Overwrite one record."""
        run = self._lane(lane)
        self._write[lane, position] = record
        self._lanes[lane] = Lane(run.first, run.stop, self.version)
        return self

    def trim(self, lane: str, first: int) -> Step:
        """Give up the lane's records before ``first``."""
        run = self._lane(lane)
        self._erase.append(Span(lane, run.first, first))
        self._lanes[lane] = Lane(first, run.stop, run.rewritten)
        return self

    def cut(self, lane: str, stop: int) -> Step:
        """Give up the lane's records from ``stop`` on."""
        run = self._lane(lane)
        self._erase.append(Span(lane, stop, run.stop))
        self._lanes[lane] = Lane(run.first, stop, self.version)
        return self

    def remove(self, lane: str) -> Step:
        """Let the lane go, with its records."""
        self._lanes[lane] = None
        return self

    def mark(self, name: str, score: int | None) -> Step:
        """Set a mark, or with ``None`` remove it."""
        self._marks[name] = score
        return self

    def expires(self, at: int | None) -> Step:
        """Set when the partition expires."""
        self._expires_at = at
        return self

    def quietly(self) -> Step:
        """Make it housekeeping: ``version`` moves, ``changed`` does not."""
        self._quiet = True
        return self

    def build(self) -> Commit:
        """The commit."""
        return Commit(
            self.partition,
            expect=0 if self.head is None else self.head.version,
            version=self.version,
            changed=self.head.changed if self._quiet and self.head is not None else self.version,
            lanes=self._lanes,
            marks=self._marks,
            expires_at=self._expires_at,
            write=self._write,
            erase=self._erase,
        )

    def _lane(self, name: str) -> Lane:
        known = self._lanes.get(name)
        if known is None and self.head is not None and name not in self._lanes:
            known = self.head.lanes.get(name)
        return Lane() if known is None else known
