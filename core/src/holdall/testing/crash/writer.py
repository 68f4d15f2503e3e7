"""The child that is killed: says ``intent`` before and ``ack`` after each operation, on the pipe to its parent."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sys
import time
from typing import Any

from holdall.contract import Commit, Head, ISessionStorage
from holdall.errors import Conflict
from holdall.testing.crash.ops import COMMON, Append, Operation, Writer, partitions
from holdall.testing.opening import Subject, open_storage
from holdall.testing.steps import Step

__all__ = ["NO_SYNC", "carry_out"]

NO_SYNC = "HOLDALL_CRASH_NO_SYNC"
"""Set for a control: the child's ``os.fsync`` and ``os.fdatasync`` do nothing."""


def say(line: str) -> None:
    """One write of less than a page of a pipe, so that it arrives whole or not at all."""
    os.write(1, f"{line}\n".encode())


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


async def write(storage: ISessionStorage, name: str, heads: dict[str, Head], task: dict[str, Any]) -> None:
    """Play one writer until the process is killed."""
    writer = Writer(task["seed"], name, task["cycle"], heads)
    for n in itertools.count(1):
        operation = writer.next()
        say(f"intent {name} {n}")
        try:
            await carry_out(storage, operation)
        except BaseException as error:  # noqa: BLE001 - told to the parent
            say(f"failed {name} {n} {time.monotonic_ns()} {error!r:.500}")
            os._exit(1)  # the parent was told; after a cut it is no failure, and a trace would say that it is
        say(f"ack {name} {n} {time.monotonic_ns()}")


async def main(task: dict[str, Any]) -> None:
    """Open the storage, find out where it stands, and write until the end."""
    if os.environ.get(NO_SYNC):
        os.fsync = os.fdatasync = lambda fd: None  # pyright: ignore[reportAttributeAccessIssue] # noqa: ARG005
    logging.getLogger("holdall").setLevel(logging.CRITICAL)
    opened = await open_storage(Subject(task["plugin"], task["file"]), task["options"])
    writers: list[tuple[str, dict[str, Head]]] = []
    for name in task["writers"]:
        loaded = [await opened.storage.load(partition) for partition in partitions(name)]
        writers.append((name, {found.head.partition: found.head for found in loaded if found is not None}))
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(write(opened.storage, name, heads, task) for name, heads in writers))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
