"""What must be found after a crash, worked out from what the writers were told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdall.contract import Commit, Snapshot
from holdall.testing.crash.commits.ops import Append, Drop, Writer, partitions
from holdall.testing.crash.commits.verdict import examine
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.heard import Heard, Permitted
from holdall.testing.model import Model
from holdall.testing.opening import Subject, open_storage

__all__ = ["Ledger"]


class Ledger:
    """What the storage held when the cycle began, and what the writers did since."""

    module = "holdall.testing.crash.commits.writer"

    def __init__(self, seed: str, writers: list[str], cycle: int) -> None:
        self.seed = seed
        self.writers = writers
        self.cycle = cycle
        self.model = Model()
        self.common: list[bytes] = []
        """The records of the common partition when the cycle began."""

    async def look(
        self, subject: Subject, options: Mapping[str, Any], heard: Mapping[str, Heard], findings: Findings
    ) -> None:
        """See ``Game.look``."""
        opened = await open_storage(subject, options)
        try:
            found, common = await examine(opened.storage, self._permitted(heard), self.common, findings)
        finally:
            await opened.storage.close()
        self._settle(found, common)

    def _permitted(self, heard: Mapping[str, Heard]) -> Permitted[Snapshot]:
        """Play every writer again, as far as it came."""
        permitted = Permitted[Snapshot]()
        for name in self.writers:
            self._play(name, heard[name], permitted)
        return permitted

    def _play(self, name: str, heard: Heard, permitted: Permitted[Snapshot]) -> None:
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

    def _settle(self, found: dict[str, Snapshot | None], common: list[bytes]) -> None:
        """Go on from what was found; it was one of the permitted states."""
        for partition, snapshot in found.items():
            self.model.heads.pop(partition, None)
            self.model.records.pop(partition, None)
            if snapshot is not None:
                self.model.heads[partition] = snapshot.head
                self.model.records[partition] = dict(snapshot.records)
        self.common = common
        self.cycle += 1
