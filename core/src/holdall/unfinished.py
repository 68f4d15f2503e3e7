"""The mark of a restore that has not come to its end: a partition that is there first, and goes last."""

from __future__ import annotations

from holdall.contract import ISessionStorage
from holdall.errors import StorageUnavailable

__all__ = ["MARKER", "refuse_unfinished"]

MARKER = "restoring"


async def refuse_unfinished(storage: ISessionStorage) -> None:
    """Raise ``StorageUnavailable`` where a restore was begun and has not come to its end."""
    if await storage.load(MARKER) is not None:
        raise StorageUnavailable("a restore into this storage has not come to its end: run `holdall restore` again")
