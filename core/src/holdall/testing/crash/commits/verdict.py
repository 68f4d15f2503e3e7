"""Compares what is found after a crash with what is permitted, and names each kind of broken promise."""

from __future__ import annotations

from typing import Any

from holdall.contract import ISessionStorage, Scan, Snapshot, Span
from holdall.testing.crash.commits.ops import COMMON, CYCLE
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.heard import Permitted
from holdall.testing.plain import plain
from holdall.testing.steps import BORN, Step

__all__ = ["check_common", "examine"]


async def whole(storage: ISessionStorage, partition: str) -> Snapshot | None:
    """A partition with every record."""
    found = await storage.load(partition)
    return None if found is None else await storage.load(partition, *(Span(lane) for lane in found.head.lanes))


async def examine(
    storage: ISessionStorage, permitted: Permitted[Snapshot], before: list[bytes], findings: Findings
) -> tuple[dict[str, Snapshot | None], list[bytes]]:
    """Note what is not as it may be; returns the partitions and the common records as they are."""
    found: dict[str, Snapshot | None] = {}
    for partition, states in permitted.states.items():
        try:
            found[partition] = await whole(storage, partition)
            kind = judge(found[partition], states)
        except Exception as error:  # noqa: BLE001 - whatever it is, it could not be read
            found[partition], kind = None, "unreadable"
            findings.details.append(f"{partition}: {error!r:.500}")
        if kind:
            findings.note(kind, f"{partition} is at {seen(found[partition])}, not at {[seen(one) for one in states]}")
    common = await whole(storage, COMMON)
    records = [] if common is None else [common.records.get(("messages/main", n), b"") for n in positions(common)]
    check_common(records, permitted, before, findings)
    await check_listings(storage, {**found, COMMON: common}, findings)
    await check_writes(storage, found, findings)
    return found, records


def judge(found: Snapshot | None, states: list[Snapshot | None]) -> str:
    """The kind of promise that was broken, or nothing."""
    if any(plain(found) == plain(state) for state in states):
        return ""
    if found is None:
        return "lost"
    versions = [0 if state is None else state.head.version for state in states]
    if not any(versions):
        return "resurrected"
    return "lost" if found.head.version < min(version for version in versions if version) else "torn"


def seen(state: Snapshot | None) -> str:
    """A state in few words."""
    if state is None:
        return "nothing"
    lanes = {name: (lane.first, lane.stop) for name, lane in state.head.lanes.items()}
    return f"{state.head.version - BORN} {lanes} {len(state.records)} records"


def positions(common: Snapshot) -> range:
    """Where the common partition's records lie."""
    lane = common.head.lanes["messages/main"]
    return range(lane.first, lane.stop)


def check_common(records: list[bytes], permitted: Permitted[Any], before: list[bytes], findings: Findings) -> None:
    """The common partition grew by what was acknowledged, once each, in each writer's order."""
    if records[: len(before)] != before:
        findings.note("lost", "old records of the common partition")
    new = records[len(before) :]
    counted = [permitted.possible[record] for record in new if record in permitted.possible]
    if len(counted) != len(new) or len(set(counted)) != len(new):
        findings.note("torn", f"{len(new) - len(set(counted))} common records that nobody wrote, or written twice")
    missing = permitted.certain - set(new)
    for record in missing:
        findings.note("lost", f"common record {permitted.possible[record]}")
    for writer in {name for name, _ in counted}:
        mine = [n for name, n in counted if name == writer]
        if mine != sorted(mine):
            findings.note("torn", f"the common records of {writer} are out of order")


async def check_listings(storage: ISessionStorage, found: dict[str, Snapshot | None], findings: Findings) -> None:
    """Walks, by name and by mark, show every partition that is there, at its place, and no other."""
    heads = {name: snapshot.head for name, snapshot in found.items() if snapshot is not None}
    for mark in (None, "recent", "ana", "ben"):
        expected = sorted(
            (0 if mark is None else head.marks[mark], name.encode())
            for name, head in heads.items()
            if mark is None or mark in head.marks
        )
        page = await storage.scan(Scan(mark, limit=10_000))
        listed = [(0 if mark is None else item.head.marks[mark], item.head.partition.encode()) for item in page]
        same = all(
            plain(Snapshot(item.head)) == plain(Snapshot(heads[item.head.partition]))
            for item in page
            if item.head.partition in heads
        )
        if listed != expected or not same:
            findings.note("unlisted", f"the walk over {mark!r} shows {listed}, not {expected}")


async def check_writes(storage: ISessionStorage, found: dict[str, Snapshot | None], findings: Findings) -> None:
    """The storage takes writes at once, onto what the crash left and beside it."""
    for name, snapshot in found.items():
        born = BORN + findings.cycles * CYCLE - 1
        step = Step(name, version=born) if snapshot is None else Step(snapshot.head)
        try:
            await storage.commit(step.append("tools", b"after the crash").mark("recent", step.version).build())
            found[name] = await whole(storage, name)
        except Exception as error:  # noqa: BLE001 - a storage that refuses a good write is what is looked for
            findings.note("failed", f"a write onto {name} after the crash: {error!r:.500}")
