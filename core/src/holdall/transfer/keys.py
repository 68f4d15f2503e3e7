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
from holdall.sealing.names import KEYS, MADE, STORE
from holdall.sealing.wrapped import KEY_SPAN, Wrapped, asked

if TYPE_CHECKING:
    from holdall.clock import Clock
    from holdall.hooks import KeySource

__all__ = ["Keys", "rotate", "used"]

_PAGE = 256
_SKEW = 60_000_000
"""Microseconds by which the clocks of those who store data keys may be behind ours."""
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
    done = 0
    async for page in _pages(storage):
        for snapshot in page:
            try:
                report.wrapped[Wrapped.read(snapshot).by] += 1
            except CodecError as error:
                report.problems.append(str(error))
        done += len(page)
        progress(done, page[-1].head.partition)
    return report


async def rotate(storage: ISessionStorage, source: KeySource, clock: Clock, progress: Progress = _quiet) -> Keys:
    """Wrap every data key by the source's current key, and say which other keys are still needed.

    That is counted on the way; what others stored meanwhile, where the way had passed, is looked for at the end.
    """
    report = Keys((await asked(source.wrap(bytes(32))))[0])
    since = clock.now() - _SKEW
    left: set[str] = set()
    done = 0
    async for page in _pages(storage):
        left |= await _sweep(page, storage, source, clock, report)
        done += len(page)
        progress(done, page[-1].head.partition)
    async for page in _made(storage, since):
        for snapshot in page:
            if snapshot.head.partition not in left:
                _count_late(snapshot, report)
    return report


async def _sweep(
    page: Sequence[Snapshot], storage: ISessionStorage, source: KeySource, clock: Clock, report: Keys
) -> set[str]:
    """Wrap and count the data keys of a page; the partitions of those that are left as they are, for what is said."""
    waiting: list[tuple[Head, Wrapped]] = []
    left: set[str] = set()
    for snapshot in page:
        try:
            wrapped = Wrapped.read(snapshot)
        except CodecError as error:
            report.problems.append(str(error))
            left.add(snapshot.head.partition)
            continue
        if wrapped.by == report.current:
            report.wrapped[wrapped.by] += 1
        else:
            waiting.append((snapshot.head, wrapped))
    results = await asyncio.gather(*(_rewrap(storage, source, clock, *one) for one in waiting))
    for (head, wrapped), problem in zip(waiting, results, strict=True):
        if problem is None:
            report.rewrapped += 1
            report.wrapped[report.current] += 1
        elif problem:
            report.problems.append(problem)
            report.wrapped[wrapped.by] += 1
            left.add(head.partition)
        else:
            left |= await _look_again(storage, head.partition, report)
    return left


async def _rewrap(
    storage: ISessionStorage, source: KeySource, clock: Clock, head: Head, wrapped: Wrapped
) -> str | None:
    """Wrap one data key anew; why not, or an empty text where somebody else was there meanwhile."""
    try:
        fresh = await wrapped.rewrapped(source)
        await storage.commit(fresh.commit(head.partition, head, clock.now(), new=False))
    except CodecError as error:
        return f"the data key of {wrapped.partition}: {error.reason}"
    except Conflict:
        return ""
    return None


async def _look_again(storage: ISessionStorage, name: str, report: Keys) -> set[str]:
    """Count a data key that somebody else wrapped anew, or destroyed."""
    found = await storage.load(name, KEY_SPAN)
    if found is None:
        return set()
    try:
        report.wrapped[Wrapped.read(found).by] += 1
    except CodecError as error:
        report.problems.append(str(error))
    return {name}


def _count_late(snapshot: Snapshot, report: Keys) -> None:
    """Count a data key that was stored lately, if another key than the current one is needed for it."""
    try:
        by = Wrapped.read(snapshot).by
    except CodecError as error:
        report.problems.append(str(error))
        return
    if by != report.current:
        report.wrapped[by] += 1


async def _made(storage: ISessionStorage, since: int) -> AsyncIterator[Sequence[Snapshot]]:
    """The data keys that were stored after ``since``."""
    after: tuple[int, str] | None = (since, "")
    while after is not None:
        page = await storage.scan(Scan(MADE, after, _PAGE, spans=(KEY_SPAN,)))
        yield page
        last = page[-1].head if len(page) == _PAGE else None
        after = None if last is None else (last.marks[MADE], last.partition)


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
