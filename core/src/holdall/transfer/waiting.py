"""Which branches of an export wait for what they refer to, because the export tells it later, on another branch.

What waits is taken when the export is read once more; what is there by then is passed by.
"""

from __future__ import annotations

__all__ = ["Waiting"]

_MOST = 50
"""How often an export is read at the most: after that nothing waits."""


class Waiting:
    """Knows the branches that wait."""

    def __init__(self) -> None:
        self.first = True
        """Whether the export is read for the first time."""
        self._on: dict[str, str] = {}
        """By branch: the one that it waits for."""
        self._free: str | None = None
        """The branch that may go on once, though it should wait: reading helped nothing, and it is in a circle."""
        self._reads = self._added = 0

    def __bool__(self) -> bool:
        return bool(self._on)

    def __contains__(self, branch: str) -> bool:
        return branch in self._on

    def waits(self, branch: str, on: str | None) -> bool:
        """Whether ``branch`` waits from here on, where what comes next is to come after what is ``on`` another."""
        if on is None or branch in self._on or self._reads >= _MOST:
            return branch in self._on
        if self._free == branch:
            self._free = None
            return False
        self._on[branch] = on
        return True

    def again(self, added: int) -> bool:
        """Whether the export has to be read once more, now that ``added`` messages came in altogether."""
        if not self._on:
            return False
        self.first = False
        self._reads += 1
        self._free = None if added > self._added else self._circle()
        self._added = added
        self._on.clear()
        return True

    def _circle(self) -> str:
        """A branch that waits for itself in the end, or for one that is not there."""
        at, seen = next(iter(self._on)), set[str]()
        while at not in seen and self._on[at] in self._on:
            seen.add(at)
            at = self._on[at]
        return at
