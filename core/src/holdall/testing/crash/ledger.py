"""What must be found after a crash, worked out from what the writers were told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from holdall.contract import Commit, Snapshot
from holdall.testing.crash.ops import Append, Drop, Operation, Writer, partitions
from holdall.testing.model import Model

__all__ = ["Heard", "Ledger", "Permitted"]


@dataclass(slots=True)
class Heard:
    """How far one writer came: what it intended, and what was certainly acknowledged to it."""

    intended: int = 0
    acknowledged: int = 0
    failed: str = ""

    @classmethod
    def of(cls, writers: Iterable[str], lines: Iterable[str], until: int | None) -> dict[str, Heard]:
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
    certain: dict[bytes, tuple[str, int]] = field(default_factory=dict[bytes, "tuple[str, int]"])
    possible: dict[bytes, tuple[str, int]] = field(default_factory=dict[bytes, "tuple[str, int]"])


class Ledger:
    """What the storage held when the cycle began, and what the writers did since."""

    def __init__(self, seed: str, writers: list[str]) -> None:
        self.seed = seed
        self.writers = writers
        self.cycle = 0
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
            touched = self._apply(writer.next(), (name, n), permitted) if n else None
            if n == heard.acknowledged:
                permitted.states.update({partition: [self.model.whole(partition)] for partition in mine})
                permitted.certain = dict(permitted.possible)
            elif touched is not None and n > heard.acknowledged:
                permitted.states[touched].append(self.model.whole(touched))

    def _apply(self, operation: Operation, of: tuple[str, int], permitted: Permitted) -> str | None:
        if isinstance(operation, Commit):
            self.model.commit(operation)
            return operation.partition
        if isinstance(operation, Drop):
            self.model.drop(operation.partition, expect=operation.expect)
            return operation.partition
        permitted.possible[operation.record] = of
        return None

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
