"""The bench a storage is tested on: it opens and closes the storage, and keeps the model beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

from holdall.contract import Abilities, Durability, ISessionStorage, Scan, Snapshot, Span
from holdall.testing.model import Model
from holdall.testing.opening import Opened, Subject, open_storage
from holdall.testing.plain import plain
from holdall.testing.steps import Step

__all__ = ["DEADLINE", "Bench"]

SHOWN = 400
"""Characters of a value that a failure shows."""

DEADLINE = 100.0
"""Seconds after which a test is given up: a storage that never answers fails, it does not hang the run."""


def short(value: object) -> str:
    """A value in one line; a mebibyte need not be printed to be told from another."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def compare(asked: str, found: Snapshot | None, expected: Snapshot | None) -> None:
    """Fail, in few words, unless a snapshot is the one that the contract demands."""
    one, other = plain(found), plain(expected)
    if one == other:
        return
    if one is None or other is None:
        raise AssertionError(f"{asked}: found {short(one)}; the contract demands {short(other)}")
    told: list[str] = []
    for name, value in other.items():
        if isinstance(value, dict):
            mine, theirs = cast("dict[Any, Any]", one[name]), cast("dict[Any, Any]", value)
            wrong = [key for key in {**theirs, **mine} if mine.get(key) != theirs.get(key)]
            told += [
                f"{name}[{short(key)}] is {short(mine.get(key))}, not {short(theirs.get(key))}" for key in wrong[:5]
            ]
        elif one[name] != value:
            told.append(f"{name} is {short(one[name])}, not {short(value)}")
    raise AssertionError(f"{asked}: " + "; ".join(told))


class Bench:
    """One storage under test. ``store`` is open while ``run`` runs."""

    def __init__(self, subject: Subject, options: Mapping[str, Any]) -> None:
        self.subject = subject
        self.options = options
        self.model = Model()
        self._opened: Opened | None = None

    @property
    def opened(self) -> Opened:
        """The open storage, with what it is made of."""
        assert self._opened is not None, "the storage is not open"
        return self._opened

    @property
    def store(self) -> ISessionStorage:
        """The open storage."""
        return self.opened.storage

    @property
    def abilities(self) -> Abilities:
        """What the storage claims with these options."""
        return self.subject.promises(self.options)

    @property
    def durable(self) -> bool:
        """Whether anything is claimed to survive the process."""
        return self.abilities.durability >= Durability.PROCESS

    def run(self, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``body`` in an event loop of its own, with the storage open."""

        async def whole() -> None:
            async with asyncio.timeout(DEADLINE):
                await self.open()
                try:
                    await body()
                finally:
                    await self.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(whole())

    async def open(self) -> None:
        """Open the storage."""
        self._opened = await open_storage(self.subject, self.options)

    async def close(self) -> None:
        """Close the storage, unless that is done."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.storage.close()

    async def reopen(self) -> None:
        """Close the storage and open it again."""
        await self.close()
        await self.open()

    async def put(self, *steps: Step) -> None:
        """Commit steps to the storage and to the model."""
        for step in steps:
            commit = step.build()
            await self.store.commit(commit)
            self.model.commit(commit)

    async def drop(self, partition: str) -> None:
        """Drop a partition from the storage and from the model."""
        version = self.model.heads[partition].version
        await self.store.drop(partition, expect=version)
        self.model.drop(partition, expect=version)

    def onto(self, partition: str) -> Step:
        """A step onto what the partition must be now."""
        return Step(self.model.heads[partition])

    async def agrees(self, *partitions: str) -> None:
        """The storage holds these partitions exactly as the model does, to the last record."""
        for partition in partitions:
            expected = self.model.whole(partition)
            spans = [] if expected is None else [Span(lane) for lane in expected.head.lanes]
            compare(f"load of {short(partition)}", await self.store.load(partition, *spans), expected)

    async def reads(self, partition: str, *spans: Span) -> None:
        """The storage answers ``load`` with these spans as the model does."""
        asked = f"load of {short(partition)} with {short(spans)}"
        compare(asked, await self.store.load(partition, *spans), self.model.load(partition, *spans))

    async def scans(self, scan: Scan) -> Sequence[Snapshot]:
        """The storage answers ``scan`` as the model does."""
        found, expected = await self.store.scan(scan), self.model.scan(scan)
        names, right = [item.head.partition for item in found], [item.head.partition for item in expected]
        if names != right:
            raise AssertionError(f"{scan} walks {short(names)}; the contract demands {short(right)}")
        for one, other in zip(found, expected, strict=True):
            compare(f"{scan} at {short(one.head.partition)}", one, other)
        return found
