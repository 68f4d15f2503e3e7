"""The way of a read: one moment of a session, as much of it as possible from what was read before."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from holdall.caching import Cache
from holdall.clock import Clock
from holdall.codecs import Codec
from holdall.contract import Address, Head, ISessionStorage, Lane, Records, Snapshot, Span
from holdall.errors import Damaged, NotFound
from holdall.sessions.names import SESSION, session_partition
from holdall.sessions.recent import MOST, Recent
from holdall.sessions.record import parse_record
from holdall.sessions.state import State

if TYPE_CHECKING:
    from holdall.sessions.presence import Presence

__all__ = ["NO_LANE", "Check", "Part", "Reader", "View", "may_be_gone"]

NO_LANE = Lane()
_RECORD = (SESSION, 0)
Check = Callable[[State], None]
"""Raises unless the caller may see the session."""


class View(msgspec.Struct, frozen=True):
    """One moment of a session, with the records that were asked for, decoded from their codec."""

    state: State
    records: Records

    def run(self, span: Span) -> list[bytes]:
        """The records of ``span``, in order."""
        return [self.records[address] for address in self.state.head.addresses([span])]


class Part(msgspec.Struct, frozen=True):
    """One moment of a session, and the decoded records of one of its lanes at ``positions``."""

    state: State
    lane: Lane
    positions: range
    records: list[bytes]


class Reader:
    """Reads sessions, and keeps their states and what is latest in their lanes."""

    def __init__(self, storage: ISessionStorage, *, clock: Clock, codec: Codec, cache: Cache[Any]) -> None:
        self.storage: ISessionStorage = storage
        self.clock = clock
        self.codec = codec
        self.states: Cache[State] = cache
        self.recent = Recent(cache)

    @cached_property
    def presence(self) -> Presence:
        """The heartbeats of every process."""
        from holdall.sessions.presence import Presence  # noqa: PLC0415 - a process that only reads asks for none

        return Presence(self.storage, self.clock, self.codec)

    async def part(self, session: str, span: Span, check: Check) -> Part:
        """The records at ``span`` of a live session that passes ``check``; raises ``NotFound`` when there is none.

        Where they are kept already, the storage is asked for its head and for what came after them, which is
        nearly always nothing; otherwise for all of them. It takes a second question only where records that are
        kept were overwritten.
        """
        partition = session_partition(session)
        part = await self._kept(session, partition, span) or await self._read(session, partition, span)
        await self._admit(part.state, check)
        return part

    async def current(self, session: str, check: Check) -> State:
        """The latest state of a live session that passes ``check``; raises ``NotFound`` when there is none."""
        partition = session_partition(session)
        state, known = None, self.states.get(partition)
        if known is not None:
            state = moved(known, (await self.load(session, partition)).head)
        if state is None:
            state = await self.latest(session, partition)
        if state is not known:
            self._remember(partition, state)
        await self._admit(state, check)
        return state

    async def view(self, session: str, *spans: Span, check: Check) -> View:
        """One moment of a live session that passes ``check``, from the storage; raises ``NotFound`` without one."""
        view = self.opened(await self.load(session, session_partition(session), Span(SESSION, -1), *spans))
        await self._admit(view.state, check)
        return view

    async def latest(self, session: str, partition: str) -> State:
        """The state as it is stored, whoever may see it."""
        return self.opened(await self.load(session, partition, Span(SESSION, -1))).state

    async def load(self, session: str, partition: str, *spans: Span) -> Snapshot:
        """What the storage has of a session; raises ``NotFound`` when that is nothing."""
        snapshot = await self.storage.load(partition, *spans)
        if snapshot is None:
            self.states.drop(partition)
            raise NotFound("session", session)
        return snapshot

    def opened(self, snapshot: Snapshot) -> View:
        """A snapshot of a session's partition, decoded."""
        partition = snapshot.head.partition
        records = self._decoded(snapshot)
        if _RECORD not in records:
            raise Damaged(partition, "its session record is missing")
        return View(State(snapshot.head, parse_record(records[_RECORD], partition)), records)

    def _decoded(self, snapshot: Snapshot) -> dict[Address, bytes]:
        partition, decode = snapshot.head.partition, self.codec.decode
        return {address: decode(partition, address, record) for address, record in snapshot.records.items()}

    async def _kept(self, session: str, partition: str, span: Span) -> Part | None:
        """From what is kept, if that is what the storage has at this moment."""
        known = self.states.get(partition)
        run = None if known is None else self.recent.run(partition, span, known.head)
        if known is None or run is None:
            return None
        after = Span(span.lane, run.stop, run.stop + MOST)
        snapshot = await self.load(session, partition, after)
        lane = snapshot.head.lanes.get(span.lane)
        state = moved(known, snapshot.head)
        if state is None or lane is None or lane.rewritten != run.rewritten:
            return None
        if snapshot.records:
            first = after.within(lane).start
            self.recent.follow(partition, span.lane, run, first, [*self._decoded(snapshot).values()])
        if state is not known:
            self._remember(partition, state)
        positions = span.within(lane)
        records = run.part(positions)
        return None if records is None else Part(state, lane, positions, records)

    async def _read(self, session: str, partition: str, span: Span) -> Part:
        """From the storage alone."""
        view = self.opened(await self.load(session, partition, Span(SESSION, -1), span))
        lane = view.state.head.lanes.get(span.lane, NO_LANE)
        positions, records = span.within(lane), view.run(span)
        self.recent.learn(partition, span.lane, lane, positions, records)
        self._remember(partition, view.state)
        return Part(view.state, lane, positions, records)

    def _remember(self, partition: str, state: State) -> None:
        """Keep a state that was read, unless what is kept is newer or has keys that would have to be read again."""
        held = self.states.peek(partition)
        if held is None or (held.keys is None and held.head.version < state.head.version):
            self.states.put(partition, state, state.weight)

    async def _admit(self, state: State, check: Check) -> None:
        check(state)
        if may_be_gone(state, self.clock.now()):
            await self.check_alive(state)

    async def check_alive(self, state: State) -> None:
        """Raise ``NotFound`` for a session that is deleted or has expired (LC-09: exact, whatever the sweeper did)."""
        if state.record.status == "deleted" or await self.expired(state):
            raise NotFound("session", state.record.id)

    async def expired(self, state: State, *, grace: int = 0) -> bool:
        """Whether the session's time has run out, heartbeats of every process considered.

        With ``grace`` (ms): so long ago that no heartbeat, of a session that takes them, can still be on its way.
        """
        now = self.clock.now() // 1000
        if state.head.expires_at is None or now < state.head.expires_at:
            return False
        until = await self.presence.alive_until(state)
        return now >= until + (0 if state.record.ttl is None or until == state.record.ends_at else grace)


def moved(known: State, head: Head) -> State | None:
    """The state at ``head``, if it says that the session's record is still the one that is ``known``."""
    if head.version == known.head.version:
        return known
    old, new = known.head.lanes.get(SESSION, NO_LANE), head.lanes.get(SESSION, NO_LANE)
    return State(head, known.record) if new.rewritten and new.rewritten == old.rewritten else None


def may_be_gone(state: State, now: int) -> bool:
    """Whether ``check_alive`` has anything to look at: seldom, so this is asked first. ``now`` in µs."""
    until = state.head.expires_at
    return (until is not None and now >= until * 1000) or state.record.status == "deleted"
