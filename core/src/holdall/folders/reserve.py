"""Room that is kept for the day when there is none: a delete is a write too, and must not need what it is to free."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from holdall.contract import Commit
from holdall.errors import StorageFull
from holdall.folders.saying import no_room

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Reserve"]

T = TypeVar("T")
Apply = Callable[[Sequence[Commit]], Sequence[BaseException | None]]
log = logging.getLogger("holdall.folders")
_MOMENT = 0.05
"""Seconds for which nobody looks again: a look costs as much as a small write."""
_ATTEMPTS = 8
"""Another process may take the room that this one gave up, to make the reserve again."""
_SHREDDING = "shredding"
"""``holdall.sessions.names.SHREDDING``, which stands above this: a step with it begins to destroy what it is made on."""


class Reserve:
    """The file ``reserve`` in a storage's folder: it takes ``size`` bytes, and does nothing else.

    It is given up when something that frees room finds none. Until it can be made again, whatever takes room is
    refused with ``StorageFull``. Its processes share it: how large it is says whether it was given up.
    """

    def __init__(self, folder: str | PathLike[str], size: int) -> None:
        self._path = os.path.join(folder, "reserve")
        self.size = size
        self._again = 0.0
        self.line: str | None = None
        """What an operator is told while it is given up."""

    @property
    def whole(self) -> bool:
        """Whether it is there, as large as it should be."""
        try:
            return os.stat(self._path, follow_symlinks=False).st_size >= self.size
        except FileNotFoundError:
            return False

    @property
    def lately_whole(self) -> bool:
        """``whole`` as of a moment ago: what another process does in between is met by the write itself."""
        now = monotonic()
        if now >= self._again and self.whole:
            self._again = now + _MOMENT
        return now < self._again

    @property
    def made(self) -> bool:
        """Whether there ever was one: so the storage in this folder is not a new one."""
        return os.path.exists(self._path)

    def fill(self) -> bool:
        """Make it whole, where it is not; False: there is no room."""
        if not self.whole:
            before = os.stat(self._path).st_size if self.made else 0
            try:
                self._write(self.size)
            except OSError as error:
                if not no_room(error):
                    return True  # whatever is written next meets it too, and says so
                self.line = f"the disk is full: {error.strerror}; reads and deletes go on"
                self._write(before)
                return False
        self.line = None
        return True

    def give_up(self) -> bool:
        """Free the room; False: it was given up before."""
        try:
            if not os.lstat(self._path).st_size:
                return False
            self._again = 0.0
            self._write(0)
        except FileNotFoundError:
            return False
        self.line = "the disk is full, and the reserve is given up for what frees room; reads and deletes go on"
        log.warning("%s: %s", self._path, self.line)
        return True

    def spend(self, call: Callable[[], T]) -> T:
        """Do what frees room, or needs little; when there is no room, once more in that of the reserve."""
        for _ in range(_ATTEMPTS):
            try:
                return call()
            except Exception as error:
                if not no_room(error) or not self.give_up():
                    raise
        return call()

    def commit_many(
        self, commits: Sequence[Commit], apply: Apply, sparing: Apply | None = None
    ) -> list[BaseException | None]:
        """The outcomes of ``commits``; those that free room succeed where there is none.

        ``apply`` does them, and answers or raises ``StorageFull``; ``sparing``, if given, does them again in the
        room of the reserve. A commit frees room when it makes a lane or the partition go, erases more records
        than it writes, or begins to destroy an encrypted partition.
        """
        outcomes: list[BaseException | None] = [None] * len(commits)
        todo: list[int] = list(range(len(commits)))
        if not self.fill():
            todo = [at for at in todo if _frees(commits[at])]
            outcomes = [None if _frees(commit) else StorageFull(self.line) for commit in commits]
        doing = apply
        for _ in range(_ATTEMPTS):
            if not todo:
                break
            for at, outcome in zip(todo, _outcomes(doing, [commits[at] for at in todo]), strict=True):
                outcomes[at] = outcome
            todo = [at for at in todo if isinstance(outcomes[at], StorageFull) and _frees(commits[at])]
            if todo and not self.give_up() and doing is not apply:
                break
            doing = sparing or apply
        return outcomes

    def _write(self, size: int) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, 0o600)  # whatever the umask
            if size > os.fstat(fd).st_size:
                os.posix_fallocate(fd, 0, size)
            os.ftruncate(fd, size)
        finally:
            os.close(fd)


def _frees(commit: Commit) -> bool:
    if commit.marks.get(_SHREDDING) is not None:
        return True
    erased = sum(0 if span.stop is None else span.stop - span.start for span in commit.erase)
    return not commit.version or None in commit.lanes.values() or erased > len(commit.write)


def _outcomes(apply: Apply, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
    try:
        return apply(commits)
    except StorageFull as full:
        return [full] * len(commits)
