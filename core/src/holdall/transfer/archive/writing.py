"""Writing an archive: under a temporary name, whole partition by whole partition; its own name comes last."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from holdall.contract import Address, Head
from holdall.errors import SettingsError
from holdall.folders import typed
from holdall.transfer.archive.lines import FORMAT, Counts, First, LeftOut, Record, head_line
from holdall.transfer.archive.shelf import claimed

__all__ = ["Writing"]

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system says that has no second names."""


class Writing:
    """An archive in the making. Left without ``finish``, nothing of it remains."""

    def __init__(self, path: Path, made: int) -> None:
        if path.exists():
            raise SettingsError(f"{path} is there already")
        self.path = path
        self.counts = Counts()
        with _typed(path):
            self._temporary, self._file = claimed(path)
        self._all = hashlib.sha256()
        self._put(First("archive", FORMAT, made).line())

    def begin(self, head: Head) -> None:
        """A partition comes: its records, in the order of its lanes, then ``end``, or ``abandon``."""
        self._start, self._before = self._file.tell(), self._all.copy()
        self._lines = hashlib.sha256()
        self._head, self._records, self._bytes = head, 0, 0
        self._put_line(head_line(head))

    def record(self, address: Address, data: bytes) -> None:
        """The next record of the partition."""
        self._records += 1
        self._bytes += len(data)
        self._put_line(Record.line(address, data))

    def end(self) -> None:
        """The partition is whole."""
        self._put(self.counts.end_line(self._head, self._records, self._bytes, self._lines.hexdigest()))

    def abandon(self) -> None:
        """Take back the partition that has begun."""
        with _typed(self.path):
            self._file.seek(self._start)
            self._file.truncate()
        self._all = self._before

    def left_out(self, partition: str, reason: str) -> None:
        """Write down that a partition is missing."""
        left = LeftOut(partition, reason)
        self.counts.left_out.append(left)
        self._put(left.line())

    def finish(self) -> None:
        """Write the manifest, bring everything to the disk and give the archive its name."""
        self._put(self.counts.manifest_line(self._all.hexdigest()))
        with _typed(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._named()
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _named(self) -> None:
        """Give it its name, which is nobody's: another backup may have been quicker while this one was stopped."""
        try:
            os.link(self._temporary, self.path)
        except OSError as error:
            if isinstance(error, FileExistsError) or self.path.exists():
                raise SettingsError(f"{self.path} came to be there meanwhile") from None
            if error.errno not in _NO_LINKS:
                raise
            self._temporary.rename(self.path)
        else:
            self._temporary.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(FileNotFoundError):  # it has its name
            self._temporary.unlink()
        with suppress(OSError) if error else _typed(self.path):
            self._file.close()

    def _put_line(self, line: bytes) -> None:
        self._lines.update(line)
        self._put(line)

    def _put(self, line: bytes) -> None:
        self._all.update(line)
        with _typed(self.path):
            self._file.write(line)


@contextmanager
def _typed(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise typed(error, str(path)) from error
