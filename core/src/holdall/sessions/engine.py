"""The way to the storage and back: load one moment, or decide a step on it, commit, and try again on conflict."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from holdall.caching import Cache
from holdall.clock import Clock
from holdall.codecs import Codec
from holdall.contract import Address, Head, ISessionStorage, Lane, Records, Snapshot, Span
from holdall.errors import Conflict, HoldallError, NotFound, StorageError, StorageUnavailable
from holdall.sessions.keys import KeyMap
from holdall.sessions.names import KEYS, SESSION, session_partition
from holdall.sessions.policy import SessionPolicy
from holdall.sessions.presence import Presence
from holdall.sessions.state import SessionStep, State, parse_record
from holdall.sessions.turns import Turns

__all__ = ["Decision", "Engine", "View"]

T = TypeVar("T")
_ATTEMPTS = 1000
_STATE_BYTES = 1500
"""What one cached state is taken to weigh, besides its record's metadata."""


@dataclass(frozen=True, slots=True)
class View:
    """One moment of a session, with the records that were asked for, decoded from their codec."""

    state: State
    records: Records

    def run(self, span: Span) -> list[bytes]:
        """The records of ``span``, in order."""
        return [self.records[address] for address in self.state.head.addresses([span])]


Decision = Callable[[State, int], tuple[SessionStep | None, T]]
"""From a state and the time (µs), what to commit (``None``: nothing) and what to answer. Raises to refuse."""


class Engine:
    """What every operation on sessions needs: storage, codec, clock, policy, presence, and the cached states."""

    def __init__(
        self, storage: ISessionStorage, *, clock: Clock, policy: SessionPolicy, codec: Codec, cache: Cache[State]
    ) -> None:
        self.storage = storage
        self.clock = clock
        self.policy = policy
        self.codec = codec
        self.presence = Presence(storage, clock, codec)
        self.states = cache
        self.turns = Turns()

    async def view(self, session: str, *spans: Span) -> View:
        """One moment of a live session; raises ``NotFound`` when there is none."""
        partition = session_partition(session)
        snapshot = await self.storage.load(partition, Span(SESSION, -1), *spans)
        if snapshot is None:
            raise NotFound("session", session)
        view = self.opened(snapshot)
        await self.check_alive(view.state)
        return view

    def opened(self, snapshot: Snapshot) -> View:
        """A snapshot of a session's partition, decoded."""
        partition, decode = snapshot.head.partition, self.codec.decode
        records: dict[Address, bytes] = {
            address: decode(partition, address, record) for address, record in snapshot.records.items()
        }
        record = parse_record(records[SESSION, 0], partition)
        return View(State(snapshot.head, record), records)

    async def check_alive(self, state: State) -> None:
        """Raise ``NotFound`` for a session that is deleted or has expired (LC-09: exact, whatever the sweeper did)."""
        if state.record.status == "deleted" or await self.expired(state):
            raise NotFound("session", state.record.id)

    async def expired(self, state: State) -> bool:
        """Whether the session's time has run out, heartbeats of every process considered."""
        now = self.clock.now() // 1000
        if state.head.expires_at is None or now < state.head.expires_at:
            return False
        return now >= await self.presence.alive_until(state)

    async def change(
        self, session: str, decide: Decision[T], *, keyed: bool = False, urgent: bool = False
    ) -> tuple[State, T]:
        """Decide a step on the session's state and commit it, again on each conflict, one at a time per session.

        Returns the state that this leaves, and the decision's answer.

        ``keyed`` brings the idempotency keys, and with them the right to repeat a step whose outcome is unknown;
        ``urgent`` does not wait for its turn.
        """
        partition = session_partition(session)
        async with self.turns.take(partition, urgent=urgent):
            repeatable = keyed
            for attempt in range(_ATTEMPTS):
                cached = self.states.get(partition)
                state = cached or await self._load(session, partition)
                if keyed:
                    state = await self._with_keys(state)
                try:
                    await self.check_alive(state)
                    step, answer = decide(state, max(self.clock.now(), state.active_at))
                except HoldallError:
                    if cached is None:
                        raise
                    self.states.drop(partition)  # what was cached may be old: look before refusing
                    continue
                try:
                    after = state if step is None else await self._commit(step, state.head, state.keys)
                except Conflict:
                    await asyncio.sleep(random.random() * min(attempt, 50) / 1000)  # noqa: S311 - spreads the losers
                except StorageError:
                    if not repeatable:
                        raise
                    repeatable = False
                else:
                    return after, answer
        raise StorageUnavailable(f"session {session} changes too fast: gave up after {_ATTEMPTS} conflicts")

    async def _load(self, session: str, partition: str) -> State:
        snapshot = await self.storage.load(partition, Span(SESSION, -1))
        if snapshot is None:
            raise NotFound("session", session)
        return self.opened(snapshot).state

    async def _with_keys(self, state: State) -> State:
        """The state with every idempotency key up to its head."""
        lane = state.head.lanes.get(KEYS, Lane())
        keys = state.keys
        if keys is not None and keys.stop == lane.stop:
            return state
        keys = KeyMap(lane.first)
        view = await self.view(state.record.id, Span(KEYS))
        keys.add(view.run(Span(KEYS)))
        return State(view.state.head, view.state.record, keys)

    async def create(self, step: SessionStep) -> State:
        """Commit a session's first step; raises ``Conflict`` when its name is taken."""
        return await self._commit(step, None, None)

    async def _commit(self, step: SessionStep, head: Head | None, keys: KeyMap | None) -> State:
        step.finish()
        commit = step.commit(self.codec)
        try:
            await self.storage.commit(commit)
        except BaseException:
            # The outcome of anything but a conflict is unknown: what is cached may be wrong either way.
            self.states.drop(step.partition)
            raise
        state = step.after(commit.onto(head), keys)
        self.states.put(step.partition, state, _STATE_BYTES)
        return state
