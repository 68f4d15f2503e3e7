"""The way of a change: decide a step on one moment of a session, commit it, and try again on conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from holdall.caching import Cache
from holdall.clock import Clock
from holdall.closed import ClosedStorage
from holdall.codecs import Codec
from holdall.contract import Commit, Head, ISessionStorage, Span
from holdall.errors import Conflict, HoldallError, PluginError, StorageUnavailable
from holdall.sessions.listed import Listed
from holdall.sessions.names import KEYS, RECENT, SESSION, session_partition
from holdall.sessions.reader import NO_LANE, Reader, may_be_gone
from holdall.sessions.state import SessionStep, State
from holdall.sessions.turns import Turns
from holdall.values import foreseen, head_after

if TYPE_CHECKING:
    from holdall.sessions.compaction.tools import Tools
    from holdall.sessions.live.watching import Watch
    from holdall.sessions.policy import SessionPolicy
    from holdall.sessions.search.keeper import Keeper

__all__ = ["Decision", "Engine", "Unread"]

T = TypeVar("T")
_ATTEMPTS = 1000

Decision = Callable[[State, int], tuple[SessionStep | None, T]]
"""From a state and the time (µs), what to commit (``None``: nothing) and what to answer. Raises to refuse."""


class Unread(Exception):
    """A decision needs to know how ``branch`` began, whose lane begins at ``first``: it is to be made again with that."""

    def __init__(self, branch: str, first: int) -> None:
        self.branch = branch
        self.first = first
        super().__init__(branch)


def _no_tools() -> Tools:
    raise PluginError("this store was opened without a configuration, which names what compacts and summarises")


class Engine(Reader):
    """What every operation on sessions needs: how they are read, policy, turns, and how they are changed."""

    def __init__(  # noqa: PLR0913 - its parts
        self,
        storage: ISessionStorage,
        *,
        clock: Clock,
        policy: SessionPolicy,
        codec: Codec,
        cache: Cache[Any],
        shreds: bool = False,
        shared: bool = True,
    ) -> None:
        """``shreds``: the storage encrypts, and destroys the data key of a session that is deleted.

        ``shared``: other processes may write to it.
        """
        super().__init__(storage, clock=clock, codec=codec, cache=cache)
        self.policy = policy
        self.shreds = shreds
        self.listed = Listed()
        self.turns = Turns()
        self.keeper: Keeper | None = None
        """Of the search index, if there is one."""
        self.shared = shared
        self.watch: Watch | None = None
        """Wakes those who follow sessions, once somebody does."""
        self.tools: Callable[[], Tools] = _no_tools
        """Finds what compaction and summaries need; whoever opens a store from a configuration sets it."""

    def close(self) -> None:
        """Reach the storage no more: whatever is asked from now on is refused."""
        self.storage = ClosedStorage()
        if self.watch is not None:
            self.watch.close()

    def moved(self, partition: str, version: int) -> None:
        """Tell those who follow a session that this process brought it to ``version``, or may have (0)."""
        if self.watch is not None:
            self.watch.moved(partition, version)

    async def change(  # noqa: C901, PLR0912, PLR0915 - one loop
        self, session: str, decide: Decision[T], keyed: bool = False, now: int | None = None, urgent: bool = False
    ) -> tuple[State, T]:
        """Decide a step on the session's state and commit it, again on each conflict, one at a time per session.

        Returns the state that this leaves, and the decision's answer.

        ``keyed`` brings the idempotency keys, and with them the right to repeat once a step whose outcome is unknown;
        ``now`` (µs), for those who just asked, saves asking again where nothing is waited for before the decision;
        ``urgent`` does not wait for its turn, and whoever does waits for it. All of it is one function, because every
        write goes through it, and each coroutine within another costs as much as what it does.
        """
        partition, turns = session_partition(session), self.turns
        overtook, taken = None, turns.taken
        if urgent:
            overtook = turns.overtake(partition)
        elif partition not in taken:
            taken[partition] = None  # as ``begin`` does
        else:
            await turns.wait(partition)
            now = None
        try:
            state: State | None = None
            repeatable, attempt = keyed, 0
            while attempt < _ATTEMPTS:
                cached = self.states.get(partition)
                if keyed and cached is not None and cached.keys is None:
                    cached = None
                if cached is None:
                    state = await (self._keyed(session, partition, state) if keyed else self.latest(session, partition))
                    now = None
                else:
                    state = cached
                if now is None:
                    now = self.clock.now()
                try:
                    if may_be_gone(state, now):
                        await self.check_alive(state)
                    before = state.head.marks.get(RECENT, 0)
                    at = now if now > before else before  # noqa: FURB136 - max is a call, which every write would make
                    step, answer = decide(state, at)
                except HoldallError:
                    if cached is None:
                        raise
                    self.states.drop(partition)  # what was cached may be old: look before refusing
                    continue
                if step is None:
                    return state, answer
                commit = step.commit(self.codec)
                head = head_after(commit, step.head)
                foreseen[partition] = commit, step.head, head, step.said
                try:
                    await self.storage.commit(commit)
                except BaseException as error:
                    self._unsure(partition)
                    if isinstance(error, Conflict):
                        await _others_first(attempt)
                    elif repeatable and isinstance(error, Exception):
                        repeatable = False
                    else:
                        raise
                    attempt, now = attempt + 1, None
                else:
                    return self._stored(step, commit, head, state), answer
                finally:
                    foreseen.pop(partition, None)
            raise StorageUnavailable(f"session {session} changes too fast: gave up after {_ATTEMPTS} conflicts")
        finally:
            if overtook is None and taken[partition] is None:  # as ``end`` does, where nobody waits
                del taken[partition]
            else:
                turns.end(partition, overtook)

    async def _keyed(self, session: str, partition: str, known: State | None) -> State:
        """The state as it is stored, with every idempotency key, of which ``known`` saves reading most."""
        from holdall.sessions.keys import KeyMap  # noqa: PLC0415 - who only reads needs none

        keys = None if known is None else known.keys
        unread = Span(KEYS, 0 if keys is None else keys.stop)
        snapshot = await self.load(session, partition, unread, Span(SESSION, -1))
        view = self.opened(snapshot)
        state = view.state
        lane = state.head.lanes.get(KEYS, NO_LANE)
        if keys is None or known is None:
            keys = KeyMap(lane.first)
        elif known.record.created_at != state.record.created_at or not lane.first <= keys.stop <= lane.stop:
            return await self._keyed(session, partition, None)
        keys.add(view.run(unread))
        keys.trim(lane.first)
        return msgspec.structs.replace(state, keys=keys)

    async def create(self, step: SessionStep) -> State:
        """Commit a session's first step; raises ``Conflict`` when its name is taken."""
        commit, partition = step.commit(self.codec), step.partition
        head = head_after(commit, None)
        foreseen[partition] = commit, None, head, step.said
        try:
            await self.storage.commit(commit)
        except BaseException:
            self._unsure(partition)
            raise
        finally:
            foreseen.pop(partition, None)
        return self._stored(step, commit, head, None)

    def _stored(self, step: SessionStep, commit: Commit, head: Head, before: State | None) -> State:
        """Keep the state that a step leaves, which is stored as ``head``, and tell of it."""
        keys = None if before is None else before.keys
        if keys is not None and step.key is not None:
            keys.add([step.key])
            keys.trim(head.lanes[KEYS].first)
        state, partition = State(head, step.record, keys, step.names), step.partition
        if self.recent.used:
            self.recent.wrote(partition, commit.lanes, step.write)
        self.states.put(partition, state, state.weight)
        if self.watch is not None:
            self.watch.moved(partition, step.version)
        return state

    def _unsure(self, partition: str) -> None:
        """Forget what is cached: a commit failed. The outcome of anything but a conflict is unknown: it may be wrong either way."""
        self.states.drop(partition)
        self.moved(partition, 0)


async def _others_first(attempt: int) -> None:
    """Wait a little after a conflict, so that those who lost do not come back all at once."""
    import random  # noqa: PLC0415 - most processes do without

    await asyncio.sleep(random.random() * min(attempt, 50) / 1000)  # noqa: S311 - spreads the losers
