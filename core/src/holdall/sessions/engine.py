"""The way to the storage and back: load one moment, or decide a step on it, commit, and try again on conflict."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from holdall.caching import Cache
from holdall.clock import Clock
from holdall.closed import ClosedStorage
from holdall.codecs import Codec
from holdall.contract import Address, Head, ISessionStorage, Lane, Records, Snapshot, Span
from holdall.errors import Conflict, Damaged, HoldallError, NotFound, StorageUnavailable
from holdall.sessions.keys import KeyMap
from holdall.sessions.names import KEYS, SESSION, session_partition
from holdall.sessions.presence import Presence
from holdall.sessions.record import parse_record
from holdall.sessions.state import SessionStep, State
from holdall.sessions.turns import Turns

if TYPE_CHECKING:
    from holdall.sessions.policy import SessionPolicy

__all__ = ["Check", "Decision", "Engine", "View"]

T = TypeVar("T")
Check = Callable[[State], None]
"""Raises unless the caller may see the session."""
_ATTEMPTS = 1000


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

    def close(self) -> None:
        """Reach the storage no more: whatever is asked from now on is refused."""
        self.storage = ClosedStorage()

    async def view(self, session: str, *spans: Span, check: Check | None = None) -> View:
        """One moment of a live session that passes ``check``; raises ``NotFound`` when there is none."""
        partition = session_partition(session)
        snapshot = await self.storage.load(partition, Span(SESSION, -1), *spans)
        if snapshot is None:
            raise NotFound("session", session)
        view = self.opened(snapshot)
        if check is not None:
            check(view.state)
        await self.check_alive(view.state)
        return view

    async def current(self, session: str, check: Check) -> State:
        """The state of a live session that passes ``check``, as it is stored now; raises ``NotFound``.

        The storage is always asked, for the head alone where the state of that version is in the cache.
        """
        partition = session_partition(session)
        state = self.states.get(partition)
        if state is not None:
            snapshot = await self.storage.load(partition)
            if snapshot is not None and snapshot.head.version == state.head.version:
                check(state)
                if self._may_be_gone(state):
                    await self.check_alive(state)
                return state
        found = (await self.view(session, check=check)).state
        held = self.states.get(partition)
        if held is None or held.head.version < found.head.version:
            self.states.put(partition, found, found.weight)
        return found

    def opened(self, snapshot: Snapshot) -> View:
        """A snapshot of a session's partition, decoded."""
        partition, decode = snapshot.head.partition, self.codec.decode
        records: dict[Address, bytes] = {
            address: decode(partition, address, record) for address, record in snapshot.records.items()
        }
        if (SESSION, 0) not in records:
            raise Damaged(partition, "its session record is missing")
        record = parse_record(records[SESSION, 0], partition)
        return View(State(snapshot.head, record), records)

    async def check_alive(self, state: State) -> None:
        """Raise ``NotFound`` for a session that is deleted or has expired (LC-09: exact, whatever the sweeper did)."""
        if state.record.status == "deleted" or await self.expired(state):
            raise NotFound("session", state.record.id)

    def _may_be_gone(self, state: State) -> bool:
        """Whether ``check_alive`` has anything to look at: seldom, so the way to a commit asks this first."""
        until = state.head.expires_at
        return state.record.status == "deleted" or (until is not None and self.clock.now() >= until * 1000)

    async def expired(self, state: State, *, grace: int = 0) -> bool:
        """Whether the session's time has run out, heartbeats of every process considered.

        With ``grace`` (ms): so long ago that no heartbeat, of a session that takes them, can still be on its way.
        """
        now = self.clock.now() // 1000
        if state.head.expires_at is None or now < state.head.expires_at:
            return False
        until = await self.presence.alive_until(state)
        return now >= until + (0 if state.record.ttl is None or until == state.record.ends_at else grace)

    async def change(
        self, session: str, decide: Decision[T], *, keyed: bool = False, urgent: bool = False
    ) -> tuple[State, T]:
        """Decide a step on the session's state and commit it, again on each conflict, one at a time per session.

        Returns the state that this leaves, and the decision's answer.

        ``keyed`` brings the idempotency keys, and with them the right to repeat once a step whose outcome is unknown;
        ``urgent`` does not wait for its turn.
        """
        partition = session_partition(session)
        async with self.turns.take(partition, urgent=urgent):
            state: State | None = None
            repeatable = keyed
            for attempt in range(_ATTEMPTS):
                cached = self.states.get(partition)
                if cached is None or (keyed and cached.keys is None):
                    cached, state = None, await self._load(session, partition, state, keyed=keyed)
                else:
                    state = cached
                try:
                    if self._may_be_gone(state):
                        await self.check_alive(state)
                    step, answer = decide(state, max(self.clock.now(), state.active_at))
                except HoldallError:
                    if cached is None:
                        raise
                    self.states.drop(partition)  # what was cached may be old: look before refusing
                    continue
                try:
                    return state if step is None else await self._commit(step, state.head, state.keys), answer
                except Conflict:
                    await asyncio.sleep(random.random() * min(attempt, 50) / 1000)  # noqa: S311 - spreads the losers
                except Exception:
                    if not repeatable:
                        raise
                    repeatable = False
        raise StorageUnavailable(f"session {session} changes too fast: gave up after {_ATTEMPTS} conflicts")

    async def _load(self, session: str, partition: str, known: State | None, *, keyed: bool) -> State:
        """The state as it is stored; if ``keyed`` with every idempotency key, of which ``known`` saves reading most."""
        keys = None if known is None else known.keys
        unread = Span(KEYS, 0 if keys is None else keys.stop)
        snapshot = await self.storage.load(partition, Span(SESSION, -1), *([unread] if keyed else []))
        if snapshot is None:
            raise NotFound("session", session)
        view = self.opened(snapshot)
        if not keyed:
            return view.state
        lane = view.state.head.lanes.get(KEYS, Lane())
        if keys is None or known is None:
            keys = KeyMap(lane.first)
        elif known.record.created_at != view.state.record.created_at or not lane.first <= keys.stop <= lane.stop:
            return await self._load(session, partition, None, keyed=True)
        keys.add(view.run(unread))
        keys.trim(lane.first)
        return replace(view.state, keys=keys)

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
        self.states.put(step.partition, state, state.weight)
        return state
