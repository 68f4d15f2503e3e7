"""What the kit's child processes do: ``python -m holdall.testing.child '{"role": …}'``.

``hold``    opens the storage and keeps it open until its input ends; says ``busy`` when it is refused.
``append``  appends records to one partition, reloading after every ``Conflict``.
``watch``   reads one partition over and over until its input ends, and says what it saw of half commits.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from holdall.contract import ISessionStorage, Span
from holdall.errors import Conflict, StorageBusy
from holdall.opening import options_of
from holdall.testing.opening import Subject, open_storage
from holdall.testing.steps import Step


def say(*words: object) -> None:
    """Tell the parent."""
    print(*words, flush=True)  # noqa: T201 - the parent reads it


async def told_to_stop() -> None:
    """Wait until the parent sends a line, or closes the pipe."""
    await asyncio.to_thread(sys.stdin.readline)


async def hold(_storage: ISessionStorage, _task: dict[str, Any]) -> None:
    """Keep it open."""
    await told_to_stop()


async def append(storage: ISessionStorage, task: dict[str, Any]) -> None:
    """Append ``count`` pairs of records to the lanes ``a`` and ``b``."""
    await told_to_stop()
    for n in range(task["count"]):
        record = f"{task['who']}/{n}".encode()
        while True:
            found = await storage.load(task["partition"])
            step = Step(task["partition"] if found is None else found.head).append("a", record).append("b", record)
            try:
                await storage.commit(step.mark("recent", step.version).build())
            except Conflict:
                continue
            break
    say("appended", task["count"])


async def watch(storage: ISessionStorage, task: dict[str, Any]) -> None:
    """Look for moments that never were: the last records of the two lanes differ, or are not there."""
    stop = asyncio.ensure_future(told_to_stop())
    looks, halves, stop_before = 0, 0, 0
    while not stop.done():
        found = await storage.load(task["partition"], Span("a", -5), Span("b", -5))
        await asyncio.sleep(0)
        looks += 1
        if found is None:
            halves += stop_before > 0
            continue
        lane = found.head.lanes["a"]
        same = all(
            found.records.get(("a", n)) == found.records.get(("b", n)) for n in range(max(lane.stop - 5, 0), lane.stop)
        )
        complete = len(found.records) == 2 * min(5, len(lane)) and found.head.lanes["b"] == lane
        halves += not (same and complete and lane.stop >= stop_before)
        stop_before = lane.stop
    say("watched", looks, halves)


ROLES = {"hold": hold, "append": append, "watch": watch}


async def main(task: dict[str, Any]) -> None:
    """Open the storage, play the role, close it."""
    subject = Subject(task["plugin"], task["file"])
    options_of(subject.offer, task["options"])  # what is imported for it is not what a second opener waits for
    began = time.monotonic()
    try:
        opened = await open_storage(subject, task["options"])
    except StorageBusy:
        say("busy", time.monotonic() - began)
        return
    say("open", time.monotonic() - began)
    try:
        await ROLES[task["role"]](opened.storage, task)
    finally:
        await opened.storage.close()
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
