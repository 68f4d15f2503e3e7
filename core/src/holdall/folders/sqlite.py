"""What a storage on SQLite does on a full disk, and to one that is damaged."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["integrity", "sparing"]

Run = Callable[[str], Any]
"""Runs a statement on the one connection, and gives a cursor."""
_STEP = 32


@contextmanager
def sparing(run: Run) -> Generator[None]:
    """Within: what is deleted is neither overwritten nor filled up again, which would need room.

    Then the file is cut, some pages at a time, so that nothing of what was deleted stays. For a database with full
    ``auto_vacuum`` and ``secure_delete``, in WAL mode.
    """
    import sqlite3  # noqa: PLC0415 - not with every import of the core

    def pragmas(*names: str) -> None:
        for name in names:
            run(f"PRAGMA {name}").fetchall()

    pragmas("secure_delete = FAST", "auto_vacuum = 2")
    try:
        yield
        with suppress(sqlite3.Error):  # it is committed; the next commit cuts off what this could not
            while run("PRAGMA freelist_count").fetchone()[0]:
                pragmas("wal_checkpoint(TRUNCATE)", f"incremental_vacuum({_STEP})")
            pragmas("wal_checkpoint(TRUNCATE)")
    finally:
        pragmas("secure_delete = 1", "auto_vacuum = 1")


def integrity(run: Run) -> list[str]:
    """What SQLite finds wrong with its own file, in lines."""
    return [line for (line,) in run("PRAGMA integrity_check(20)").fetchall() if line != "ok"]
