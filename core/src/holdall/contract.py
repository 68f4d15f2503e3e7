"""The storage contract: four verbs over partitions of dense lanes.

A storage plugin compares a version and moves bytes, atomically, within one partition. All arithmetic (versions,
positions, marks, expiry) is done before a commit reaches it. Nothing but the standard library is needed here.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

from holdall.errors import Conflict

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
]

CONTRACT = 1
"""The number of this contract; an offer states the one it was written for."""

Address = tuple[str, int]
"""Where a record lies inside its partition: ``(lane, position)``."""

Records = Mapping[Address, bytes]

_T = TypeVar("_T")
_NOTHING: Mapping[Any, Any] = {}
"""Stands for a mapping that was not given; never handed out."""


def _fillers(kind: type[Any]) -> list[Callable[[Any, Any], None]]:
    """What sets each slot of a frozen ``kind``, in order: half the price of ``object.__setattr__``, for each append."""
    return [kind.__dict__[name].__set__ for name in kind.__slots__]


@dataclass(frozen=True, slots=True, init=False)
class Lane:
    """A dense run of records at positions ``first`` up to, not including, ``stop``."""

    first: int
    stop: int
    rewritten: int
    """The last version that overwrote a record in the lane, at first the one that began it; 0: nobody says."""

    def __init__(self, first: int = 0, stop: int = 0, rewritten: int = 0) -> None:
        _lane_first(self, first)
        _lane_stop(self, stop)
        _lane_rewritten(self, rewritten)

    def __len__(self) -> int:
        return self.stop - self.first


_lane_first, _lane_stop, _lane_rewritten = _fillers(Lane)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one lane. A negative ``start`` counts from the lane's end; no ``stop`` means its end."""

    lane: str
    start: int = 0
    stop: int | None = None

    def within(self, lane: Lane) -> range:
        """The positions of this span that ``lane`` really has."""
        start = self.start if self.start >= 0 else lane.stop + self.start
        stop = lane.stop if self.stop is None else min(self.stop, lane.stop)
        return range(max(start, lane.first), max(stop, lane.first))


@dataclass(frozen=True, slots=True, init=False)
class Head:
    """What a storage may read of a partition without decoding a record."""

    partition: str
    version: int
    changed: int
    """The version of the last step that a client can see."""
    expires_at: int | None
    """Milliseconds since 1970, UTC. Only the core acts on it."""
    lanes: Mapping[str, Lane]
    marks: Mapping[str, int]

    def __init__(  # noqa: PLR0913, PLR0917 - its fields
        self,
        partition: str,
        version: int,
        changed: int,
        expires_at: int | None = None,
        lanes: Mapping[str, Lane] = _NOTHING,
        marks: Mapping[str, int] = _NOTHING,
    ) -> None:
        _head_partition(self, partition)
        _head_version(self, version)
        _head_changed(self, changed)
        _head_expires_at(self, expires_at)
        _head_lanes(self, {} if lanes is _NOTHING else lanes)
        _head_marks(self, {} if marks is _NOTHING else marks)

    def addresses(self, spans: Sequence[Span]) -> Iterator[Address]:
        """Where the records of ``spans`` lie, lane by lane, in order."""
        for span in spans:
            lane = self.lanes.get(span.lane)
            if lane is not None:
                for position in span.within(lane):
                    yield span.lane, position

    def to_json(self) -> str:
        """This head as one JSON object, for storages that keep heads as text."""
        return json.dumps(
            {
                "partition": self.partition,
                "version": self.version,
                "changed": self.changed,
                "expires_at": self.expires_at,
                "lanes": {name: [lane.first, lane.stop, lane.rewritten] for name, lane in self.lanes.items()},
                "marks": dict(self.marks),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Head:
        """The head that ``to_json`` wrote; raises ``ValueError`` or ``KeyError`` on anything else."""
        data = json.loads(text)
        return cls(
            data["partition"],
            data["version"],
            data["changed"],
            data["expires_at"],
            {name: Lane(*lane) for name, lane in data["lanes"].items()},
            data["marks"],
        )


_head_partition, _head_version, _head_changed, _head_expires_at, _head_lanes, _head_marks = _fillers(Head)


class _Once:
    """What a commit made of a head: the storage and the core ask for the same, one after the other. No field of it."""

    __slots__ = ("_made",)


(_commit_made,) = _fillers(_Once)


@dataclass(frozen=True, slots=True, init=False)
class Commit(_Once):
    """One atomic step on one partition, refused unless the stored version is ``expect`` (0: nothing there).

    Only what changes is named: ``lanes`` that moved (``None``: the lane goes, with its records), ``marks``
    set or removed (``None``), records written, and ``erase``: spans of absolute positions whose records
    are no longer inside their lane. ``expires_at`` is always the new value.
    """

    partition: str
    expect: int
    version: int
    changed: int
    lanes: Mapping[str, Lane | None]
    marks: Mapping[str, int | None]
    expires_at: int | None
    write: Records
    erase: Sequence[Span]

    def __init__(  # noqa: PLR0913, PLR0917 - its fields
        self,
        partition: str,
        expect: int,
        version: int,
        changed: int,
        lanes: Mapping[str, Lane | None] = _NOTHING,
        marks: Mapping[str, int | None] = _NOTHING,
        expires_at: int | None = None,
        write: Records = _NOTHING,
        erase: Sequence[Span] = (),
    ) -> None:
        _commit_partition(self, partition)
        _commit_expect(self, expect)
        _commit_version(self, version)
        _commit_changed(self, changed)
        _commit_lanes(self, {} if lanes is _NOTHING else lanes)
        _commit_marks(self, {} if marks is _NOTHING else marks)
        _commit_expires_at(self, expires_at)
        _commit_write(self, {} if write is _NOTHING else write)
        _commit_erase(self, erase)
        _commit_made(self, None)

    def onto(self, head: Head | None) -> Head:
        """The head that this commit makes of ``head``; raises ``Conflict`` when its version is another."""
        made = getattr(self, "_made", None)  # a copy has none
        if made is not None and made[0] is head:
            return made[1]
        found = 0 if head is None else head.version
        if found != self.expect:
            raise Conflict(self.partition, expected=self.expect, found=found)
        lanes = _merged({} if head is None else head.lanes, self.lanes)
        marks = _merged({} if head is None else head.marks, self.marks)
        new = Head(self.partition, self.version, self.changed, self.expires_at, lanes, marks)
        _commit_made(self, (head, new))
        return new

    def erased(self) -> Iterator[Address]:
        """Every address that this commit erases."""
        for span in self.erase:
            for position in range(span.start, span.start if span.stop is None else span.stop):
                yield span.lane, position


(
    _commit_partition, _commit_expect, _commit_version, _commit_changed, _commit_lanes, _commit_marks,
    _commit_expires_at, _commit_write, _commit_erase,
) = _fillers(Commit)  # fmt: skip


def _merged(old: Mapping[str, _T], new: Mapping[str, _T | None]) -> Mapping[str, _T]:
    if not new:
        return old
    merged: dict[str, Any] = {**old, **new}
    for name, value in new.items():
        if value is None:
            del merged[name]
    return merged


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent moment of a partition: its head and the records asked for."""

    head: Head
    records: Records = field(default_factory=dict[Address, bytes])


@dataclass(frozen=True, slots=True)
class Scan:
    """A walk over the partitions that carry ``mark``, by ``(score, partition)``; over all, by name, without one.

    ``after`` is the ``(score, partition)`` of the last item seen (the score is 0 in a walk by name).
    Partitions compare as their UTF-8 bytes. At most ``limit`` items come back, each with ``spans`` read.
    """

    mark: str | None = None
    after: tuple[int, str] | None = None
    limit: int = 100
    descending: bool = False
    spans: Sequence[Span] = ()


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


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a storage promises beyond the four verbs; the conformance kit tests each claim."""

    durability: Durability = Durability.NONE
    shared: bool = False
    """Many processes may have it open at once. Without it a second opener is refused with ``StorageBusy``."""


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
