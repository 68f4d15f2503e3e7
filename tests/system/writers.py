"""A process that appends to one session: ``python writers.py CONFIG SESSION NAME COUNT``."""

from __future__ import annotations

import asyncio
import sys

import holdall


async def main(config: str, session: str, name: str, count: int) -> None:
    async with holdall.open(config) as store:
        found = await store.get(session)
        print("open", flush=True)
        sys.stdin.readline()
        for number in range(count):
            await found.append({"role": "user", "content": f"{name} {number}"})


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
    except holdall.HoldallError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        sys.exit(3)
