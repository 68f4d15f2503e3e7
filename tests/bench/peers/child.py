"""One peer in a process of its own: a JSON command a line on the way in, an answer a line on the way out."""

# pyright: basic

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count as counter
from pathlib import Path
from typing import Any

from tests.bench.corpus import batches, message
from tests.bench.peers.drivers import PEERS


async def timed(operation: Callable[[int], Awaitable[Any]], times: int) -> dict[str, Any]:
    """The wall time of each call and the CPU time of all, in nanoseconds."""
    wall: list[int] = []
    cpu = time.process_time_ns()
    for turn in range(times):
        began = time.perf_counter_ns()
        await operation(turn)
        wall.append(time.perf_counter_ns() - began)
    return {"wall": wall, "cpu": time.process_time_ns() - cpu}


async def together(peer: Any, names: list[str], tasks: int, seconds: float) -> dict[str, Any]:
    """Appends of many tasks at once, none of which shares a session with another."""
    numbers, began = counter(), time.perf_counter()

    async def task(first: int) -> int:
        done, mine = 0, names[first::tasks]
        for number in numbers:
            if time.perf_counter() - began > seconds:
                return done
            await peer.append(mine[number % len(mine)], message(number))
            done += 1
        return done

    done = sum(await asyncio.gather(*(task(first) for first in range(tasks))))
    return {"rate": done / (time.perf_counter() - began)}


async def turn_of(peer: Any, asked: dict[str, Any], turn: int) -> None:
    """What an agent does once: read the latest, say something, get an answer."""
    await peer.tail(asked["name"], asked["count"])
    await peer.fill(asked["name"], [message(asked["first"] + 2 * turn + at) for at in range(2)])


_TIMED: dict[str, Callable[[Any, dict[str, Any], int], Awaitable[Any]]] = {
    "append": lambda peer, asked, turn: peer.append(asked["name"], message(asked["first"] + turn)),
    "tail": lambda peer, asked, _: peer.tail(asked["name"], asked["count"]),
    "list": lambda peer, asked, _: peer.list("owner-0", asked["count"]),
    "turn": turn_of,
}


async def answer(peer: Any, do: str, asked: dict[str, Any]) -> Any:
    """Carry out one command."""
    if do == "fill":
        for batch in batches(asked["count"]):
            await peer.fill(asked["name"], batch)
        return {}
    if do in _TIMED:
        return await timed(lambda turn: _TIMED[do](peer, asked, turn), asked["times"])
    if do == "create":
        for number in range(asked["count"]):
            await peer.create(f"session-{number}", f"owner-{number % asked['owners']}")
        return {}
    return await together(peer, asked["names"], asked["tasks"], asked["seconds"])


async def main() -> None:
    """Answer until the commands end."""
    peer = PEERS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"ready": sys.argv[1]}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(await answer(peer, asked.pop("do"), asked)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
