"""Groups of entries: what a compactor keeps or gives up."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.sessions.compaction import Entry

__all__ = ["Groups"]


class Groups:
    """The groups of a context that may go, by their newest member, the newest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.members: dict[int, list[int]] = {}
        self.fixed = 0
        """Tokens of what stays whatever happens."""
        for at, entry in enumerate(entries):
            if entry.fixed:
                self.fixed += entry.tokens
            else:
                self.members.setdefault(entry.group, []).append(at)
        self.tokens = {group: sum(entries[at].tokens for at in places) for group, places in self.members.items()}
        self.newest = sorted(self.members, key=lambda group: -self.members[group][-1])

    def suffix(self, room: int, kept: set[int] | None = None) -> set[int]:
        """The newest groups that fit into ``room`` tokens without a gap; those ``kept`` already cost nothing more."""
        found = set(kept or ())
        for group in self.newest:
            if group in found:
                continue
            room -= self.tokens[group]
            if room < 0:
                break
            found.add(group)
        return found

    def places(self, groups: set[int]) -> frozenset[int]:
        """The places of all members of ``groups``."""
        return frozenset(at for group in groups for at in self.members[group])
