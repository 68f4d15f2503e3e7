"""The verbs: three go to one member; a scan asks all of them and merges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from holdall.contract import Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import StorageError
from holdall_shard.layout import NOTE, place
from holdall_shard.merging import Merge

__all__ = ["ShardSessionStorage"]


class ShardSessionStorage(ISessionStorage):
    """A partition is wholly in one member, so a commit is as atomic as that member makes it."""

    def __init__(self, members: Mapping[str, ISessionStorage]) -> None:
        self.members = dict(members)

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """Ask its member."""
        return None if partition == NOTE else await self._of(partition).load(partition, *spans)

    async def commit(self, commit: Commit) -> None:
        """Tell its member."""
        await self._of(commit.partition).commit(commit)

    async def drop(self, partition: str, *, expect: int) -> None:
        """Tell its member."""
        await self._of(partition).drop(partition, expect=expect)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Merge what the members answer."""
        return await Merge(scan, list(self.members.values())).run()

    async def faults(self) -> Sequence[str]:
        """What each member knows of."""
        return await self._each(lambda member: member.faults())

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """Repair each member."""
        return await self._each(lambda member: member.repair(apply=apply))

    async def purge(self, partition: str) -> Sequence[str]:
        """Tell its member."""
        return await self._of(partition).purge(partition)

    def health(self) -> str | None:
        """The first member that is not well, and how."""
        told = ((name, member.health()) for name, member in self.members.items())
        return next((f"{name}: {line}" for name, line in told if line is not None), None)

    async def close(self) -> None:
        """Close every member, also where closing another failed; the first failure is raised."""
        closing = [member.close() for member in self.members.values()]
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _of(self, partition: str) -> ISessionStorage:
        if partition == NOTE:
            raise StorageError(f"the partition {partition!r} is the shard's own")
        return self.members[place(partition, self.members)]

    async def _each(self, ask: Callable[[ISessionStorage], Coroutine[Any, Any, Sequence[str]]]) -> list[str]:
        return [f"{name}: {line}" for name, member in self.members.items() for line in await ask(member)]
