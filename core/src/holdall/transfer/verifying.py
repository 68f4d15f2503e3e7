"""Reading everything in a storage, and naming whatever is not as it should be. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdall.codecs import Codec
from holdall.contract import Head, ISessionStorage
from holdall.errors import Conflict, Damaged
from holdall.transfer.damage import Hurt, readings
from holdall.transfer.derived import Derived
from holdall.transfer.marks import Marks
from holdall.transfer.soundness import head_faults, record_fault
from holdall.transfer.still import ATTEMPTS, again
from holdall.transfer.wholeness import part_faults
from holdall.transfer.windows import Loading, heads

__all__ = ["Verified", "verify"]


@dataclass(slots=True)
class Verified:
    """What was read, and what is wrong with it."""

    partitions: int = 0
    sessions: int = 0
    records: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list[str])
    hurt: list[Hurt] = field(default_factory=list[Hurt])
    """The records among the problems that cannot be read."""

    def add(self, hurt: Hurt) -> None:
        """Count a record that cannot be read."""
        self.hurt.append(hurt)
        self.problems.append(str(hurt))

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        plain = {name: getattr(self, name) for name in ("partitions", "sessions", "records", "bytes", "problems")}
        return plain | {"damaged": [hurt.as_dict() for hurt in self.hurt]}


async def verify(
    storage: ISessionStorage, codec: Codec, progress: Callable[[int, str], None] = lambda _done, _name: None
) -> Verified:
    """Read every record of every partition, and compare the marks of heads with those that scans show."""
    report = Verified()
    marks = Marks()
    try:
        async for head in heads(storage):
            report.partitions += 1
            report.sessions += head.partition.startswith("session/")
            report.problems += head_faults(head)
            marks.add(head)
            await _partition(storage, codec, head, report)
            progress(report.partitions, head.partition)
        report.problems += [fault async for fault in marks.faults(storage)]
    except Damaged as damage:
        report.problems.append(f"the walk ended early: {damage}")
    told = {*report.problems, *(hurt.reason for hurt in report.hurt)}
    report.problems += [fault for fault in await storage.faults() if fault not in told]
    return report


async def _partition(storage: ISessionStorage, codec: Codec, head: Head, report: Verified) -> None:
    """Read a partition as it is at one moment, again from the start when that is gone before all of it was read."""
    source: Loading = storage
    for _ in range(ATTEMPTS):
        part = Verified()
        try:
            await _records(source, codec, head, part)
            part.problems += [fault async for fault in part_faults(source, codec, head)] if not part.hurt else []
        except Damaged as damage:
            part.problems.append(str(damage))
        except Conflict:
            found = await again(storage, head.partition)
            if found is None:
                return
            source, head = found
            continue
        report.records += part.records
        report.bytes += part.bytes
        report.problems += part.problems
        report.hurt += part.hurt
        return
    report.problems.append(f"{head.partition}: it changed each of {ATTEMPTS} times that it was read")


async def _records(storage: Loading, codec: Codec, head: Head, part: Verified) -> None:
    derived = Derived(head)
    async for span, found, hurt in readings(storage, head):
        for each in hurt:
            part.add(each)
        expected = {(span.lane, position) for position in range(span.start, span.stop or 0)}
        expected -= {(each.lane, each.position) for each in hurt}
        for lane, position in sorted(expected - found.keys()):
            part.problems.append(f"{head.partition} {lane}[{position}]: it is missing")
        for address in sorted(expected & found.keys()):
            part.records += 1
            part.bytes += len(found[address])
            try:
                record = codec.decode(head.partition, address, found[address])
                fault = record_fault(head, address, record)
                if fault is None and derived.wants(address[0]):
                    derived.add(address, record)
            except Damaged as damage:
                part.add(Hurt(head.partition, *address, str(damage)))
            else:
                if fault is not None:
                    part.problems.append(f"{head.partition} {address[0]}[{address[1]}]: {fault}")
    if not part.problems:
        part.problems += [f"{head.partition} {what}: {wrong}" for what, wrong in derived.faults().items()]
