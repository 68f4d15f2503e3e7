"""The verbs of an index. It says where to look; what it names is read from the storage, and checked, before it is shown.

An index is derived: everything in it can be had again from the storage. It may name messages that do not match, or not
any more, and never leaves out one that does and was put into it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdall.searching.terms import Need

__all__ = [
    "BlockingSearchIndex",
    "Document",
    "Found",
    "Hit",
    "Key",
    "Known",
    "KnownLane",
    "LaneUpdate",
    "SearchIndex",
    "Update",
    "Walked",
    "Wanted",
]


class Key(NamedTuple):
    """The place of a message in the order of time; the later, the greater."""

    at: int
    """When it was said: milliseconds since 1970, UTC."""
    session: str
    branch: str
    position: int


class Document(msgspec.Struct, frozen=True):
    """What a message says."""

    position: int
    at: int
    labels: tuple[str, ...]
    """What it is found by besides its words, such as ``role:user``."""
    text: str
    check: int
    """Of 32 bits: another where the message is another."""


class KnownLane(NamedTuple):
    """What an index has read of a branch's messages."""

    first: int
    stop: int
    rewritten: int


class Known(msgspec.Struct, frozen=True):
    """What an index has read of a session."""

    edition: int
    """Grows with every update."""
    changed: int
    """The session's ``changed`` when all of it was read; 0 while that is not so."""
    lanes: Mapping[str, KnownLane]


class LaneUpdate(msgspec.Struct, frozen=True):
    """The messages of a branch at positions ``start`` up to ``stop``, as they are now."""

    branch: str
    start: int
    stop: int
    known: KnownLane
    """What the index has read of the branch after this; what it has outside of that is forgotten."""
    documents: Sequence[Document]
    """Those with words or labels. What the index has between ``start`` and ``stop`` besides is forgotten."""


class Update(msgspec.Struct, frozen=True):
    """What changed in a session. It is left out unless the index is at ``edition``."""

    session: str
    edition: int
    """What it is based on; 0: the index knows nothing of the session."""
    changed: int
    owner: str
    project: str | None
    tags: Sequence[str]
    lanes: Sequence[LaneUpdate] = ()
    gone: Sequence[str] = ()
    """Branches that are no more."""


class Walked(msgspec.Struct, frozen=True):
    """How far the sessions were looked at, in microseconds of their last activity."""

    mark: int | None = None
    """What was active later is in the index, but for what came since; ``None``: nothing was looked at yet."""
    backlog: tuple[int, str] | None = None
    """Behind this score and partition, downwards, sessions have not been compared yet; ``None``: all were."""
    whole: int = 0
    """When all of them were last compared: milliseconds since 1970, UTC."""


class Wanted(msgspec.Struct, frozen=True):
    """Which messages: those that meet everything that is given."""

    needs: Sequence[Need] = ()
    labels: Sequence[str] = ()
    owner: str | None = None
    session: str | None = None
    project: str | None = None
    tag: str | None = None
    since: int | None = None
    until: int | None = None
    """Milliseconds since 1970, UTC: from ``since``, to before ``until``."""
    best: bool = False
    """The best of the newest ``within``, instead of the newest."""
    within: int = 10_000
    limit: int = 100
    before: Key | None = None
    """Only what is older than this."""
    after: tuple[float, Key] | None = None
    """Of the best: only what comes after this."""
    counts: Sequence[int] = ()
    """Of the best: what ``Found.counts`` was on the first page, so that all pages are of one order."""


class Hit(NamedTuple):
    """Where a message is that may match."""

    key: Key
    score: float = 0.0


class Found(msgspec.Struct, frozen=True):
    """What an index names."""

    hits: Sequence[Hit]
    """In the order that was asked for."""
    more: bool
    """Whether there may be others after them."""
    counts: Sequence[int] = ()
    newest: Key | None = None
    """Of the best: the newest message that was ranked."""
    lost: bool = False
    """Whether ``walked`` was empty at that moment: what was put before is not there any more."""


class SearchIndex(ABC):
    """An index whose verbs are coroutines. Any number of processes may use one at once."""

    @abstractmethod
    async def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        """What was read of each of ``sessions``, of those of which anything was."""

    @abstractmethod
    async def put(self, updates: Sequence[Update]) -> Sequence[str]:
        """Take ``updates`` in, each of them whole; the sessions of those that were left out. See ``Update``."""

    @abstractmethod
    async def forget(self, sessions: Sequence[str]) -> None:
        """Name nothing of ``sessions`` any more."""

    @abstractmethod
    async def purge(self, session: str) -> None:
        """Forget a session, and leave no byte of it behind, in whatever file."""

    @abstractmethod
    async def find(self, wanted: Wanted) -> Found:
        """The messages that may be ``wanted``."""

    @abstractmethod
    async def walked(self) -> Walked:
        """How far sessions were looked at; empty in an index that is new, or was lost."""

    @abstractmethod
    async def walk(self, old: Walked, new: Walked) -> None:
        """Remember how far sessions were looked at, unless that is not ``old`` any more."""

    @abstractmethod
    async def sessions(self, after: str, limit: int) -> Sequence[str]:
        """Sessions of which anything is known, by id, behind ``after``."""

    @abstractmethod
    async def reset(self) -> None:
        """Look at everything again, from nothing, and go on naming what is there until that is done."""

    async def tidy(self) -> bool:
        """Do a part of what keeps the index small and fast; whether there is more of that to do."""
        return False

    async def close(self) -> None:  # noqa: B027
        """Give back what was opened."""


class BlockingSearchIndex(ABC):
    """The same verbs for an index that blocks. All calls come from one thread, the one that opened it."""

    @abstractmethod
    def known(self, sessions: Sequence[str]) -> Mapping[str, Known]:
        """See ``SearchIndex.known``."""

    @abstractmethod
    def put(self, updates: Sequence[Update]) -> Sequence[str]:
        """See ``SearchIndex.put``."""

    @abstractmethod
    def forget(self, sessions: Sequence[str]) -> None:
        """See ``SearchIndex.forget``."""

    @abstractmethod
    def purge(self, session: str) -> None:
        """See ``SearchIndex.purge``."""

    @abstractmethod
    def find(self, wanted: Wanted) -> Found:
        """See ``SearchIndex.find``."""

    @abstractmethod
    def walked(self) -> Walked:
        """See ``SearchIndex.walked``."""

    @abstractmethod
    def walk(self, old: Walked, new: Walked) -> None:
        """See ``SearchIndex.walk``."""

    @abstractmethod
    def sessions(self, after: str, limit: int) -> Sequence[str]:
        """See ``SearchIndex.sessions``."""

    @abstractmethod
    def reset(self) -> None:
        """See ``SearchIndex.reset``."""

    def tidy(self) -> bool:
        """See ``SearchIndex.tidy``."""
        return False

    def close(self) -> None:  # noqa: B027
        """See ``SearchIndex.close``."""
