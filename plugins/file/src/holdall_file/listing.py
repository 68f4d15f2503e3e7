"""One page of a walk, put together from catalogue entries and the heads that they are held against."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.contract import Scan, Snapshot
from holdall_file.catalog import Row

__all__ = ["Listing"]

Key = tuple[int, bytes]
_MORE = 16


class Listing:
    """Collects snapshots under the score that their head has now, which is where they belong.

    An entry may be behind (its session moved on) or ahead (its commit is not decided, or failed).
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._found: dict[str, tuple[Key, Snapshot]] = {}
        self._after = scan.after
        self._seen: Key | None = None
        self.wrong: list[Row] = []
        self.done = False

    @property
    def where(self) -> tuple[str | None, tuple[int, str] | None, int]:
        """Mark, cursor and number of the entries that are wanted next."""
        return self.scan.mark, self._after, self.scan.limit + _MORE

    @property
    def full(self) -> bool:
        """Whether enough is found."""
        return len(self._found) >= self.scan.limit and self._inside() >= self.scan.limit

    def _inside(self) -> int:
        return sum(self._reached(key) for key, _ in self._found.values())

    def _reached(self, key: Key) -> bool:
        """Whether the walk has come as far as ``key``."""
        if self._seen is None:
            return False
        return key >= self._seen if self.scan.descending else key <= self._seen

    def add(self, row: Row, snapshot: Snapshot | None) -> None:
        """Take one entry and what its partition is now."""
        self._seen = (row.score, _bytes(row.name))
        if snapshot is None:
            return
        head = snapshot.head
        score = 0 if self.scan.mark is None else head.marks.get(self.scan.mark)
        if score != row.score and head.version >= row.version:
            self.wrong.append(row)
        if score is not None:
            key = (score, _bytes(row.name))
            if self._behind_cursor(key):
                self._found[row.name] = (key, snapshot)
            else:
                self._found.pop(row.name, None)

    def _behind_cursor(self, key: Key) -> bool:
        if self.scan.after is None:
            return True
        after = (self.scan.after[0], _bytes(self.scan.after[1]))
        return key < after if self.scan.descending else key > after

    def took(self, rows: Sequence[Row]) -> None:
        """Note how far the entries went."""
        if self.full:
            self.done = True
        elif len(rows) < self.where[2]:
            self.done = True
            self._seen = None
        else:
            self._after = (rows[-1].score, rows[-1].name)

    def answer(self) -> list[Snapshot]:
        """The page, in the walk's order."""
        items = sorted(self._found.values(), key=lambda item: item[0], reverse=self.scan.descending)
        if self._seen is not None:
            items = [item for item in items if self._reached(item[0])]
        return [snapshot for _, snapshot in items[: self.scan.limit]]


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
