"""A process that appends until it is told to stop: ``python -m tests.system.backups.writing CONFIG SEED``.

It reads the ids of shared sessions from its first line of input, and stops at the second. Then it prints, as JSON,
how many steps of its own each session took, and when each step began and how long it took (seconds).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time

import holdall


async def main(config: str, seed: int) -> None:
    shared, chance = sys.stdin.readline().split(), random.Random(seed)
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set()), daemon=True).start()
    steps: dict[str, int] = {}
    times: list[tuple[float, float]] = []
    async with holdall.open(config) as store:
        sessions = list(shared)
        print("open", flush=True)
        while not stopping.is_set():
            if chance.random() < 0.02:
                session = await store.create(owner=f"w{seed}", messages=[])
                sessions = [*shared, session.id]
            session_id, begun = chance.choice(sessions), time.monotonic()
            number = steps.get(session_id, 0)
            parts = 1 + number % 3
            content = [{"role": "user", "content": f"{seed} {number} {part} {parts}"} for part in range(parts)]
            await store.append(session_id, content)
            if number % 50 == 49:
                await store.update(session_id, title=f"{seed} {number}")
            steps[session_id] = number + 1
            times.append((begun, time.monotonic() - begun))
            await asyncio.sleep(0.001)
    print(json.dumps({"seed": seed, "steps": steps, "times": times}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
