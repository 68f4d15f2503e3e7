"""A storage, and stores on it that encrypt."""

from __future__ import annotations

from holdall.contract import Commit, Span
from holdall_memory import MemorySessionStorage
from support.sealed import sealed
from support.stores import on


class Encrypted:
    """A storage, and stores on it that encrypt."""

    def __init__(self, clock, below=None):
        self.below = below or MemorySessionStorage()
        self.clock = clock

    async def store(self, source=None, codec=None, **options):
        storage = await sealed(self.below, source, clock=self.clock, **options)
        return on(storage, self.clock, codec, shreds=True)

    async def put(self, partition, records, **changes):
        """Change what is stored, as somebody without keys can."""
        head = (await self.below.load(partition)).head
        commit = Commit(
            partition, head.version, head.version + 1, head.changed, write=records,
            **{"expires_at": head.expires_at, **changes},
        )  # fmt: skip
        await self.below.commit(commit)

    async def records(self, partition):
        head = (await self.below.load(partition)).head
        return dict((await self.below.load(partition, *(Span(lane) for lane in head.lanes))).records)
