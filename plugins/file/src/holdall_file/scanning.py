"""Scans: from memory where the newest of a mark are wanted, else through the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from holdall.blocking import StorageThread
from holdall.contract import Scan, Snapshot, Span
from holdall.errors import Damaged, StorageFull
from holdall_file.catalog import Catalog, Position, Row
from holdall_file.cataloguing import temporary_catalog
from holdall_file.folder import digest_of, log_name, logger
from holdall_file.listing import Listing
from holdall_file.opening import Opened
from holdall_file.recent import Recent
from holdall_file.windows import Key

__all__ = ["Scanner"]

T = TypeVar("T")
_LONGEST = 1024
"""Larger pages, and pages further down, are not put together in memory."""
_ROWS = 128
_ROUNDS = 16
"""After so many attempts to keep up with others' changes the catalogue is asked."""


class _Beside(Protocol):
    async def __call__(self, function: Callable[[Catalog], T], temporary: Catalog | None = None) -> T: ...


class _LoadMany(Protocol):
    async def __call__(
        self, partitions: Sequence[str], spans: Sequence[Span], *, locked: bool
    ) -> list[Snapshot | Exception | None]: ...


class Scanner:
    """The scans of one store.

    ``beside`` runs on the catalogue's thread, ``load`` loads many, ``now`` one if that needs nothing but an open log.
    """

    def __init__(
        self,
        opened: Opened,
        side: StorageThread,
        *,
        beside: _Beside,
        load: _LoadMany,
        now: Callable[[str, Sequence[Span]], Snapshot | None],
    ) -> None:
        self._opened = opened
        self._side = side
        self._beside = beside
        self._load = load
        self._recent = Recent(opened.folder, opened.shelf, now=now)

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """The next partitions of a walk."""
        if scan.limit <= 0:
            return []
        try:
            if scan.descending and scan.mark is not None and scan.limit <= _LONGEST:
                found = await self._newest(scan, scan.mark)
                if found is not None:
                    return found
            await self._beside(Catalog.merge)
        except StorageFull:  # nothing can be merged: the logs themselves are asked, at length
            return await self._walk(scan, await self._side.run(lambda: temporary_catalog(self._opened.folder)))
        return await self._walk(scan, None)

    async def _newest(self, scan: Scan, mark: str) -> list[Snapshot] | None:
        """A page from memory, once what it lacks has been read; ``None`` when it lies too far down."""
        recent = self._recent
        recent.catch_up()
        fresh: dict[str, Snapshot | None] = {}
        for _ in range(_ROUNDS):
            window = recent.window(mark)
            if window is None:
                await self._widen(mark, None, scan.limit)
                continue
            page = recent.page(scan, window, fresh)
            if page.missing:
                await self._see(page.missing, scan.spans, fresh)
            elif not page.short:
                return page.items
            elif len(window.keys) > _LONGEST or window.above(scan.after):
                break
            else:
                await self._widen(mark, window.floor, scan.limit)
        return None

    async def _widen(self, mark: str, below: Key | None, limit: int) -> None:
        """Take the next rows of the catalogue into a window."""
        count = max(_ROWS, 2 * limit)

        def read(catalog: Catalog) -> tuple[Position, list[Row]]:
            return catalog.merge(), catalog.walk(mark, below, count, descending=True)

        position, rows = await self._beside(read)
        floor = (rows[-1].score, rows[-1].name) if len(rows) == count else None
        self._recent.put(mark, below, rows, floor, position)

    async def _see(self, names: Iterable[str], spans: Sequence[Span], fresh: dict[str, Snapshot | None]) -> None:
        """Look at partitions that are not known, or not any more."""
        looks = {name: self._recent.look(name) for name in names}
        found = await self._load([*looks], spans, locked=True)
        for (name, known), snapshot in zip(looks.items(), found, strict=True):
            fresh[name] = self._sound(name, snapshot)
            self._recent.seen(name, known, fresh[name], spans)

    def _sound(self, name: str, found: Snapshot | Exception | None) -> Snapshot | None:
        """What was loaded. Damage is noted: the others are still listed."""
        if isinstance(found, Damaged):
            self._opened.folder.report.left_out(log_name(digest_of(name)), found.reason, name)
            logger.warning("left out of a listing: %s", found)
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """Let the log go."""
        self._recent.forget()

    async def _walk(self, scan: Scan, temporary: Catalog | None) -> Sequence[Snapshot]:
        listing = Listing(scan)

        def walk(catalog: Catalog) -> list[Row]:
            return catalog.walk(*listing.where, descending=scan.descending)

        while not listing.done:
            rows = await self._beside(walk, temporary)
            names = [*dict.fromkeys(row.name for row in rows)]  # a name that has moved has several entries
            loaded = await self._load(names, scan.spans, locked=False)
            found = dict(zip(names, loaded, strict=True))
            for row in rows:
                listing.add(row, self._sound(row.name, found[row.name]))
                if listing.full:
                    break
            listing.took(rows)
        if temporary is not None:
            await self._side.run(temporary.close)
        elif listing.wrong:
            await self._beside(lambda catalog: catalog.discard(scan.mark, listing.wrong))
        return listing.answer()
