"""What must be found after a crash, worked out from what the writers were told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from holdall.contract import Commit, Snapshot
from holdall.testing.crash.ops import Append, Drop, Writer, partitions
from holdall.testing.model import Model

__all__ = ["Heard", "Ledger", "Permitted"]


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
class Permitted:
    """What may be found: for each partition its possible states, and the records of the common one."""

    states: dict[str, list[Snapshot | None]] = field(default_factory=dict[str, "list[Snapshot | None]"])
    certain: set[bytes] = field(default_factory=set[bytes])
    possible: dict[bytes, tuple[str, int]] = field(default_factory=dict[bytes, "tuple[str, int]"])


class Ledger:
    """What the storage held when the cycle began, and what the writers did since."""

    def __init__(self, seed: str, writers: list[str], cycle: int) -> None:
        self.seed = seed
        self.writers = writers
        self.cycle = cycle
        self.model = Model()
        self.common: list[bytes] = []
        """The records of the common partition when the cycle began."""

    def permitted(self, heard: dict[str, Heard]) -> Permitted:
        """Play every writer again, as far as it came."""
        permitted = Permitted()
        for name in self.writers:
            self._play(name, heard[name], permitted)
        return permitted

    def _play(self, name: str, heard: Heard, permitted: Permitted) -> None:
        writer = Writer(self.seed, name, self.cycle, self.model.heads)
        mine = partitions(name)
        for n in range(heard.intended + 1):
            touched = None
            if n:
                operation = writer.next()
                if isinstance(operation, Append):
                    permitted.possible[operation.record] = (name, n)
                    if n <= heard.acknowledged:
                        permitted.certain.add(operation.record)
                else:
                    touched = self._apply(operation)
            if n == heard.acknowledged:
                permitted.states.update({partition: [self.model.whole(partition)] for partition in mine})
            elif touched is not None and n > heard.acknowledged:
                permitted.states[touched].append(self.model.whole(touched))

    def _apply(self, operation: Commit | Drop) -> str:
        if isinstance(operation, Commit):
            self.model.commit(operation)
        else:
            self.model.drop(operation.partition, expect=operation.expect)
        return operation.partition

    def settle(self, found: dict[str, Snapshot | None], common: list[bytes]) -> None:
        """Go on from what was found; it was one of the permitted states."""
        for partition, snapshot in found.items():
            self.model.heads.pop(partition, None)
            self.model.records.pop(partition, None)
            if snapshot is not None:
                self.model.heads[partition] = snapshot.head
                self.model.records[partition] = dict(snapshot.records)
        self.common = common
        self.cycle += 1
