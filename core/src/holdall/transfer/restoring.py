"""Restoring an archive into an empty storage of any kind: all of it, or nothing that anybody would open.

A partition of its own is there from before the first commit until everything was read back and compared. While it
is there, opening the storage is refused, and the same archive may be restored again: what an earlier restore has
stored whole is left as it is. (It can't be dropped first: a name that is used again needs a higher version.)

Everything comes back as it was but for its versions, which are of the time of the restore: the storage may have had
partitions of the same names before it was emptied, and other processes may remember those.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import chain

from holdall.contract import Address, Commit, Head, ISessionStorage, Lane, Scan, Span
from holdall.errors import Conflict, Damaged, SettingsError
from holdall.transfer.archive.lines import Counts
from holdall.transfer.archive.reading import Item, Reading
from holdall.transfer.windows import heads, windows
from holdall.unfinished import MARKER

__all__ = ["check", "restore"]

_PIECE = 8 << 20
"""Bytes after which a partition's first commit is not its last, and that may wait to be written together."""
_TOGETHER = 64
_LANE = "archive"
_NO_LANE, _NOTHING = Lane(), Head("", 0, 0)
Progress = Callable[[int, str], None]


def _quiet(_done: int, _name: str) -> None:
    return


def check(archive: Reading, progress: Progress = _quiet) -> Counts:
    """Read all of ``archive``; raises ``Damaged``, which names the line, unless every byte is as it was written."""
    done = 0
    for item in archive:
        if isinstance(item, Head):
            progress(done, item.partition)
            done += 1
    return archive.counts


async def restore(
    archive: Reading, storage: ISessionStorage, progress: Progress = _quiet, *, keys: Reading | None = None
) -> Counts:
    """Restore a whole ``archive`` into ``storage``, then compare what is read there with it: two walks of progress.

    ``keys`` is the archive of data keys that belongs to one whose sessions are encrypted. Both are checked first,
    unless they were. Raises ``SettingsError`` when something else is in the storage, and
    ``Conflict`` when another restore took over.
    """
    archives = [archive] if keys is None else [archive, keys]
    for each in archives:
        if not each.sha256:
            check(each)
    marker, resumed = await _begin(" ".join(each.sha256 for each in archives), storage)
    done = 0
    batch = _Batch(storage, marker, resumed=resumed)
    for item in chain.from_iterable(archives):
        if isinstance(item, Head):
            progress(done, item.partition)
            done += 1
        await batch.take(item)
    await batch.write()
    await _compare(archives, storage, lambda more, name: progress(done + more, name))
    await storage.drop(MARKER, expect=marker)
    return archive.counts


async def _begin(sha256: str, storage: ISessionStorage) -> tuple[int, bool]:
    """Put up the marker; its version, and whether somebody did so before and came not to the end."""
    found = await storage.load(MARKER, Span(_LANE))
    if found is None and await storage.scan(Scan(limit=1)):
        raise SettingsError("the storage is not empty: a backup is restored into an empty one only")
    if found is not None and found.records[_LANE, 0] != sha256.encode():
        raise SettingsError(
            "the restore of another archive into this storage has not come to its end: run that again, or empty it"
        )
    before = 0 if found is None else found.head.version
    version = max(before + 1, time.time_ns() // 1000)
    lanes: dict[str, Lane | None] = {_LANE: Lane(0, 1, version)}
    await storage.commit(Commit(MARKER, before, version, version, lanes, write={(_LANE, 0): sha256.encode()}))
    return version, found is not None


class _Batch:
    """Partitions on their way into the storage; small ones are committed side by side, so that they share syncs."""

    def __init__(self, storage: ISessionStorage, marker: int, *, resumed: bool) -> None:
        self._storage = storage
        self._marker = marker
        self._resumed = resumed
        self._head = _NOTHING
        self._there = _NOTHING
        self._records: dict[Address, bytes] = {}
        self._weight = 0
        self._waiting: list[Commit] = []

    async def take(self, item: Item) -> None:
        """The next item of the archive; what an earlier restore has stored of it is not stored again."""
        if isinstance(item, Head):
            self._head, self._there = item, _NOTHING
            if self._resumed and (found := await self._storage.load(item.partition)) is not None:
                self._there = found.head
        elif item is not None:
            self._add(*item)
            if self._weight >= _PIECE:
                self._piece()
                await self.write()
        else:
            if not _same(self._there, self._head):
                self._put(self._head)
            if self._weight >= _PIECE or len(self._waiting) >= _TOGETHER:
                await self.write()

    def _add(self, address: Address, data: bytes) -> None:
        if address[1] >= self._there.lanes.get(address[0], _NO_LANE).stop:
            self._records[address] = data
            self._weight += len(data)

    def _piece(self) -> None:
        """A part of a large partition: it says another last change than the whole, and has no marks."""
        lanes = dict(self._there.lanes)
        for lane, at in self._records:
            lanes[lane] = replace(self._head.lanes[lane], stop=at + 1)
        other = self._head.changed + 1
        self._put(Head(self._head.partition, other, other, lanes=lanes))

    def _put(self, head: Head) -> None:
        """Store ``head``, at a version above all that the storage had, and the records that came for it."""
        expect = self._there.version
        version = max(expect + 1, self._marker, head.version)
        lanes = {name: replace(lane, rewritten=version) for name, lane in head.lanes.items()}
        marks = {**head.marks}
        commit = Commit(head.partition, expect, version, head.changed, {**lanes}, marks, head.expires_at, self._records)
        self._waiting.append(commit)
        self._there, self._records = replace(head, version=version, lanes=lanes), {}

    async def write(self) -> None:
        """Commit the partitions that are waiting, as long as no other restore took over."""
        found = await self._storage.load(MARKER)
        if found is None or found.head.version != self._marker:
            raise Conflict(MARKER, expected=self._marker, found=0 if found is None else found.head.version)
        waiting, self._waiting, self._weight = self._waiting, [], 0
        done = await asyncio.gather(*map(self._storage.commit, waiting), return_exceptions=True)
        for error in filter(None, done):
            raise error


def _same(found: Head, head: Head) -> bool:
    """Whether a restored head says what one of the archive does, at its own version."""
    lanes = {name: replace(lane, rewritten=found.version) for name, lane in head.lanes.items()}
    return found == replace(head, version=found.version, lanes=lanes)


async def _compare(archives: Sequence[Reading], storage: ISessionStorage, progress: Progress) -> None:
    """Read everything in ``storage`` and raise ``Damaged`` unless it is what the archives hold, and no more."""
    done, records = 0, _records(storage, _NOTHING)
    for item in chain.from_iterable(archives):
        if isinstance(item, Head):
            progress(done, item.partition)
            done += 1
            found = await storage.load(item.partition)
            if found is None or not _same(found.head, item):
                raise Damaged(item.partition, "what was restored is not what is read back")
            records = _records(storage, found.head)
        elif item is not None and await anext(records, None) != item:
            raise Damaged(f"a restored record {item[0][0]}[{item[0][1]}]", "it is not what is read back")
    present = sum([1 async for _ in heads(storage)]) - 1
    expected = sum(each.counts.partitions for each in archives)
    if present != expected:
        raise Damaged("the storage", f"it has {present:,} partitions, and the archive {expected:,}")


async def _records(storage: ISessionStorage, head: Head) -> AsyncIterator[tuple[Address, bytes | None]]:
    async for span, found in windows(storage, head):
        for position in range(span.start, span.stop or 0):
            yield (span.lane, position), found.get((span.lane, position))
