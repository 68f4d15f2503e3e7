"""The keys that wrap data keys: which of them are needed, and wrapping every data key anew by the current one.

Only wrapped keys are rewritten, one commit each, while servers go on: whoever has both keys reads everything before,
meanwhile and afterwards. Stopped at any moment it is simply run again; what was done is found done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdall.contract import Head, ISessionStorage, Scan, Snapshot
from holdall.errors import CodecError, Conflict
from holdall.sealing.names import KEYS, STORE
from holdall.sealing.wrapped import KEY_SPAN, Wrapped, asked

if TYPE_CHECKING:
    from holdall.clock import Clock
    from holdall.hooks import KeySource

__all__ = ["Keys", "rotate", "used"]

_PAGE = 256
Progress = Callable[[int, str], None]


def _quiet(_done: int, _name: str) -> None:
    return


@dataclass(slots=True)
class Keys:
    """Which keys wrap how many data keys."""

    current: str
    """The id of the key that wraps new ones."""
    wrapped: Counter[str] = field(default_factory=Counter[str])
    """Data keys by the id of what wraps them."""
    rewrapped: int = 0
    problems: list[str] = field(default_factory=list[str])

    @property
    def old(self) -> dict[str, int]:
        """How many data keys other keys than the current one are needed for."""
        return {key: count for key, count in sorted(self.wrapped.items()) if key != self.current}

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        return {
            "current": self.current,
            "rewrapped": self.rewrapped,
            "wrapped": dict(self.wrapped),
            "problems": self.problems,
        }


async def used(storage: ISessionStorage, source: KeySource, progress: Progress = _quiet) -> Keys:
    """Which keys are needed, by looking at every data key in ``storage``, the one below encryption."""
    report = Keys((await asked(source.wrap(bytes(32))))[0])
    await _count(storage, report, progress, 0)
    return report


async def rotate(storage: ISessionStorage, source: KeySource, clock: Clock, progress: Progress = _quiet) -> Keys:
    """Wrap every data key by the source's current key, and then look which keys are still needed."""
    report = Keys((await asked(source.wrap(bytes(32))))[0])
    done = 0
    async for page in _pages(storage):
        waiting: list[tuple[Head, Wrapped]] = []
        for snapshot in page:
            try:
                wrapped = Wrapped.read(snapshot)
            except CodecError:  # named when they are counted
                continue
            if wrapped.by != report.current:
                waiting.append((snapshot.head, wrapped))
        results = await asyncio.gather(*(_rewrap(storage, source, clock, *one) for one in waiting))
        report.rewrapped += sum(result is None for result in results)
        report.problems += [result for result in results if result]
        done += len(page)
        progress(done, page[-1].head.partition)
    await _count(storage, report, progress, done)
    return report


async def _rewrap(
    storage: ISessionStorage, source: KeySource, clock: Clock, head: Head, wrapped: Wrapped
) -> str | None:
    """Wrap one data key anew; why not, or nothing where somebody else did, or destroyed it."""
    try:
        fresh = await wrapped.rewrapped(source)
        await storage.commit(fresh.commit(head.partition, head, clock.now()))
    except CodecError as error:
        return f"the data key of {wrapped.partition}: {error.reason}"
    except Conflict:
        return ""
    return None


async def _count(storage: ISessionStorage, report: Keys, progress: Progress, done: int) -> None:
    async for page in _pages(storage):
        for snapshot in page:
            try:
                report.wrapped[Wrapped.read(snapshot).by] += 1
            except CodecError as error:
                report.problems.append(str(error))
        done += len(page)
        progress(done, page[-1].head.partition)


async def _pages(storage: ISessionStorage) -> AsyncIterator[Sequence[Snapshot]]:
    """Every wrapped key, the store's own last."""
    after = (0, KEYS)
    while True:
        found = await storage.scan(Scan(after=after, limit=_PAGE, spans=(KEY_SPAN,)))
        page = [snapshot for snapshot in found if snapshot.head.partition.startswith(KEYS)]
        if page:
            yield page
        if len(page) < _PAGE:
            break
        after = (0, page[-1].head.partition)
    own = await storage.load(STORE, KEY_SPAN)
    if own is not None:
        yield [own]
