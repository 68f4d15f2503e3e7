"""Opening and closing a store: who is alone puts it in order, who is not looks for the dead."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from holdall.blocking import StorageThread
from holdall.contract import Head
from holdall.errors import StorageBusy
from holdall.folders import Reserve, no_room
from holdall_file.catalog import Catalog, broken, discard_database, inode_of
from holdall_file.cleaning import Cleaning
from holdall_file.faults import Busy
from holdall_file.folder import Descriptor, Folder, lock, logger
from holdall_file.recovery import bury, dead, graveyard, recover, settle
from holdall_file.settings import FileSettings
from holdall_file.shelf import Shelf
from holdall_file.wal import Wal
from holdall_file.writer import Writer

__all__ = ["Opened", "close_all", "open_all", "temporary_catalog", "with_catalog"]

T = TypeVar("T")
_PAUSE = 0.005
_PATIENCE = 60.0
_RESERVE = 512 * 1024
"""Bytes kept for deletes, and for opening, on a full disk."""


class Opened(Struct):
    """An open store's parts."""

    folder: Folder
    lock: Descriptor
    shelf: Shelf
    writer: Writer
    reserve: Reserve
    cleaning: Cleaning
    catalog: Catalog | None = None


async def open_all(settings: FileSettings, thread: StorageThread, side: StorageThread) -> Opened:
    """Open the folder, in the room of its reserve when there is no other."""
    reserve = Reserve(settings.path.expanduser().absolute(), _RESERVE)
    try:
        opened = await _open_all(settings, reserve, thread, side)
    except Exception as error:
        if not no_room(error) or not reserve.give_up():
            raise
        opened = await _open_all(settings, reserve, thread, side)
    await thread.run(reserve.fill)
    return opened


async def _open_all(settings: FileSettings, reserve: Reserve, thread: StorageThread, side: StorageThread) -> Opened:
    """Open the folder, recover it if need be, and make this process known in it."""
    folder = await thread.run(lambda: Folder(settings.path, durable=settings.durability == "power"))
    store = Descriptor(-1)
    try:
        store = folder.open("store.lock", os.O_RDWR | os.O_CREAT)
        alone = await thread.run(lambda: _enter(folder, store))
        found = await thread.run(lambda: recover(folder)) if alone else None
        if found is not None:
            heads = [log.state.head for log in found if log.state.head is not None]
            await side.run(lambda: _put_in_order(folder, heads))
            await thread.run(lambda: settle(folder))
        return await thread.run(lambda: _join(folder, store, reserve, settings))
    except BaseException:
        store.close()
        folder.close()
        raise


def _enter(folder: Folder, store: Descriptor) -> bool:
    """Take the store's lock; True: nobody else has it open.

    Where others do, a living process among them shows that the store was recovered after the last power cut. With
    dead ones only, somebody died while recovering it, and being alone must be waited for.
    """
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(Busy):
            lock(store.fd, fcntl.LOCK_EX)
            return True
        with suppress(Busy):
            lock(store.fd, fcntl.LOCK_SH)
            gone = dead(folder, "")
            if not gone or len(gone) < len(folder.wals()):
                return False
            lock(store.fd, fcntl.LOCK_UN)
        import random  # noqa: PLC0415 - most processes do without

        time.sleep(_PAUSE * (1 + random.random()))  # noqa: S311 - only spreads the processes
    raise StorageBusy(f"another process has kept the store to itself for {_PATIENCE:.0f} s")


def _put_in_order(folder: Folder, heads: list[Head]) -> None:
    """Give the catalogue what a crash may have kept from it, and start its log again."""

    def put(catalog: Catalog) -> None:
        catalog.merge()
        catalog.rotate()
        catalog.add(heads)

    catalog = _catalog(folder)
    try:
        put(catalog)
    except sqlite3.DatabaseError as error:
        _discard(folder, catalog, error)
        catalog = _catalog(folder)
        put(catalog)
    finally:
        catalog.close()


def _join(folder: Folder, store: Descriptor, reserve: Reserve, settings: FileSettings) -> Opened:
    if _wait(lambda: dead(folder, "")):
        _wait(lambda: bury(folder, ""))
    wal = _wait(lambda: _make_wal(folder, settings.shared_log_bytes))
    _wait(lambda: lock(store.fd, fcntl.LOCK_SH))
    shelf = Shelf(folder, wal.name, limit=settings.open_sessions)
    cleaning = Cleaning(folder, settings.quarantine_days)
    cleaning.clean()
    return Opened(folder, store, shelf, Writer(folder, shelf, wal), reserve, cleaning)


def _make_wal(folder: Folder, size: int) -> Wal:
    with graveyard(folder):
        return Wal(folder, size)


def _wait(call: Callable[[], T]) -> T:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except Busy:
            if time.monotonic() > until:
                raise StorageBusy(f"another process has had a lock for {_PATIENCE:.0f} s") from None
            time.sleep(_PAUSE)


def with_catalog(opened: Opened, function: Callable[[Catalog], T]) -> T:
    """Run ``function`` on the catalogue; when it turns out to be damaged, once more on a new one. On its thread only."""
    catalog = _open_catalog(opened)
    try:
        return function(catalog)
    except sqlite3.DatabaseError as error:
        opened.catalog = None
        _discard(opened.folder, catalog, error)
    return function(_open_catalog(opened))


def _open_catalog(opened: Opened) -> Catalog:
    if opened.catalog is not None and opened.catalog.replaced:
        opened.catalog.close()
        opened.catalog = None
    if opened.catalog is None:
        opened.catalog = _catalog(opened.folder)
    return opened.catalog


def _discard(folder: Folder, catalog: Catalog, error: sqlite3.DatabaseError) -> None:
    """Close a catalogue that failed, and remove its database if that is damaged: it is derived. Else raises again."""
    catalog.close()
    if not broken(error):
        raise error
    logger.warning("catalog.db is damaged, and made again from the logs: %s", error)
    discard_database(folder, catalog.inode)


def _catalog(folder: Folder) -> Catalog:
    inode = inode_of(folder)
    try:
        return _filled(folder)
    except sqlite3.DatabaseError as error:
        if not broken(error):
            raise
        logger.warning("catalog.db is damaged, and made again from the logs: %s", error)
        discard_database(folder, inode)
    return _filled(folder)


def _filled(folder: Folder) -> Catalog:
    catalog = Catalog(folder, lambda: _heads(folder))
    try:
        if not catalog.complete:
            catalog.rebuild()
    except BaseException:
        catalog.close()
        raise
    return catalog


def _heads(folder: Folder) -> Iterable[Head]:
    from holdall_file.stock import every_head  # noqa: PLC0415 - when a catalogue is made again

    return every_head(folder)


def temporary_catalog(folder: Folder) -> Catalog:
    """A catalogue in memory, for when there is no room for the other one's news."""
    catalog = Catalog(folder, lambda: _heads(folder), temporary=True)
    catalog.rebuild()
    return catalog


async def close_all(opened: Opened, thread: StorageThread, side: StorageThread) -> None:
    """Close the catalogue before the mark goes that says the store was in use."""
    try:
        if opened.catalog is not None:
            await side.run(opened.catalog.close)
        await thread.run(opened.writer.close)
    finally:
        opened.lock.close()
        opened.folder.close()
