"""What the operating system and SQLite say, as the contract's errors."""

from __future__ import annotations

import errno

from holdall.errors import Damaged, StorageError, StorageFull, StorageUnavailable

__all__ = ["no_room", "typed"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FULL, _BUSY, _DAMAGED = 13, (5, 15), (11, 26)
"""SQLite's codes: SQLITE_FULL; SQLITE_BUSY and SQLITE_PROTOCOL (one who opens it is stopped); SQLITE_CORRUPT, SQLITE_NOTADB."""


def no_room(error: BaseException | None) -> bool:
    """Whether ``error`` says that there is no room, in the words of whoever met it."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return isinstance(error, StorageFull) or _code(error) == _FULL


def typed(error: BaseException, what: str) -> StorageError:
    """What to raise for an error of the operating system or of SQLite while ``what`` was used."""
    said = (error.strerror or error) if isinstance(error, OSError) else error
    if no_room(error):
        return StorageFull(f"{what}: {said}")
    code = _code(error)
    if code in _DAMAGED:
        return Damaged(what, str(said))
    return (StorageUnavailable if code in _BUSY else StorageError)(f"{what}: {said}")


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
