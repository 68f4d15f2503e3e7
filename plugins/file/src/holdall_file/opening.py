"""Opening and closing a store: who is alone puts it in order, who is not looks for the dead."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from holdall.blocking import StorageThread
from holdall.errors import StorageBusy
from holdall.folders import Reserve, no_room
from holdall.folders.private import absolute
from holdall_file.cleaning import Cleaning
from holdall_file.faults import Busy
from holdall_file.folder import Descriptor, Folder, lock
from holdall_file.living import anybody, dead, join
from holdall_file.settings import FileSettings
from holdall_file.shelf import Shelf

if TYPE_CHECKING:
    from holdall_file.catalog import Catalog
    from holdall_file.cold import Found
    from holdall_file.writer import Writer

__all__ = ["Opened", "close_all", "open_all"]

T = TypeVar("T")
_PAUSE = 0.005
_PATIENCE = 60.0
_RESERVE = 512 * 1024
"""Bytes kept for deletes, and for opening, on a full disk."""


class Opened(Struct):
    """An open store's parts."""

    folder: Folder
    lock: Descriptor
    living: Descriptor
    shelf: Shelf
    reserve: Reserve
    cleaning: Cleaning
    log_bytes: int
    writer: Writer | None = None
    """Made by ``beginning.begin``."""
    catalog: Catalog | None = None


async def open_all(settings: FileSettings, thread: StorageThread, side: StorageThread) -> Opened:
    """Open the folder, in the room of its reserve when there is no other."""
    path = absolute(settings.path)
    reserve = Reserve(path, _RESERVE)
    try:
        opened = await _open_all(path, settings, reserve, thread, side)
    except Exception as error:
        if not no_room(error) or not reserve.give_up():
            raise
        opened = await _open_all(path, settings, reserve, thread, side)
    await thread.run(reserve.fill)
    return opened


async def _open_all(
    path: str, settings: FileSettings, reserve: Reserve, thread: StorageThread, side: StorageThread
) -> Opened:
    """Open the folder, recover it if need be, and make this process known in it."""
    folder = await thread.run(lambda: Folder(path, durable=settings.durability == "power"))
    store = Descriptor(-1)
    try:
        store = folder.open("store.lock", os.O_RDWR | os.O_CREAT)
        alone = await thread.run(lambda: _enter(folder, store))
        found = await thread.run(lambda: _wait(lambda: _recovered(folder))) if alone else None
        if found is not None:
            from holdall_file.cataloguing import put_in_order  # noqa: PLC0415 - who only resumes a session needs none
            from holdall_file.recovery import settle  # noqa: PLC0415 - as above

            heads = [log.state.head for log in found if log.state.head is not None]
            await side.run(lambda: _wait(lambda: put_in_order(folder, heads)))
            await thread.run(lambda: _wait(lambda: settle(folder)))
        return await thread.run(lambda: _join(folder, store, reserve, settings))
    except BaseException:
        store.close()
        folder.close()
        raise


def _enter(folder: Folder, store: Descriptor) -> bool:
    """Take the store's lock; True: nobody else has it open.

    Where others do, one that has joined shows that the store was recovered after the last power cut. If nobody has,
    and there are dead ones, somebody died while recovering it, and being alone must be waited for.
    """
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(Busy):
            lock(store.fd, fcntl.LOCK_EX)
            return True
        with suppress(Busy):
            lock(store.fd, fcntl.LOCK_SH)
            if not dead(folder, "") or anybody(folder):
                return False
            lock(store.fd, fcntl.LOCK_UN)
        time.sleep(_PAUSE * (1 + os.urandom(1)[0] / 256))  # spreads the processes
    raise StorageBusy(f"another process has kept the store to itself for {_PATIENCE:.0f} s")


def _join(folder: Folder, store: Descriptor, reserve: Reserve, settings: FileSettings) -> Opened:
    if _wait(lambda: dead(folder, "")):
        from holdall_file.recovery import bury  # noqa: PLC0415 - somebody died

        _wait(lambda: bury(folder, ""))
    living = _wait(lambda: join(folder))  # before others are let in, who ask for it
    _wait(lambda: lock(store.fd, fcntl.LOCK_SH))
    shelf = Shelf(folder, limit=settings.open_sessions)
    cleaning = Cleaning(folder, settings.quarantine_days)
    cleaning.clean()
    return Opened(folder, store, living, shelf, reserve, cleaning, settings.shared_log_bytes)


def _recovered(folder: Folder) -> list[Found] | None:
    if not dead(folder, ""):
        return None
    from holdall_file.recovery import recover  # noqa: PLC0415 - after an unclean stop

    return recover(folder)


def _wait(call: Callable[[], T]) -> T:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except Busy:
            if time.monotonic() > until:
                raise StorageBusy(f"another process has had a lock for {_PATIENCE:.0f} s") from None
            time.sleep(_PAUSE)


async def close_all(opened: Opened, thread: StorageThread, side: StorageThread) -> None:
    """Close the catalogue before the mark goes that says the store was in use."""
    try:
        catalog = opened.catalog
        if catalog is not None:
            from holdall_file.cataloguing import close_catalog  # noqa: PLC0415 - who only resumes a session needs none

            await side.run(lambda: close_catalog(catalog))
        await thread.run(lambda: _close(opened))  # it may be making the writer just now
    finally:
        opened.living.close()
        opened.lock.close()
        opened.folder.close()


def _close(opened: Opened) -> None:
    if opened.writer is None:
        opened.shelf.forget()
    else:
        opened.writer.close()
