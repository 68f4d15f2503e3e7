"""A conversation that branches, in the order in which it is imported: what its program shows first, parents before children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdall.formats.pieces import Item
from holdall.formats.records import Entry

__all__ = ["Tree", "in_row", "latest"]


@dataclass(frozen=True, slots=True)
class Tree:
    """The items of one conversation, and what each follows."""

    line: int
    """Where its record begins."""
    head: str
    """The piece around the items."""
    items: Sequence[Item]
    parents: Mapping[str, str | None]
    """Of each item by its name; a parent that is not there is none."""
    current: str | None
    """The item at the end of what its program shows."""

    def path(self, item: str | None) -> Iterator[str]:
        """``item`` and what it follows, back to the beginning."""
        seen: set[str] = set()
        while item is not None and item in self.parents and item not in seen:
            seen.add(item)
            yield item
            item = self.parents[item]

    def entries(self, kind: str, make: Callable[[Item], Sequence[Entry]]) -> Iterator[Entry]:
        """The head, which is of ``kind``, and the items as ``make`` reads them: mostly one entry, or several in a row.

        The first path is the current one; where there is a choice beside it, the first child is first.
        """
        yield Entry(self.line, kind, self.head)
        last: dict[str | None, str] = {}
        for item, reached in self._ordered():
            if not reached:
                note = "follows itself, so it is on no path"
                yield Entry(self.line, "unknown", item.text, note=note, node=item.id)
                continue
            above = last.get(self.parents[item.id])
            for number, entry in enumerate(make(item)):
                entry.line, entry.parent = self.line, above
                entry.node = f"{item.id}+{number}" if number else item.id
                entry.original = None if number else item.text
                last[item.id] = above = entry.node
                yield entry

    def _ordered(self) -> Iterator[tuple[Item, bool]]:
        """Each item, and whether a way leads to it from a beginning."""
        known = {item.id: item for item in self.items}
        first = set(self.path(self.current))
        below: dict[str | None, list[str]] = {}
        for item in self.items:
            parent = self.parents[item.id]
            below.setdefault(parent if parent in known else None, []).append(item.id)
        waiting = [None]
        left = dict.fromkeys(known)
        while waiting:
            above = waiting.pop()
            if above is not None:
                del left[above]
                yield known[above], True
            waiting += sorted(below.get(above, ()), key=lambda name: name not in first)[::-1]
        yield from ((known[name], False) for name in left)


def in_row(items: Sequence[Item]) -> Mapping[str, str | None]:
    """The parents of items that follow each other."""
    return dict(zip((item.id for item in items), (None, *(item.id for item in items)), strict=False))


def latest(items: Sequence[Item], parents: Mapping[str, str | None]) -> str | None:
    """The end of the path that takes the latest child each time."""
    last: dict[str | None, str] = {}
    for item in items:
        above = parents[item.id]
        last[above if above in parents else None] = item.id
    found: str | None = None
    seen: set[str] = set()
    while found in last and last[found] not in seen:
        found = last[found]
        seen.add(found)
    return found
