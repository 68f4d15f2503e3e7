"""Readiness that means it: a record is written to the storage and read back, in a partition of its own."""

from __future__ import annotations

import asyncio
import re
import secrets
import time

from holdall import Conflict, Head, Span, StorageError
from holdall.sessions.engine import Engine
from holdall.sessions.names import EXPIRES
from holdall.sessions.steps import Step

__all__ = ["Probe", "shown"]

_LANE = "probe"
_KEPT = 600_000
"""Milliseconds after which the sweeper may take away the partition of a process that is gone."""
_FRESH = 1.0
"""Seconds for which one answer serves all who ask."""
_PATIENCE = 5.0
_LONGEST = 200
_INSIDE = re.compile(r"^\W*[/~]|/.*/|[\\@=]|[./]jsonl?\b|[0-9a-f]{16}")
"""A path, an address, a setting, the name of a file or of a session. ``Input/output`` is none."""


def shown(line: str) -> str:
    """What a storage says of its health as everybody may read it: without words that could be paths or secrets."""
    return " ".join(word for word in line.split() if not _INSIDE.search(word)).strip(" :-")[:_LONGEST]


class Probe:
    """Writes and reads one record, at most once a second however many ask."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._partition = f"probe/{secrets.token_hex(8)}"
        self._head: Head | None = None
        self._running: asyncio.Task[float] | None = None
        self._last: tuple[float, float] | None = None

    async def seconds(self) -> float:
        """How long the storage took; raises ``StorageError`` when it fails."""
        if self._last is not None and time.monotonic() - self._last[0] < _FRESH:
            return self._last[1]
        if self._running is None:
            self._running = asyncio.create_task(self._probe())
            self._running.add_done_callback(self._done)
        return await asyncio.shield(self._running)

    def _done(self, task: asyncio.Task[float]) -> None:
        self._running = None
        if not task.cancelled() and task.exception() is None:
            self._last = (time.monotonic(), task.result())

    async def _probe(self) -> float:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE):
                try:
                    await self._write_and_read()
                except Conflict:  # the sweeper has been here
                    self._head = None
                    await self._write_and_read()
        except TimeoutError as error:
            raise StorageError(f"the storage took longer than {_PATIENCE} s") from error
        return time.perf_counter() - start

    async def _write_and_read(self) -> None:
        engine, now = self._engine, self._engine.clock.now()
        step = Step.begin(self._partition, self._head, now)
        written = f'"{secrets.token_hex(16)}"'.encode()  # JSON, as `holdall verify` expects of every record
        if self._head is None:
            step.append(_LANE, [written])
        else:
            step.rewrite(_LANE, 0, written)
        step.expires_at = now // 1000 + _KEPT
        step.mark({EXPIRES: step.expires_at})
        commit = step.commit(engine.codec)
        head = commit.onto(self._head)
        try:
            await engine.storage.commit(commit)
        except Conflict:
            raise
        except BaseException:
            self._partition, self._head = f"probe/{secrets.token_hex(8)}", None  # whether it was stored is unknown
            raise
        self._head = head
        found = await engine.storage.load(self._partition, Span(_LANE, -1))
        record = None if found is None else found.records.get((_LANE, 0))
        if record is None or engine.codec.decode(self._partition, (_LANE, 0), record) != written:
            raise StorageError("what was read back is not what was written")
