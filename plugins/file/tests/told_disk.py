"""A disk whose syncs take as long as they are told, and one who writes to it."""

from __future__ import annotations

import os
import threading

from holdall.contract import Span
from holdall.testing.steps import Step
from holdall_file import clock

__all__ = ["QUICK", "SLOW", "Disk", "Writer", "trusted"]

QUICK, SLOW = 0.0002, 0.1


class Disk:
    """Syncs that take as long as they are told, on a clock of their own; remembers which thread made them."""

    def __init__(self, monkeypatch):
        self.now, self.takes, self.who, self.then = 0.0, QUICK, [], None
        monkeypatch.setattr(clock, "perf_counter", lambda: self.now)
        monkeypatch.setattr(clock.Waits, "total", lambda _: 0.0)
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def _sync(self, fd):
        self.now += self.takes
        self.who.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
        if self.then is not None:
            self.then()

    def syncs(self):
        """Who made the syncs since the last question."""
        who, self.who = self.who, []
        return who


class Writer:
    """Appends to one session, and knows what should be there."""

    def __init__(self, store, name):
        self.store, self.name, self.head, self.count = store, name, None, 0

    def step(self):
        step = Step(self.head or self.name).append("messages/main", b'{"n":%d}' % self.count)
        return step.mark("recent", self.count).build()

    async def append(self, times=1):
        for _ in range(times):
            commit = self.step()
            await self.store.commit(commit)
            self.head, self.count = commit.onto(self.head), self.count + 1

    async def there(self, store=None):
        found = await (store or self.store).load(self.name, Span("messages/main"))
        assert found.head == self.head
        assert [*found.records.values()] == [b'{"n":%d}' % n for n in range(self.count)]


async def trusted(store, disk, name="s"):
    """A session whose commits the loop makes by now."""
    writer = Writer(store, name)
    await writer.append(40)
    disk.syncs()
    await writer.append()
    assert disk.syncs() == ["loop"]
    return writer
