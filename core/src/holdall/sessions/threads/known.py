"""What is known of the three lanes of threads, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from holdall.caching import Cache
from holdall.contract import Address, Head, Records, Span
from holdall.errors import Damaged
from holdall.sessions.engine import Engine
from holdall.sessions.names import PLACES, REPLIES, THREADS, session_partition
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.threads.table import Key

__all__ = ["Block", "Bucket", "Entry", "Known", "Missing", "Thread", "decoded", "keep", "kept", "knowing", "learn"]

T = TypeVar("T")
LANES = (THREADS, REPLIES, PLACES)
_MOST = 512
"""How many records are kept of a session at most."""
_WEIGHT, _RECORD_WEIGHT = 500, 700


class Thread(msgspec.Struct, frozen=True):
    """A record of ``threads``."""

    root: Key
    first: int
    """The position of its first block; the next one is of its last."""
    last: int


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of ``replies``."""

    n: int
    """Which reply of the thread is its first one, counted from 1."""
    ids: list[Key]
    previous: int | None = None
    next: int | None = None


Entry = tuple[Key, int, int]
"""A message, its thread, and the block that has it; for the root, the thread's first."""
Bucket = list[Entry]
"""A record of ``places``."""

_decoders: dict[str, Callable[[bytes], Any]] = {
    # What is lost, `repair` replaces by null where it cannot read the messages to make it again.
    THREADS: msgspec.json.Decoder(Thread | None).decode,
    REPLIES: msgspec.json.Decoder(Block | None).decode,
    PLACES: msgspec.json.Decoder(Bucket | None).decode,
}


class Missing(Exception):
    """Records that have to be read before it can be said."""

    def __init__(self, *addresses: Address) -> None:
        self.addresses = addresses
        super().__init__(addresses)


class Known:
    """Records of the three lanes, all of one moment."""

    def __init__(self) -> None:
        self.stamp: tuple[tuple[int, int], ...] = ()
        self.records: dict[Address, bytes] = {}

    def at(self, head: Head) -> None:
        """Forget what is not of this head."""
        lanes = [head.lanes.get(name, NO_LANE) for name in LANES]
        stamp = tuple((lane.stop, lane.rewritten) for lane in lanes)
        if stamp != self.stamp:
            self.stamp = stamp
            self.records.clear()

    def stop(self, lane: str) -> int:
        """The position behind the lane's last record."""
        return self.stamp[LANES.index(lane)][0]

    def add(self, head: Head, records: Records) -> None:
        """Know also what was read of this head."""
        self.at(head)
        self.records.update({address: record for address, record in records.items() if address[0] in LANES})

    def need(self, addresses: Iterable[Address]) -> None:
        """Raise ``Missing`` for all of these that are not known, so that they are read together."""
        missing = [address for address in dict.fromkeys(addresses) if address not in self.records]
        if missing:
            raise Missing(*missing)

    def get(self, lane: str, position: int) -> Any:
        """The record, decoded; raises ``Missing``."""
        record = self.records.get((lane, position))
        if record is None:
            raise Missing((lane, position))
        return decoded(lane, position, record)


def decoded(lane: str, position: int, record: bytes) -> Any:
    """A record of one of the lanes; raises ``Damaged``."""
    try:
        return _decoders[lane](record)
    except ValueError:
        raise Damaged(f"{lane}[{position}]", "it is not what was written") from None


def kept(engine: Engine, session: str) -> Known:
    """What is known of a session's threads, in the cache that has its state."""
    cache: Cache[Any] = engine.states
    found: Known | None = cache.get((session_partition(session), THREADS, "known"))
    return Known() if found is None else found


def keep(engine: Engine, session: str, known: Known) -> None:
    """Keep it for the next time; of what has become too much, the half that came last."""
    if len(known.records) > _MOST:
        for address in [*known.records][: -_MOST // 2]:
            del known.records[address]
    cache: Cache[Any] = engine.states
    cache.put((session_partition(session), THREADS, "known"), known, _WEIGHT + _RECORD_WEIGHT * len(known.records))


async def learn(engine: Engine, session: str, known: Known, check: Check, missing: Missing) -> Head:
    """Read what is missing; the head of that moment."""
    spans = [Span(lane, position, position + 1) for lane, position in missing.addresses]
    view = await engine.view(session, *spans, check=check)
    known.add(view.state.head, view.records)
    return view.state.head


def _check_there(head: Head, missing: Missing) -> None:
    """Raise ``Damaged`` when what is needed of a moment is not there at that moment: reading it would not end."""
    for name, position in missing.addresses:
        lane = head.lanes.get(name, NO_LANE)
        if not lane.first <= position < lane.stop:
            raise Damaged(f"{head.partition} {name}[{position}]", "it is not there")


async def knowing(engine: Engine, session: str, check: Check, attempt: Callable[[Known, Head], T]) -> tuple[T, Head]:
    """What ``attempt`` makes of what is known, tried again with what it turns out to need, and of which moment."""
    known = kept(engine, session)
    head = (await engine.current(session, check)).head
    while True:
        known.at(head)
        try:
            found = attempt(known, head)
        except Missing as missing:
            _check_there(head, missing)
            head = await learn(engine, session, known, check, missing)
        else:
            keep(engine, session, known)
            return found, head
