"""The sweeper: the only one that drops, so that whatever must happen before a session goes can happen."""

from __future__ import annotations

import logging

from msgspec import Struct

from holdall.contract import Scan, Snapshot, Span
from holdall.errors import Conflict, Damaged
from holdall.sessions.creating import release
from holdall.sessions.engine import Engine
from holdall.sessions.names import EXPIRES, SESSION
from holdall.sessions.presence import GRACE
from holdall.sessions.state import State

__all__ = ["Swept", "sweep"]

_BATCH = 100
log = logging.getLogger("holdall.sweep")


class Swept(Struct, frozen=True):
    """What one clean-up did."""

    expired: list[State]
    dropped: int


async def sweep(engine: Engine, *, most: int = 10_000) -> Swept:
    """Drop what has expired, oldest first, ``most`` partitions at the most. Safe in many processes at once.

    A session with a ttl is left for a moment more, so that no heartbeat that came in time is still on its way.
    """
    engine.states.shed()
    now = engine.clock.now() // 1000
    after: tuple[int, str] | None = None
    expired: list[State] = []
    dropped = 0
    while dropped < most:
        batch = await engine.storage.scan(Scan(EXPIRES, after, _BATCH, spans=(Span(SESSION, -1),)))
        for snapshot in batch:
            after = (snapshot.head.marks[EXPIRES], snapshot.head.partition)
            if after[0] > now:
                return Swept(expired, dropped)
            try:
                gone = await _drop(engine, snapshot)
            except Damaged:
                log.exception("%s has expired, but cannot be read", snapshot.head.partition)
                continue
            dropped += gone is not None
            if gone is not None and gone.state is not None and gone.state.record.status != "deleted":
                expired.append(gone.state)
            if dropped == most:
                break
        if len(batch) < _BATCH:
            break
    return Swept(expired, dropped)


class _Gone(Struct, frozen=True):
    state: State | None


async def _drop(engine: Engine, snapshot: Snapshot) -> _Gone | None:
    """Drop one partition, unless it is alive after all or has moved meanwhile."""
    head = snapshot.head
    state = engine.opened(snapshot).state if head.partition.startswith("session/") else None
    if state is not None:
        if state.record.status != "deleted" and not await engine.expired(state, grace=GRACE):
            return None
        await release(engine, state)
    try:
        await engine.storage.drop(head.partition, expect=head.version)
    except Conflict:
        return None
    engine.states.drop(head.partition)
    engine.listed.drop(head.partition)
    engine.moved(head.partition, 0)
    return _Gone(state)
