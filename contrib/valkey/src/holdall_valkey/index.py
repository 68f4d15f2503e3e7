"""The indexes of marks. They lie in slots of their own, so an entry is written before its commit and checked by scans.

Each try of a commit has a stamp of its own, which its entries carry and, once it is made, the marks of its head. An
entry counts only while the head has its stamp. One that the head contradicts is of a commit that was replaced, or
that failed, or that may still come; the stamp says until when, and from then on nobody can make it right any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from holdall.contract import Commit
from holdall_valkey.names import Names, member

__all__ = ["Entry", "Index"]

Entry = tuple[bytes, bytes]
"""Index key, member."""
_KEPT = 1000


class Index:
    """Entries of this store's indexes."""

    def __init__(self, client: Any, names: Names) -> None:
        self._client = client
        self._names = names
        self._replaced: list[Entry] = []
        """What nobody needs any more; it goes with the next commit, and a scan passes over it until then."""

    def entries(self, commit: Commit, stamped: bytes) -> dict[Entry, int]:
        """The entries that a commit needs, with their scores."""
        entry = member(commit.partition, stamped)
        marks = {(self._names.mark(mark), entry): score for mark, score in commit.marks.items() if score is not None}
        return marks if commit.expect else {**marks, (self._names.names, entry): 0}

    def before(self, commit: Commit, stamped: bytes) -> Any:
        """What must be done before a commit is made: a pipeline that writes its entries."""
        pipe = self._client.pipeline(transaction=False)
        for (key, entry), score in self.entries(commit, stamped).items():
            pipe.zadd(key, {entry: score})
        return self._cleared(pipe)

    def replaced(self, partition: str, marks: Iterable[tuple[bytes | None, bytes]]) -> None:
        """Note the entries that a commit or a drop made void: ``(mark, stamp)``."""
        for mark, stamped in marks:
            key = self._names.mark(None if mark is None else mark.decode())
            self._replaced.append((key, member(partition, stamped)))
        del self._replaced[:-_KEPT]

    def void(self, entries: Iterable[Entry]) -> None:
        """Note entries that a scan found void."""
        self._replaced += entries
        del self._replaced[:-_KEPT]

    async def flush(self) -> None:
        """Take away what is noted."""
        pipe = self._cleared(self._client.pipeline(transaction=False))
        if len(pipe):
            await pipe.execute()

    def _cleared(self, pipe: Any) -> Any:
        replaced, self._replaced = self._replaced, []
        for key, old in replaced:
            pipe.zrem(key, old)
        return pipe
