"""The child that is killed: says ``intent`` before and ``ack`` after each operation, on the pipe to its parent."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from holdall.contract import Commit, Head, ISessionStorage
from holdall.errors import Conflict
from holdall.testing.crash.commits.ops import COMMON, Append, Operation, Writer, partitions
from holdall.testing.crash.saying import play, say, telling
from holdall.testing.opening import Subject, open_storage
from holdall.testing.steps import Step

__all__ = ["main"]


async def carry_out(storage: ISessionStorage, operation: Operation) -> None:
    """Do one operation; returns when it is acknowledged."""
    if isinstance(operation, Commit):
        await storage.commit(operation)
    elif isinstance(operation, Append):
        await append(storage, operation.record)
    else:
        await storage.drop(operation.partition, expect=operation.expect)


async def append(storage: ISessionStorage, record: bytes) -> None:
    """Append to the common partition until nobody was faster."""
    while True:
        found = await storage.load(COMMON)
        step = Step(COMMON if found is None else found.head).append("messages/main", record)
        try:
            await storage.commit(step.mark("recent", step.version).build())
        except Conflict:
            continue
        return


def steps(
    storage: ISessionStorage, name: str, heads: Mapping[str, Head], task: Mapping[str, Any]
) -> Callable[[], Awaitable[None]]:
    """What one writer does next, again and again."""
    writer = Writer(task["seed"], name, task["cycle"], heads)
    return lambda: carry_out(storage, writer.next())


async def main(task: Mapping[str, Any]) -> None:
    """Open the storage, find out where it stands, and write until the end."""
    with telling(task["writers"]):
        opened = await open_storage(Subject(task["plugin"], task["file"]), task["options"])
        writers: list[Awaitable[None]] = []
        for name in task["writers"]:
            loaded = [await opened.storage.load(partition) for partition in partitions(name)]
            heads = {found.head.partition: found.head for found in loaded if found is not None}
            writers.append(play(name, steps(opened.storage, name, heads, task)))
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*writers)
