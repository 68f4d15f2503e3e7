"""The four verbs: each is one script on the partition's slot, with the indexes written before it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import ResponseError as Refused

from holdall.contract import Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Conflict, HoldallError, StorageError, StorageFull, StorageUnavailable
from holdall_valkey.client import check, connect
from holdall_valkey.index import Index
from holdall_valkey.names import Names, stamp
from holdall_valkey.scripts import Scripts
from holdall_valkey.settings import ValkeySettings
from holdall_valkey.walking import Walk
from holdall_valkey.wire import Found, Heads, commit_of, found_of, load_of

__all__ = ["ValkeySessionStorage"]


class ValkeySessionStorage(ISessionStorage):
    """A head and its lanes are hashes of one slot; the server runs each script whole."""

    def __init__(self, client: Any, settings: ValkeySettings) -> None:
        self._client = client
        self._deadline = settings.deadline
        self._names = Names(settings.prefix)
        self._index = Index(client, self._names)
        self._heads = Heads()
        self._scripts = Scripts(client, cluster=settings.cluster)
        self._free = asyncio.Semaphore(settings.connections)
        self._pid = os.getpid()
        self._closed = False

    @classmethod
    async def open(cls, settings: ValkeySettings) -> Self:
        """Connect, and see that the server promises what the configuration demands."""
        client = connect(settings)
        storage = cls(client, settings)
        try:
            async with storage._typed():
                await check(client, settings)
        except BaseException:
            await client.aclose()
            raise
        return storage

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of the partition."""
        async with self._typed():
            (answer,) = await self._scripts.run("load", load_of(partition, spans, self._names))
        return found_of(partition, answer, self._heads).snapshot

    async def commit(self, commit: Commit) -> None:
        """Index first, then compare and move."""
        async with self._typed():
            not_after = self._not_after()
            stamped = stamp(not_after)
            call = commit_of(commit, self._names, not_after, stamped)
            answer = await self._scripts.run("commit", call, after=self._index.before(commit, stamped))
        try:
            old = self._outcome(answer, commit.partition, commit.expect)
        except HoldallError:
            self._index.void(self._index.entries(commit, stamped))  # this try is over, the only one with its stamp
            raise
        self._index.replaced(commit.partition, old)

    async def drop(self, partition: str, *, expect: int) -> None:
        """Compare and remove, then its entries."""
        call = [self._names.head(partition)], [expect, self._not_after(), self._names.lanes(partition)]
        async with self._typed():
            answer = await self._scripts.run("drop", call)
            marks = self._outcome(answer, partition, expect)
            self._index.replaced(partition, [*marks, (None, answer[2])])
            await self._index.flush()

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Walk the index, and hold it against the heads."""
        key = self._names.mark(scan.mark)

        async def entries(told: list[Any]) -> Sequence[Any]:
            async with self._typed():
                return await self._scripts.run("walk", ([key], told))

        async def read(partitions: Sequence[str]) -> Sequence[Found]:
            return await self._read(partitions, scan.spans)

        walk = Walk(scan, self._names, read)
        found = await walk.run(entries)
        self._index.void(walk.void)
        return found

    async def close(self) -> None:
        """Give the connections back."""
        if self._pid == os.getpid() and not self._closed:
            self._closed = True
            await self._client.aclose()

    async def _read(self, partitions: Sequence[str], spans: Sequence[Span]) -> Sequence[Found]:
        calls = [load_of(partition, spans, self._names) for partition in partitions]
        async with self._typed():
            answers = await self._scripts.load(calls)
        return [found_of(name, answer, self._heads) for name, answer in zip(partitions, answers, strict=True)]

    def _not_after(self) -> int:
        """When a script may not change anything any more: its caller has given up by then (ms since 1970)."""
        return int((time.time() + self._deadline) * 1000)

    @staticmethod
    def _outcome(answer: Sequence[Any], partition: str, expect: int) -> list[tuple[bytes, bytes]]:
        kind = int(answer[0])
        if kind == 0:
            raise Conflict(partition, expected=expect, found=int(answer[1]))
        if kind == 2:  # noqa: PLR2004 - as the scripts say
            raise StorageUnavailable("the server came to it too late, and changed nothing")
        return list(zip(answer[1][::2], answer[1][1::2], strict=True))

    @asynccontextmanager
    async def _typed(self) -> AsyncGenerator[None]:
        """Within the deadline, and with the driver's errors as the contract's."""
        if self._closed:
            raise StorageUnavailable("the storage is closed")
        if self._pid != os.getpid():
            raise StorageUnavailable("the storage was opened before the process forked; open it again")
        try:
            async with asyncio.timeout(self._deadline), self._free:
                yield
        except (RedisError, OSError) as error:
            raise _typed(error) from error


def _typed(error: BaseException) -> HoldallError:
    """A driver's error as the contract's."""
    if isinstance(error, OutOfMemoryError):
        return StorageFull("the server has no room")
    if isinstance(error, TimeoutError) and not str(error):
        return StorageUnavailable("no answer from the server in time")
    told = str(error).strip().splitlines()
    kind = StorageError if isinstance(error, Refused) else StorageUnavailable
    return kind(f"Valkey: {told[0] if told else type(error).__name__}")
