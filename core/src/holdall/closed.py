"""What stands in the place of a storage once its store is closed."""

from __future__ import annotations

from typing import NoReturn

from holdall.contract import Commit, ISessionStorage, Scan, Span
from holdall.errors import StorageUnavailable

__all__ = ["ClosedStorage"]


class ClosedStorage(ISessionStorage):
    """Refuses every verb, so that a late caller is told, whatever the storage would have done."""

    async def load(self, partition: str, *spans: Span) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise StorageUnavailable("the store is closed")

    async def commit(self, commit: Commit) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise StorageUnavailable("the store is closed")

    async def drop(self, partition: str, *, expect: int) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise StorageUnavailable("the store is closed")

    async def scan(self, scan: Scan) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise StorageUnavailable("the store is closed")

    def health(self) -> str:
        """Tell."""
        return "the store is closed"
