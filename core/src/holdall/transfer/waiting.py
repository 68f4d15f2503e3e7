"""Which branches of an export wait for what they refer to, because it is on a branch that the export tells later.

What waits is taken when the export is read once more; what is there by then is passed by.
"""

from __future__ import annotations

__all__ = ["Waiting"]

_MOST = 50
"""How often an export is read at the most: after that, and where reading helps no more, nothing waits."""


class Waiting:
    """Knows the branches that wait."""

    def __init__(self) -> None:
        self.first = True
        """Whether the export is read for the first time."""
        self._branches: set[str] = set()
        self._reads = self._added = 0
        self._passes = 0
        """How many may go on though they should wait: one where reading helped nothing, for it may be a circle."""

    def __bool__(self) -> bool:
        return bool(self._branches)

    def __contains__(self, branch: str) -> bool:
        return branch in self._branches

    def waits(self, branch: str, *, known: bool) -> bool:
        """Whether ``branch`` waits from here on, where what comes next refers to what is not ``known`` yet."""
        if not known and branch not in self._branches:
            if not self._passes:
                self._branches.add(branch)
            self._passes = max(self._passes - 1, 0)
        return branch in self._branches

    def again(self, added: int) -> bool:
        """Whether the export has to be read once more, now that ``added`` messages came in altogether."""
        if not self._branches:
            return False
        self.first = False
        self._reads += 1
        self._passes = 1 << 53 if self._reads >= _MOST else int(added == self._added)
        self._added = added
        self._branches.clear()
        return True
