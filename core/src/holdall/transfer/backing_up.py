"""Backing up a storage, whatever kind it is, into one archive, while others write to it.

Every partition is one moment. The walk goes backwards by name, so that sessions come before what refers to them:
heartbeats, creations, claims. A claim whose session came too late is harmless, as whoever finds one creates the
session; a session whose claim was left behind would be created twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from holdall.contract import Head, ISessionStorage
from holdall.errors import Conflict, Damaged
from holdall.transfer.archive.lines import Counts
from holdall.transfer.archive.writing import Writing
from holdall.transfer.windows import heads, windows
from holdall.unfinished import MARKER

__all__ = ["back_up"]

_ATTEMPTS = 50
_LONGEST_PAUSE = 0.1


async def back_up(
    storage: ISessionStorage,
    path: Path,
    made: int,
    progress: Callable[[int, str], None] = lambda _done, _name: None,
    wanted: Callable[[str], bool] = lambda _name: True,
) -> Counts:
    """Write everything ``wanted`` in ``storage`` to a new archive at ``path``; ``made`` is the time, in milliseconds.

    A partition that cannot be read is left out whole, and said to be: in the archive and in what comes back.
    """
    with Writing(path, made) as archive:
        done = 0
        async for head in heads(storage, descending=True):
            if head.partition != MARKER and wanted(head.partition):
                await _partition(storage, archive, head)
            done += 1
            progress(done, head.partition)
        known = [left.reason for left in archive.counts.left_out]
        for fault in await storage.faults():
            if fault not in known:
                archive.left_out("", fault)
        archive.finish()
    return archive.counts


async def _partition(storage: ISessionStorage, archive: Writing, head: Head) -> None:
    """Write a partition, again from the start where somebody rewrote it meanwhile."""
    name = head.partition
    for attempt in range(_ATTEMPTS):
        archive.begin(head)
        try:
            await _records(storage, archive, head)
        except Damaged as damage:
            archive.abandon()
            return archive.left_out(name, str(damage))
        except Conflict:
            archive.abandon()
        else:
            return archive.end()
        await asyncio.sleep(random.random() * min(attempt / 100, _LONGEST_PAUSE))  # noqa: S311 - lets writers finish
        try:
            found = await storage.load(name)
        except Damaged as damage:
            return archive.left_out(name, str(damage))
        if found is None:  # gone meanwhile: expired or deleted
            return None
        head = found.head
    return archive.left_out(name, f"it was rewritten each of the {_ATTEMPTS} times that it was read")


async def _records(storage: ISessionStorage, archive: Writing, head: Head) -> None:
    async for span, found in windows(storage, head):
        for position in range(span.start, span.stop or 0):
            data = found.get((span.lane, position))
            if data is None:
                raise Damaged(f"{head.partition} {span.lane}[{position}]", "it is missing")
            archive.record((span.lane, position), data)
