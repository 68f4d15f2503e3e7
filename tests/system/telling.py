"""A process that appends to sessions in turn: ``python -m tests.system.telling CONFIG ACKNOWLEDGED NAME SESSION…``.

Each append is some messages, and for each a tool run. What was acknowledged stands in the file ACKNOWLEDGED before the
next append begins: the session, and the id of the last message. It goes on until there is a file ``stop`` beside that.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import holdall


async def main(config: str, acknowledged: str, name: str, sessions: list[str]) -> None:
    told = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    chance = random.Random(name)
    async with holdall.open(config) as store:
        print("open", flush=True)
        sys.stdin.readline()
        stop, number = Path(acknowledged).with_name("stop"), 0
        while not stop.exists():
            number += 1
            session, size = chance.choice(sessions), chance.randint(1, 3)
            said = [{"role": "user", "content": f"{name} {number} {each}"} for each in range(size)]
            tools = [{"tool": "t", "call": f"{name} {number} {each}", "status": "succeeded"} for each in range(size)]
            appended = await store.append(session, said, tools=tools)
            os.write(told, f"{session} {appended.messages[-1].id}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
