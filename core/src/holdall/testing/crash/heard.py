"""What the writers said before they died, and what may be found because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

__all__ = ["Heard", "Permitted"]

S = TypeVar("S")


@dataclass(slots=True)
class Heard:
    """How far one writer came: what it intended, and what was certainly acknowledged to it."""

    intended: int = 0
    acknowledged: int = 0
    failed: str = ""

    @classmethod
    def of(cls, writers: Iterable[str], lines: Iterable[str], until: int | None) -> dict[str, Self]:
        """Read the children's lines; in a power cut, what came after it (``until``) is not certain."""
        heard = {writer: cls() for writer in writers}
        for line in lines:
            word, writer, n, *rest = line.split(" ", 4)
            mine = heard[writer]
            if word == "intent":
                mine.intended = int(n)
            elif until is None or int(rest[0]) < until:
                if word == "ack":
                    mine.acknowledged = int(n)
                else:
                    mine.failed = " ".join(rest[1:])
        return heard


@dataclass(slots=True)
class Permitted(Generic[S]):
    """What may be found: the possible states of each thing that one writer owns, and the records of the common one."""

    states: dict[str, list[S | None]] = field(default_factory=dict[str, "list[S | None]"])
    certain: set[bytes] = field(default_factory=set[bytes])
    possible: dict[bytes, tuple[str, int]] = field(default_factory=dict[bytes, "tuple[str, int]"])
