"""The verbs: every write is the back's first, and whatever the front answers the back has agreed to.

A partition is good in the front for one version. A commit takes that away before it begins and gives it back when the back
has acknowledged it and the front has followed; in between, and after whatever goes wrong, the back is read. Where others
may write to the back, it is asked for the head each time, and the front serves the records if that is still its version.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from holdall.contract import Commit, Head, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Damaged, HoldallError
from holdall_tier.front import Front

__all__ = ["TierSessionStorage"]


class TierSessionStorage(ISessionStorage):
    """``alone``: nobody else can write to the back, so that it need not be asked for what is good in the front."""

    def __init__(self, front: Front, back: ISessionStorage, *, alone: bool) -> None:
        self._front = front
        self._back = back
        self._alone = alone
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._failure: str | None = None

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """From the front, if it is good; else from the back, and the front has it from then on."""
        if self._alone and self._front.version(partition) is not None:
            found = await self._held(partition, spans)
            if found is not None:
                return found
        turn = self._turn(partition)
        if not spans or turn.locked():  # nothing to save, or somebody writes it or brings it already
            return await self._back.load(partition, *spans)
        async with turn:
            now = await self._back.load(partition)
            if now is None:
                return None
            if now.head.version == self._front.version(partition):
                found = await self._held(partition, spans)
                if found is not None and found.head == now.head:
                    return found
            return await self._brought(now.head, spans)

    async def _held(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        """What the front has; nothing where it fails."""
        try:
            return await self._front.load(partition, *spans)
        except HoldallError as error:
            self._failed(partition, error)
            return None

    async def _brought(self, head: Head, spans: Sequence[Span]) -> Snapshot | None:
        """What the back has; the whole of it goes into the front."""
        partition = head.partition
        if not self._front.fits(sum(map(len, head.lanes.values()))):
            return await self._back.load(partition, *spans)
        try:
            whole = await self._back.load(partition, *map(Span, head.lanes))
        except Damaged:  # somewhere: perhaps not in what was asked for
            return await self._back.load(partition, *spans)
        if whole is None:
            return None
        await self._following(partition, self._front.put(whole))
        return Snapshot(
            whole.head, {at: whole.records[at] for at in whole.head.addresses(spans) if at in whole.records}
        )

    async def commit(self, commit: Commit) -> None:
        """Commit to the back; the front follows what is acknowledged."""
        async with self._writing(commit.partition):
            await self._back.commit(commit)
            await self._following(commit.partition, self._front.move(commit))

    async def drop(self, partition: str, *, expect: int) -> None:
        """Drop from the back, then from the front."""
        async with self._writing(partition):
            await self._back.drop(partition, expect=expect)
            await self._following(partition, self._front.drop(partition))

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """The back's."""
        return await self._back.scan(scan)

    async def faults(self) -> Sequence[str]:
        """The back's."""
        return await self._back.faults()

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """The back's; what the front has may be of before."""
        await self._front.clear()
        return await self._back.repair(apply=apply)

    async def purge(self, partition: str) -> Sequence[str]:
        """The back's and the front's, which is given up first."""
        await self._front.drop(partition)
        back, front = await self._back.purge(partition), await self._front.purge(partition)
        return [*(f"back: {line}" for line in back), *(f"front: {line}" for line in front)]

    def health(self) -> str | None:
        """The back's, or how the front failed last."""
        return self._back.health() or self._failure

    async def close(self) -> None:
        """Close both."""
        try:
            await self._front.close()
        finally:
            await self._back.close()

    @asynccontextmanager
    async def _writing(self, partition: str) -> AsyncGenerator[None]:
        async with self._turn(partition):
            self._front.doubt(partition)
            yield

    async def _following(self, partition: str, step: Coroutine[Any, Any, None]) -> None:
        """Let the front follow. Its failure is told by ``health``, and costs speed: the back has it all."""
        try:
            await step
        except HoldallError as error:
            self._failed(partition, error)
        else:
            self._failure = None

    def _failed(self, partition: str, error: HoldallError) -> None:
        self._front.doubt(partition)
        self._failure = f"the front failed: {error}"

    def _turn(self, partition: str) -> asyncio.Lock:
        turn = self._turns.get(partition)
        if turn is None:
            turn = self._turns[partition] = asyncio.Lock()
        return turn
