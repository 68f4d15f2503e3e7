"""A process that has large parts come and go in one session: ``python -m tests.system.parting CONFIG SESSION SEED STEPS``.

Every process takes from the same few texts, so that one refers again to what another is about to erase. Prints, as
JSON, how often it did what, and what it read that cannot be: a reference to a part that is not there.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

import holdall

LARGE_FROM = 2000
LARGE = [f"large {number} " * 600 for number in range(3)]


class Player:
    """Appends, edits, redacts, purges and reads as it comes."""

    def __init__(self, store: holdall.Store, session: str, seed: str) -> None:
        self.store, self.session = store, session
        self.chance = random.Random(seed)
        self.done = Counter[str]()
        self.dangling: list[str] = []

    async def play(self, steps: int) -> None:
        for _ in range(steps):
            kind = self.chance.choice(["append"] * 5 + ["edit", "redact", "purge", "purge", "delete", "read", "read"])
            try:
                await getattr(self, kind)()
                self.done[kind] += 1
            except (holdall.NotFound, holdall.Invalid, holdall.Conflict) as error:
                self.done[f"{kind} {error.code}"] += 1

    async def _any(self) -> str:
        page = await self.store.history(self.session, branch="main", limit=12, whole=False)
        return self.chance.choice(page.items).id

    def _said(self) -> Any:
        return [{"type": "text", "text": self.chance.choice(LARGE)} for _ in range(self.chance.randint(1, 2))]

    async def append(self) -> None:
        await self.store.append(self.session, [{"role": "user", "content": self._said()}], branch="main")

    async def edit(self) -> None:
        await self.store.edit(self.session, await self._any(), {"content": self._said()})

    async def redact(self) -> None:
        await self.store.redact(self.session, await self._any())

    async def purge(self) -> None:
        await self.store.purge(self.session, message=await self._any())

    async def delete(self) -> None:
        """A branch with parts of its own is made, and deleted, and perhaps erased."""
        branch = await self.store.fork(self.session, at=await self._any())
        await self.store.append(self.session, [{"role": "user", "content": self._said()}], branch=branch.name)
        await self.store.delete_branch(self.session, branch.name)
        if self.chance.random() < 0.5:
            await self.store.purge(self.session, branch=branch.name)

    async def read(self) -> None:
        page = await self.store.history(self.session, branch="main", limit=12)
        self.dangling += [f"{page.version} {message.id}" for message in page if "large_parts" in message]
        found = await self.store.message(self.session, self.chance.choice(page.items).id)
        self.dangling += [found.id] if "large_parts" in found else []


async def main(config: str, session: str, seed: str, steps: int) -> None:
    async with holdall.open(config) as store:
        print("open", flush=True)
        sys.stdin.readline()
        player = Player(store, session, seed)
        await player.play(steps)
    print(json.dumps({"done": player.done, "dangling": player.dangling}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
