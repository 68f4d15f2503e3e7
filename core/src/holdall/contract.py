"""The storage contract: four verbs over partitions of dense lanes.

A storage plugin compares a version and moves bytes, atomically, within one partition. All arithmetic
(versions, positions, marks, expiry) is done before a commit reaches it. This module needs the standard library
and msgspec only, so that a backend can be read, written and tested without the rest of Holdall.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum

from holdall.errors import Conflict
from holdall.values import Address, Commit, Head, Lane, Records, Scan, Snapshot, Span, Value, on_one_line

__all__ = [
    "CONTRACT",
    "Abilities",
    "Address",
    "BatchSessionStorage",
    "BlockingSessionStorage",
    "Commit",
    "Durability",
    "Head",
    "ISessionStorage",
    "Lane",
    "Records",
    "Scan",
    "Snapshot",
    "Span",
    "on_one_line",
]

CONTRACT = 1
"""The number of this contract; an offer states the one it was written for."""


class Durability(IntEnum):
    """What an acknowledged commit survives; each value includes the ones before it."""

    NONE = 0
    """Nothing: the data lives and dies with the process."""
    PROCESS = 1
    """The death of the process (``kill -9``)."""
    POWER = 2
    """A power cut."""

    @property
    def label(self) -> str:
        """The word used in configuration and reports: ``none``, ``process`` or ``power``."""
        return self.name.lower()


class Abilities(Value):
    """What a storage promises beyond the four verbs; the conformance kit tests each claim."""

    durability: Durability = Durability.NONE
    shared: bool = False
    """Many processes may have it open at once. Without it a second opener is refused with ``StorageBusy``."""


UNTOLD = "this kind of storage cannot tell what its media still have of what was erased"
"""What a storage answers that does not know how to purge."""


class ISessionStorage(ABC):
    """A storage whose verbs are coroutines.

    After ``Conflict`` nothing changed. After any other error the outcome is unknown but whole: all of the
    commit or none of it. Neither ``load`` nor ``scan`` ever shows a commit whose durability is undecided.
    """

    @abstractmethod
    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """One moment of ``partition`` with the records of ``spans``, or ``None`` when there is none."""

    @abstractmethod
    async def commit(self, commit: Commit) -> None:
        """Apply ``commit`` whole, as durably as claimed, before returning; or raise ``Conflict``."""

    @abstractmethod
    async def drop(self, partition: str, *, expect: int) -> None:
        """Remove a partition whose version is ``expect``; or raise ``Conflict``."""

    @abstractmethod
    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """The next partitions of a walk, in its order."""

    async def faults(self) -> Sequence[str]:
        """What is known to be damaged or was kept aside since the storage was opened: a line each. ``verify`` asks."""
        return ()

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """Make every partition readable that is not, as far as what is there allows; a line for each: what is lost.

        Without ``apply`` nothing is changed. Damaged bytes are kept aside. ``StorageBusy``: others must close it first.
        """
        del apply
        return ()

    async def purge(self, partition: str) -> Sequence[str]:
        """Leave no byte on the media of what was a record of ``partition`` and is none any more, dropped or not.

        Answers a line for each place that may still have some, or that cannot be told of; none: nothing has. It can be
        asked again at any time, and is where it did not come to an end.
        """
        del partition
        return (UNTOLD,)

    def health(self) -> str | None:
        """What keeps the storage from working as it should, in one line, or ``None``. No I/O; the event loop asks."""
        return None

    async def close(self) -> None:  # noqa: B027
        """Give back what was opened. The storage is not used afterwards."""


class BlockingSessionStorage(ABC):
    """The same verbs for a library that blocks. All calls come from one thread, the one that opened it."""

    @abstractmethod
    def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """See ``ISessionStorage.load``."""

    @abstractmethod
    def commit(self, commit: Commit) -> None:
        """See ``ISessionStorage.commit``."""

    @abstractmethod
    def drop(self, partition: str, *, expect: int) -> None:
        """See ``ISessionStorage.drop``."""

    @abstractmethod
    def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """See ``ISessionStorage.scan``."""

    def faults(self) -> Sequence[str]:
        """See ``ISessionStorage.faults``."""
        return ()

    def repair(self, *, apply: bool) -> Sequence[str]:
        """See ``ISessionStorage.repair``."""
        del apply
        return ()

    def purge(self, partition: str) -> Sequence[str]:
        """See ``ISessionStorage.purge``."""
        del partition
        return (UNTOLD,)

    def health(self) -> str | None:
        """See ``ISessionStorage.health``: the one call that comes from another thread. What writes met is added."""
        return None

    def close(self) -> None:  # noqa: B027
        """See ``ISessionStorage.close``."""

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """Apply commits that were waiting together, in order: ``None`` or, for each, what to raise.

        Override it where one sync can serve them all. An error that is raised fails every commit of the batch.
        """
        outcomes: list[Conflict | None] = []
        for commit in commits:
            try:
                outcomes.append(self.commit(commit))
            except Conflict as conflict:
                outcomes.append(conflict)
        return outcomes


class BatchSessionStorage(BlockingSessionStorage):
    """A blocking storage that does everything that writes in ``commit_many``; a drop is a commit to version 0."""

    @abstractmethod
    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """See ``BlockingSessionStorage.commit_many``. After a commit to version 0 nothing is left of the partition."""

    def commit(self, commit: Commit) -> None:
        """A batch of one."""
        for error in filter(None, self.commit_many([commit])):
            raise error

    def drop(self, partition: str, *, expect: int) -> None:
        """Commit that it is not there."""
        self.commit(Commit(partition, expect, version=0, changed=0))
