"""What can go wrong with files, in the words of the contract."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from holdall import folders
from holdall.errors import StorageError, StorageFull, StorageUnavailable

__all__ = ["Bad", "Busy", "SyncFailed", "told", "typed"]

T = TypeVar("T", bound=BaseException)


class Busy(Exception):
    """Another process holds the lock; the caller comes again in a moment."""


class Bad(Exception):
    """The bytes at ``offset`` are not a line of a log."""

    def __init__(self, offset: int, reason: str) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(f"offset {offset}: {reason}")


class SyncFailed(OSError):
    """A sync failed: what the file holds is not known until it has been written again."""


def typed(error: T) -> T | StorageError:
    """``error`` as the contract's own, where it came from the operating system or from SQLite."""
    # Without it nothing is of SQLite. To import it may need what has run out, and another thread may be just at that.
    of_sqlite: type[Exception] | None = getattr(sys.modules.get("sqlite3"), "Error", None)
    if isinstance(error, OSError):
        fault = folders.typed(error, "the file store failed")
    elif of_sqlite is not None and isinstance(error, of_sqlite):
        kind = StorageFull if "full" in str(error) else StorageUnavailable if "locked" in str(error) else StorageError
        fault = kind(f"the file store's catalogue failed: {error}")
    else:
        return error
    fault.__cause__ = error
    return fault


@contextmanager
def told() -> Generator[None]:
    """Within: what the operating system or SQLite say is raised as the contract's own, be it said to an import."""
    try:
        yield
    except Exception as error:
        fault = typed(error)
        if fault is error:
            raise
        raise fault from error
