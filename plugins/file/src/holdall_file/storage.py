"""``FileSessionStorage``: the four verbs.

Whatever syncs or locks runs on the writer's thread, the catalogue and long readings on another; a session that is
open and as we know it is read at once. The loop touches what is published, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from holdall.blocking import StorageThread
from holdall.contract import Address, Commit, ISessionStorage, Scan, Snapshot, Span
from holdall.errors import Damaged, StorageError, StorageFull, StorageUnavailable
from holdall_file.faults import Busy, told, typed
from holdall_file.folder import digest_of, log_name, logger
from holdall_file.opening import Opened, close_all, open_all
from holdall_file.report import Report
from holdall_file.seek import Plan, read
from holdall_file.settings import FileSettings

if TYPE_CHECKING:
    from holdall_file.catalog import Catalog
    from holdall_file.gather import Gather
    from holdall_file.scanning import Scanner
    from holdall_file.writer import Writer

__all__ = ["FileSessionStorage"]

T = TypeVar("T")
_PAUSE = 0.0002
_PATIENCE = 30.0
_TOGETHER = 64
"""Logs that are opened in one call of the thread: a commit waits for no more."""


class FileSessionStorage(ISessionStorage):
    """One readable log per session below a folder that many processes may share."""

    def __init__(self, opened: Opened, thread: StorageThread, side: StorageThread) -> None:
        self._pid = os.getpid()
        self._opened = opened
        self._shelf = opened.shelf
        self._thread = thread
        self._side = side
        self._scanner: Scanner | None = None
        self._chores: asyncio.Task[None] | None = None
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._reserve = opened.reserve
        self._gather: Gather | None = None
        self._refused: str | None = None
        """Why the first write could not even begin."""

    @classmethod
    async def open(cls, settings: FileSettings) -> FileSessionStorage:
        """Open the store, and put it in order first if it was not closed as it should be."""
        thread, side = StorageThread("holdall-file-writer"), StorageThread("holdall-file-reader")
        try:
            return cls(await open_all(settings, thread, side), thread, side)
        except BaseException as error:
            await thread.stop()
            await side.stop()
            fault = typed(error)
            if fault is error:
                raise
            raise fault from error

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        """Read from memory and page cache when the session is open; otherwise open it on the writer's thread."""
        self._check()
        try:
            session = self._shelf.peek(partition)
            found = None if session is None else session.read(spans)
            if found is None:
                found = await self._look(partition, spans)
            if not isinstance(found, Plan):
                return found
            return self._kept(found, await self._read(found))
        except OSError as error:
            raise typed(error) from error

    async def _read(self, plan: Plan) -> Mapping[Address, bytes]:
        try:
            return read(plan) if plan.small else await self._side.run(lambda: read(plan))
        except Damaged:
            hurt = plan.hurt
            if hurt is not None:
                from holdall_file.recovery import report_damage  # noqa: PLC0415 - few logs are damaged

                folder = self._opened.folder
                await self._thread.run(lambda: report_damage(folder, plan.file.fd, plan.name, hurt))
            raise

    def _kept(self, plan: Plan, records: Mapping[Address, bytes]) -> Snapshot:
        """What was read; a session that is open keeps what is small."""
        session = self._shelf.peek(plan.head.partition)
        if plan.small and session is not None:
            self._shelf.warmed(session.keep(plan, records))
        return Snapshot(plan.head, records)

    async def _look(self, partition: str, spans: Sequence[Span]) -> Snapshot | Plan | None:
        if not self._opened.folder.exists(log_name(digest_of(partition))):
            return None
        return await self._patiently(lambda: self._thread.run(lambda: self._shelf.look(partition, spans)))

    async def commit(self, commit: Commit) -> None:
        """Hand the commit to the writer, again and again while another process has the session locked."""
        self._check()
        gather = self._gather or await self._begun()
        try:
            waiting = gather.put(commit)
            if waiting is not None:
                await waiting
        except Busy:
            await self._patiently(lambda: gather.again(commit))
        except StorageFull:  # what frees room has that of the reserve
            with told():
                for error in filter(None, await self._thread.run(lambda: gather.commit_many([commit]))):
                    raise error from None
        except OSError as error:
            raise typed(error) from error
        writer = gather.writer
        if self._chores is None and (writer.after.heavy or writer.intents.bulky):
            self._chores = asyncio.create_task(self._do_chores(writer))

    async def _begun(self) -> Gather:
        """What takes commits; it, and the process's write-ahead log, are made when something first writes."""

        async def once() -> Gather:
            self._check()
            from holdall_file.beginning import begin  # noqa: PLC0415 - a process that only reads does without
            from holdall_file.gather import Gather  # noqa: PLC0415 - as above

            writer = await self._thread.run(lambda: begin(self._opened))
            if self._gather is None:  # nobody else was quicker
                self._gather = Gather(self._thread, writer, self._reserve, syncs=self._opened.folder.durable)
            return self._gather

        gather = self._gather
        if gather is None:
            try:
                gather = await self._patiently(once)
            except StorageError as error:
                self._refused = str(error)
                raise
            self._refused = None
        self._check()
        return gather

    async def drop(self, partition: str, *, expect: int) -> None:
        """Remove the log."""
        self._check()
        writer = (await self._begun()).writer
        drop = partial(self._reserve.spend, lambda: writer.drop(partition, expect))
        await self._patiently(lambda: self._thread.run(drop))

    async def scan(self, scan: Scan) -> Sequence[Snapshot]:
        """Walk the catalogue; every entry is held against the session's head."""
        self._check()
        gather = self._gather or await self._begun()
        with told():
            if self._opened.cleaning.due:
                await self._side.run(self._opened.cleaning.clean)
            if self._opened.cleaning.asked:
                await self._thread.run(gather.writer.scrub)
            if self._scanner is None:
                self._scanner = self._new_scanner()
            return await self._scanner.scan(scan)

    def _new_scanner(self) -> Scanner:
        from holdall_file.scanning import Scanner  # noqa: PLC0415 - a process that only resumes does without

        return Scanner(self._opened, self._side, beside=self._beside, load=self._load_many, now=self._at_once)

    def _at_once(self, partition: str, spans: Sequence[Span]) -> Snapshot | None:
        """Load if that takes nothing but a small read; ``None`` also for what is damaged, or not there."""
        session = self._shelf.peek(partition)
        found = None if session is None else session.read(spans)
        if not isinstance(found, Plan):
            return found
        try:
            return self._kept(found, read(found)) if found.small else None
        except (OSError, Damaged):  # whoever looks closer is told
            return None

    async def _load_many(
        self, partitions: Sequence[str], spans: Sequence[Span], *, locked: bool
    ) -> list[Snapshot | Exception | None]:
        """Load each, or say why not; ``locked``: under its log's lock, so what was announced before is decided.

        One call of the writer's thread opens many that are not open.
        """
        found: dict[str, Snapshot | Plan | Exception | None] = {}
        for name in () if locked else partitions:
            session = self._shelf.peek(name)
            known = None if session is None else session.read(spans)
            if known is not None:
                found[name] = known
        rest = [name for name in partitions if name not in found]
        for at in range(0, len(rest), _TOGETHER):
            part = rest[at : at + _TOGETHER]
            looked = await self._thread.run(partial(self._shelf.look_many, part, spans))
            found.update(zip(part, looked, strict=True))
        busy = [name for name, one in found.items() if isinstance(one, Busy)]
        if busy:  # all at once: what one process has while it is stopped is waited for together
            found.update(zip(busy, await asyncio.gather(*[self._again(name, spans) for name in busy]), strict=True))
        return [await self._complete(found[name]) for name in partitions]

    async def _complete(self, found: Snapshot | Plan | Exception | None) -> Snapshot | Exception | None:
        if isinstance(found, Exception):
            return typed(found)
        try:
            return self._kept(found, await self._read(found)) if isinstance(found, Plan) else found
        except Exception as error:  # noqa: BLE001 - the others have nothing to do with it
            return typed(error)

    async def _again(self, partition: str, spans: Sequence[Span]) -> Snapshot | Plan | Exception | None:
        try:
            return await self._look(partition, spans)
        except Exception as error:  # noqa: BLE001 - as above
            return typed(error)

    async def faults(self) -> Sequence[str]:
        """What scans left out, what is damaged and what does not belong here; logs that no scan meets are looked at."""
        with told():
            from holdall_file.stock import take_stock  # noqa: PLC0415 - when somebody asks

        self._check()
        folder = self._opened.folder
        with suppress(StorageFull):
            await self._begun()
            await self._beside(lambda catalog: take_stock(folder, catalog))
        return folder.report.lines()

    async def repair(self, *, apply: bool) -> Sequence[str]:
        """Set logs back whose last line is damaged, move away what can't be read, compact what healed; list all of it."""
        with told():
            from holdall_file.mending import Mended, alone, mend  # noqa: PLC0415 - when somebody asks
            from holdall_file.stock import complete  # noqa: PLC0415

        await self._begun()
        opened = self._opened

        def work() -> Mended:
            if apply:
                alone(opened.lock)
            return mend(opened.folder, opened.shelf, apply=apply)

        mended = await self._patiently(lambda: self._thread.run(work))
        if mended.heads:
            await self._beside(lambda catalog: catalog.add(mended.heads))
        return [*mended.lost, *await self._beside(lambda catalog: complete(opened.folder, catalog, apply=apply))]

    async def purge(self, partition: str) -> Sequence[str]:
        """Write the log anew, empty this process's write-ahead log, and ask other processes to empty theirs."""
        self._check()
        writer = (await self._begun()).writer
        purge = partial(self._reserve.spend, lambda: writer.purge(partition))
        return await self._patiently(lambda: self._thread.run(purge))

    async def close(self) -> None:
        """Bring everything to the disk and give the folder back. It goes on where nobody waits for it any more."""
        if self._pid != os.getpid():
            return
        if self._closing is None:
            self._closed = True
            self._closing = asyncio.ensure_future(self._close())
        if not self._closing.done():
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._gather is not None:
            self._gather.hand_over()
        if self._chores is not None:
            await asyncio.wait([self._chores])
        try:
            if self._scanner is not None:
                self._scanner.close()
            if self._gather is not None:
                await self._thread.run(self._gather.writer.tidy)
            await close_all(self._opened, self._thread, self._side)
        except OSError as error:
            raise typed(error) from error
        finally:
            try:
                await self._side.stop()
            finally:
                await self._thread.stop()

    def health(self) -> str | None:
        """What is wrong with the store, in one line; ``None`` when nothing is."""
        gather = self._gather
        if gather is None:
            return self._refused or self._reserve.line
        return gather.writer.fault or gather.writer.after.refused or self._reserve.line

    def report(self) -> Report:
        """What was found torn or damaged, redone and buried since the store was opened."""
        return self._opened.folder.report

    def _check(self) -> None:
        if self._closed:
            raise StorageUnavailable("the storage is closed")
        if self._pid != os.getpid():
            raise StorageUnavailable("the storage was opened before the process forked; open it again")

    async def _patiently(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call again while another process is in the way."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                return await call()
            except Busy:
                if loop.time() > until:
                    raise StorageUnavailable(f"another process has held a lock for {_PATIENCE:.0f} s") from None
                await asyncio.sleep(_PAUSE * (1 + os.urandom(1)[0] / 256))  # spreads the processes
            except OSError as error:
                raise typed(error) from error

    async def _beside(self, function: Callable[[Catalog], T], temporary: Catalog | None = None) -> T:
        """Run ``function`` on the catalogue, on its thread."""
        with told():
            if temporary is not None:
                return await self._side.run(lambda: function(temporary))
            from holdall_file.cataloguing import with_catalog  # noqa: PLC0415 - who only resumes a session needs none

            return await self._patiently(lambda: self._side.run(lambda: with_catalog(self._opened, function)))

    async def _do_chores(self, writer: Writer) -> None:
        try:
            while writer.after.heavy or writer.intents.bulky:
                await self._thread.run(writer.tidy)
                if writer.intents.bulky:
                    writer.intents.bulky = False
                    await self._beside(lambda catalog: catalog.merge())
        except Exception:  # noqa: BLE001 - a commit that was acknowledged does not fail over it
            logger.exception("housekeeping failed")
        finally:
            self._chores = None
