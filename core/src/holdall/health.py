"""How a storage is, as its writes tell it: what a readiness check shows an operator."""

from __future__ import annotations

import errno

from holdall.errors import Conflict, Damaged, StorageBusy, StorageError, StorageUnavailable

__all__ = ["Health", "disk_failed"]

_OTHERWISE = (Conflict, Damaged, StorageBusy, StorageUnavailable)
"""What a write may meet in a storage that is well."""
_SQLITE_IOERR = 10


class Health:
    """Remembers why writes fail. A disk that failed is remembered until the storage is opened again."""

    def __init__(self) -> None:
        self._failed: str | None = None
        self._refused: str | None = None

    @property
    def line(self) -> str | None:
        """What is wrong, in one line; ``None`` when nothing is."""
        return self._failed or self._refused

    def met(self, error: BaseException | None) -> None:
        """Take note of how a write ended; ``None``: it was stored."""
        if error is None:
            self._refused = None
        elif isinstance(error, StorageError) and not isinstance(error, _OTHERWISE):
            if disk_failed(error):
                self._failed = f"a disk failed, look at it and open the storage again: {error}"
            self._refused = str(error)


def disk_failed(error: BaseException | None) -> bool:
    """Whether an input/output error is what caused ``error``, a failed sync among them."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.EIO:
            return True
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _SQLITE_IOERR:
            return True
        error = error.__cause__ or error.__context__
    return False
