"""One locked, checksummed file for TinyDB: replaced whole and synced, with the generation before it kept."""

import errno
import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from tinydb import Storage

from holdall.errors import Damaged, StorageBusy, StorageError, StorageFull, StorageUnavailable

Tables = dict[str, dict[str, Any]]


class WholeFile(Storage):
    """What TinyDB writes is gathered in memory until ``saving`` ends."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._now, self._before, self._new = (folder / f"sessions{part}.json" for part in ("", ".before", ".new"))
        self._max_bytes, self._owner = max_bytes, os.getpid()
        with _typed_errors():
            self._files = _claimed(folder)
            try:
                self._saved = self._load()
            except BaseException:
                self.close()
                raise
        self._next = dict(self._saved)

    def read(self) -> Tables:
        """The tables as they will be saved. After a fork or a failed replace the file must be opened again."""
        if os.getpid() != self._owner:
            raise StorageUnavailable(f"{self._now} must be opened again")
        return self._next

    def write(self, data: Tables) -> None:
        """Take the tables, in memory."""
        self._next = data

    def close(self) -> None:
        """Let another process open the file."""
        for file in self._files:
            os.close(file)

    @contextmanager
    def saving(self, *, forget: bool = False) -> Generator[None]:
        """Write once what is done inside, or nothing of it; ``forget`` keeps no generation before it."""
        self.read()
        try:
            yield
            if self._next != self._saved:
                with _typed_errors():
                    self._replace(_encoded(self._next), forget)
        finally:
            self._next = dict(self._saved)

    def _replace(self, data: bytes, forget: bool) -> None:
        if len(data) > max(self._max_bytes, self._now.stat().st_size if self._saved else 0):
            raise StorageFull(f"{self._now} would be {len(data):,} bytes, over max_bytes = {self._max_bytes:,}")
        try:
            with os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # when it fails this file is never used: there is no second try
        except OSError:
            with suppress(OSError):
                self._new.unlink()
            raise
        self._before.unlink(missing_ok=True)
        if self._now.exists() and not forget:
            self._before.hardlink_to(self._now)
        self._owner = -1  # a failure from here on leaves it open which generation a power cut would keep
        self._new.replace(self._now)
        os.fsync(self._files[0])
        self._saved, self._owner = self._next, os.getpid()

    def _load(self) -> Tables:
        self._new.unlink(missing_ok=True)
        os.fsync(self._files[0])  # the last replace may have lacked it
        if not self._now.exists() and not self._before.exists():
            return {}
        data = self._now.read_bytes() if self._now.exists() else b""
        first, _, rest = data.partition(b"\n")
        if first != _first_line(rest):
            kept = f"the generation before it is {self._before.name}" if self._before.exists() else "it is the only one"
            raise Damaged(str(self._now), f"it is missing or its checksum does not match; {kept}")
        return json.loads(data)["tables"]


def _encoded(tables: Tables) -> bytes:
    """JSON with a line for each document."""
    rest = ",\n".join(
        f"{compact(name)}:{{\n" + ",\n".join(f"{compact(key)}:{compact(value)}" for key, value in table.items()) + "}"
        for name, table in tables.items()
    )
    data = (rest + "}}\n").encode()
    return _first_line(data) + b"\n" + data


def _first_line(rest: bytes) -> bytes:
    return b'{"format":"holdall-tinydb 1","crc32":"%08x","tables":{' % crc32(rest)


def compact(value: Any) -> str:
    """JSON as Holdall writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _claimed(folder: Path) -> tuple[int, int]:
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid() or folder.stat().st_mode & 0o022:
        raise StorageUnavailable(f"{folder} must belong to who runs this, and be writable by nobody else")
    folder.chmod(0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StorageBusy(f"{folder} is open in another process") from None
    return os.open(folder, os.O_RDONLY), lock


@contextmanager
def _typed_errors() -> Generator[None]:
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
        raise kind(f"{error.filename or 'sessions.json'}: {error.strerror}") from error
