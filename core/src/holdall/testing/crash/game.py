"""What a cycle needs to know of the game that its writers play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from holdall.testing.crash.findings import Findings
from holdall.testing.crash.heard import Heard
from holdall.testing.opening import Subject

__all__ = ["Game"]


class Game(Protocol):
    """Writers whose steps follow from a seed, and the judge of what is left of them."""

    seed: str
    writers: list[str]
    cycle: int
    """Which one it is; a look at the end moves it on."""

    @property
    def module(self) -> str:
        """The module of the children that play it."""
        ...

    async def look(
        self, subject: Subject, options: Mapping[str, Any], heard: Mapping[str, Heard], findings: Findings
    ) -> None:
        """Open the storage after a crash, note what is not as it may be, and go on from there."""
