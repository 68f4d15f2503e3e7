"""Putting a damaged storage right. First the storage does what it can; then lost records are replaced, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.codecs.dictionaries import DICTIONARY
from holdall.codecs.mending import mend
from holdall.contract import Head, ISessionStorage, Span
from holdall.errors import Conflict, Damaged
from holdall.sessions.names import EXPIRES, RECENT, SESSION
from holdall.sessions.record import parse_record
from holdall.sessions.state import SessionStep, State
from holdall.transfer.damage import Hurt, readings
from holdall.transfer.replacing import Loss, Replacing
from holdall.transfer.still import ATTEMPTS, again
from holdall.transfer.windows import Loading, heads

__all__ = ["Loss", "Repaired", "repair"]


@dataclass(slots=True)
class Repaired:
    """What was, or would be, lost."""

    applied: bool
    storage: list[str] = field(default_factory=list[str])
    """What the storage itself gives up, in its own words."""
    losses: list[Loss] = field(default_factory=list[Loss])
    again: list[str] = field(default_factory=list[str])
    """What sessions keep that their messages say already, and does not agree with them: it is made again."""
    left: list[str] = field(default_factory=list[str])
    """What could not be put right."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        records = [{**loss.hurt.as_dict(), "lost": loss.lost} for loss in self.losses]
        said = {"storage": self.storage, "records": records, "again": self.again, "left": self.left}
        return {"applied": self.applied, **said}


async def repair(
    storage: ISessionStorage,
    codec: Codec,
    *,
    apply: bool,
    owner: str,
    progress: Callable[[int, str], None] = lambda _done, _name: None,
) -> Repaired:
    """Say what is lost, and with ``apply`` put the rest right. Whatever can be read stays as it is."""
    report = Repaired(apply, list(await storage.repair(apply=apply)))
    done = 0
    async for head in heads(storage):
        try:
            if not head.partition.startswith(f"{DICTIONARY}/"):
                await _partition(storage, codec, head, owner, report)
        except (Conflict, Damaged) as error:
            report.left.append(f"{head.partition}: {error}")
        done += 1
        progress(done, head.partition)
    await _dictionaries(storage, codec, report)
    if apply and report.losses:
        await storage.repair(apply=True)  # what was in the way of it has been replaced
    return report


async def _dictionaries(storage: ISessionStorage, codec: Codec, report: Repaired) -> None:
    try:
        done, left = await mend(storage, codec, SystemClock(), apply=report.applied)
    except Damaged as damage:
        done, left = [], [f"which dictionaries are used is lost; train another one: {damage}"]
    report.storage += done
    report.left += left


async def _partition(storage: ISessionStorage, codec: Codec, head: Head, owner: str, report: Repaired) -> None:
    found = await _looked_at(storage, codec, head, owner)
    if found is None:
        return
    head, replacing, hurt = found
    if report.applied and replacing.gone:
        await storage.drop(head.partition, expect=head.version)
    elif report.applied:
        if replacing.losses or replacing.again:
            commit = replacing.step.commit(codec)
            await storage.commit(commit)
            head = commit.onto(head)
        await _mark_again(storage, codec, head, sure=any(each.lane == SESSION for each in hurt))
    report.losses += replacing.losses
    report.again += replacing.again
    report.left += replacing.left


async def _looked_at(
    storage: ISessionStorage, codec: Codec, head: Head, owner: str
) -> tuple[Head, Replacing, list[Hurt]] | None:
    """A partition at one moment, and what is to be done; looked at again when somebody writes to it meanwhile.

    ``None`` when it is gone by then. Raises ``Conflict`` for one that is too large to be held, and never rests.
    """
    source: Loading = storage
    left = ATTEMPTS
    while True:
        replacing, hurt = Replacing(head, owner, time.time_ns() // 1000), list[Hurt]()
        try:
            async for _, records, found in readings(source, head):
                replacing.read(codec, records)
                hurt += found
        except Conflict:
            left -= 1
            moved = await again(storage, head.partition)
            if moved is None:
                return None
            if not left:
                raise
            source, head = moved
        else:
            replacing.replace(hurt)
            return head, replacing, hurt


async def _mark_again(storage: ISessionStorage, codec: Codec, head: Head, *, sure: bool) -> None:
    """Work out when a session expires and under which marks it is found: its record is a new one, or its head."""
    if not head.partition.startswith("session/") or SESSION not in head.lanes:
        return
    if not sure and RECENT in head.marks and (EXPIRES in head.marks) == (head.expires_at is not None):
        return
    snapshot = await storage.load(head.partition, Span(SESSION, -1))
    if snapshot is None:
        return
    ((address, stored),) = snapshot.records.items()
    record = parse_record(codec.decode(head.partition, address, stored), head.partition)
    step = SessionStep.on(State(snapshot.head, record), time.time_ns() // 1000)
    await storage.commit(step.commit(codec))
