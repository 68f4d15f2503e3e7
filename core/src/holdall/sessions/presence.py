"""Heartbeats, gathered: each process commits those of its sessions together, at most once a second.

They live in one partition per process, so that ten thousand sessions a second cost one commit, and a heartbeat
is acknowledged when that commit is. A session's time runs out at the later of what its head says and what its
last heartbeat, in any process, allows.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from holdall.clock import Clock
from holdall.codecs import Codec
from holdall.contract import Head, ISessionStorage, Scan, Span
from holdall.errors import Conflict
from holdall.sessions.names import EXPIRES, PRESENCE, new_id
from holdall.sessions.steps import Step

if TYPE_CHECKING:
    from holdall.sessions.state import State

__all__ = ["Presence"]

PACE = 1.0
"""Seconds between two commits of heartbeats."""
GRACE = 2000
"""Milliseconds after which every heartbeat that came in time is taken to be stored."""
_LANE = "beats"
_PAGE = 100
_Beats = dict[str, tuple[int, int]]
"""By session: when it was last alive, and until when that matters (ms)."""
_NEVER = (0, 0)
_decode = msgspec.json.Decoder(_Beats).decode


class Presence:
    """The heartbeats of this process, and what the storage shows of the others'."""

    def __init__(self, storage: ISessionStorage, clock: Clock, codec: Codec) -> None:
        self._storage = storage
        self._clock = clock
        self._codec = codec
        self._head: Head | None = None
        self._own: _Beats = {}
        self._others: _Beats = {}
        self._looked_at: int | None = None
        self._batch: asyncio.Task[None] | None = None
        self._committing = asyncio.Lock()
        self._last_commit = float("-inf")

    @cached_property
    def _partition(self) -> str:
        """Where the heartbeats of this process are kept; most have none, and need no name for it."""
        return f"presence/{new_id()}"

    async def beat(self, state: State) -> int | None:
        """Keep a session alive from now on. Done when it is stored; returns when the session would expire (ms)."""
        record, now = state.record, self._clock.now() // 1000
        if record.ttl is not None:
            until = now + record.ttl * 1000
            self._own[record.id] = (now, until if record.ends_at is None else min(until, record.ends_at))
            if self._batch is None:
                self._batch = asyncio.create_task(self._commit_soon())
            await asyncio.shield(self._batch)
        return self.expires_at(state)

    def expires_at(self, state: State) -> int | None:
        """When a session expires (ms), by its head and the heartbeats known here."""
        record, told = state.record, state.head.expires_at
        if told is None or record.ttl is None:
            return told
        beaten = max(beats.get(record.id, _NEVER)[0] for beats in (self._own, self._others))
        latest = max(told, beaten + record.ttl * 1000)
        return latest if record.ends_at is None else min(latest, record.ends_at)

    async def alive_until(self, state: State) -> int:
        """When a session expires (ms), by its head and the heartbeats of every process."""
        now, known = self._clock.now() // 1000, self.expires_at(state) or 0
        if known > now:
            return known
        if self._looked_at is None or self._looked_at < known + GRACE:
            self._looked_at = None
        await self.catch_up()
        return self.expires_at(state) or 0

    async def catch_up(self) -> None:
        """Know the heartbeats of every process, as they were stored a second ago at most."""
        now, looked = self._clock.now() // 1000, self._looked_at
        if looked is None or not 0 <= now - looked < PACE * 1000:
            await self._look()
            self._looked_at = now

    async def _look(self) -> None:
        beats: _Beats = {}
        after: tuple[int, str] | None = None
        while True:
            found = await self._storage.scan(Scan(PRESENCE, after, _PAGE, descending=True, spans=(Span(_LANE, -1),)))
            for snapshot in found:
                partition = snapshot.head.partition
                after = (snapshot.head.marks[PRESENCE], partition)
                for address, record in snapshot.records.items():
                    if partition != self._partition:
                        for session, beat in _decode(self._codec.decode(partition, address, record)).items():
                            beats[session] = max(beat, beats.get(session, beat))
            if len(found) < _PAGE:
                break
        self._others = beats

    async def _commit_soon(self) -> None:
        """Wait for the pace and for the commit before; whoever beats until then comes along."""
        pause = self._last_commit + PACE - asyncio.get_running_loop().time()
        if pause > 0:
            await asyncio.sleep(pause)
        async with self._committing:
            self._batch = None
            self._last_commit = asyncio.get_running_loop().time()
            try:
                await self._commit()
            except Conflict:  # a sweeper dropped what had expired, so the head is read anew
                await self._commit()

    async def _commit(self) -> None:
        now = self._clock.now()
        self._own = {session: beat for session, beat in self._own.items() if beat[1] * 1000 > now}
        step = Step.begin(self._partition, self._head, now)
        record = msgspec.json.encode(self._own)
        if step.lane(_LANE).stop:
            step.rewrite(_LANE, 0, record)
        else:
            step.append(_LANE, [record])
        step.expires_at = max((until for _, until in self._own.values()), default=now // 1000)
        step.mark({PRESENCE: now // 1000, EXPIRES: step.expires_at})
        commit = step.commit(self._codec)
        head = commit.onto(self._head)
        try:
            await self._storage.commit(commit)
        except BaseException:
            found = await self._storage.load(self._partition)
            self._head = None if found is None else found.head
            raise
        self._head = head
