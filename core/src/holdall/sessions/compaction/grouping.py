"""Which messages belong together: a tool call and everything that answers it, however many calls run side by side."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.sessions.compaction.kinds import Entry
from holdall.sessions.compaction.parts import calls_and_results

__all__ = ["Grouping", "grouped"]


class Grouping:
    """Sets of places that grow together, and the calls that nothing has answered yet.

    Ids of calls are used again by some programs: a result answers the latest call of its id that waits for one.
    """

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._waiting: dict[str, list[int]] = {}
        self._answered: dict[str, int] = {}
        self.orphans: list[tuple[int, str]] = []
        """Results without a call, by place and id."""

    def add(self, entry: Entry) -> None:
        """Take in the next entry."""
        at = len(self._parents)
        self._parents.append(at)
        if entry.covered is not None:
            return
        for is_call, name in calls_and_results(entry.message.fields):
            if is_call:
                self._waiting.setdefault(name, []).append(at)
            elif self._waiting.get(name):
                self._answered[name] = self._waiting[name].pop()
                self._join(at, self._answered[name])
            elif name in self._answered:
                self._join(at, self._answered[name])
            else:
                self.orphans.append((at, name))

    def group(self, at: int) -> int:
        """The number of the group of an entry: the place of its first member."""
        parents = self._parents
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    def waiting(self) -> set[int]:
        """The places of entries with calls that nothing has answered."""
        return {at for places in self._waiting.values() for at in places}

    def _join(self, one: int, other: int) -> None:
        one, other = self.group(one), self.group(other)
        self._parents[max(one, other)] = min(one, other)


def grouped(entries: Sequence[Entry]) -> tuple[list[int], Grouping]:
    """The groups of ``entries``, and what is known of their calls."""
    grouping = Grouping()
    for entry in entries:
        grouping.add(entry)
    return [grouping.group(at) for at in range(len(entries))], grouping
