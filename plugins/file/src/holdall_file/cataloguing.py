"""The catalogue of a store: opened by who needs it, and made again from the logs when it turns out to be damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from holdall.contract import Head
from holdall.folders.forked import using
from holdall_file.catalog import Catalog, broken, discard_database, inode_of
from holdall_file.folder import Folder, logger

if TYPE_CHECKING:
    from holdall_file.opening import Opened

__all__ = ["close_catalog", "put_in_order", "temporary_catalog", "with_catalog"]

T = TypeVar("T")


def put_in_order(folder: Folder, heads: Iterable[Head]) -> None:
    """Give the catalogue what a crash may have kept from it, and start its log again. Raises ``Busy``."""

    def put(catalog: Catalog) -> None:
        catalog.merge()
        catalog.rotate()
        catalog.add(heads)

    with using():
        catalog = _catalog(folder)
        try:
            put(catalog)
        except sqlite3.DatabaseError as error:
            _discard(folder, catalog, error)
            catalog = _catalog(folder)
            put(catalog)
        finally:
            catalog.close()


def with_catalog(opened: Opened, function: Callable[[Catalog], T]) -> T:
    """Run ``function`` on the catalogue; when it turns out to be damaged, once more on a new one. On its thread only.

    Raises ``Busy`` where another process has what it takes.
    """
    with using():
        catalog = _open_catalog(opened)
        try:
            return function(catalog)
        except sqlite3.DatabaseError as error:
            opened.catalog = None
            _discard(opened.folder, catalog, error)
        return function(_open_catalog(opened))


def close_catalog(catalog: Catalog) -> None:
    """Close it. On its thread only."""
    with using():
        catalog.close()


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
    with using():
        catalog = Catalog(folder, lambda: _heads(folder), temporary=True)
        catalog.rebuild()
        return catalog
