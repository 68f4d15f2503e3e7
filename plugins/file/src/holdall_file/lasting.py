"""Bringing what was written to the disk, with as few syncs as it takes.

Lines go into the write-ahead log with one sync for all of them. Large writes, and those behind bytes of another
process, are made sure of by a sync of the file itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdall.errors import Damaged
from holdall_file.clock import Stopwatch
from holdall_file.cold import read_at
from holdall_file.faults import Bad, SyncFailed
from holdall_file.folder import Folder, log_name, logger, sync, write_all
from holdall_file.lines import parse
from holdall_file.pace import Pace
from holdall_file.shelf import Shelf
from holdall_file.turn import Turn
from holdall_file.wal import ENTRY, Wal, Written

__all__ = ["LARGE", "Lasting"]

_MANY = 16
"""From this many files on, one sync of the file system is cheaper than one of each, whoever else writes to it."""
LARGE = 64 * 1024
"""A write of this size is made once, and its own file synced."""
_LONG = 0.004
"""Seconds that a write without a sync may take on the event loop."""
_UNSYNCED = 4096
"""Without power durability, files are still brought to the disk after so many."""


class Lasting:
    """What is on the disk and what may not be. Used by the writer, one call at a time."""

    def __init__(self, folder: Folder, shelf: Shelf, wal: Wal) -> None:
        self._folder = folder
        self._shelf = shelf
        self._wal = wal
        self._suspects: dict[str, tuple[str, int]] = {}
        """Files with a failed sync: the id, and the offset behind which everything must be written again."""
        self.broken = False
        self.fault: str | None = None
        self.stopwatch = Stopwatch()
        self.pace = Pace() if folder.durable else Pace(_LONG, trusted=True)

    @property
    def calm(self) -> bool:
        """Whether nothing has to be put right or brought to the disk before the next few commits."""
        return not (self.broken or self._suspects) and len(self._shelf.unsynced) < _UNSYNCED

    def settle(self, turns: list[Turn]) -> list[tuple[Turn, BaseException]]:
        """Bring the bytes of every turn to the disk; the turns for which that failed."""
        if not self._folder.durable:
            self.note(turns)
            try:
                if len(self._shelf.unsynced) > _UNSYNCED:
                    self.flush()
            except SyncFailed as error:
                return [(turn, error) for turn in turns]
            return []
        own: list[Turn] = []
        together: list[Turn] = []
        for turn in turns:
            (own if self.broken or self._needs_own(turn) else together).append(turn)
        failed = self._sync_own(own) if own else []
        if together:
            try:
                self._log(together)
            except OSError as error:
                failed += [(turn, error) for turn in together]
        return failed

    @staticmethod
    def _needs_own(turn: Turn) -> bool:
        session = turn.session
        return session is None or turn.created or session.own_sync or turn.end - turn.start >= LARGE

    def _sync_own(self, turns: list[Turn]) -> list[tuple[Turn, BaseException]]:
        failed: list[tuple[Turn, BaseException]] = []
        if len(turns) >= _MANY:
            try:
                self._folder.sync_everything()
            except OSError as error:
                return [(turn, error) for turn in turns]
        for turn in turns:
            session = turn.session
            if session is None:
                continue
            try:
                if len(turns) < _MANY:
                    sync(session.file.fd)
                    if turn.created:
                        self._folder.sync(f"s/{turn.digest[:2]}")
            except OSError as error:
                failed.append((turn, error))
            else:
                session.own_sync = False
                self.synced(turn.digest)
        return failed

    def _log(self, turns: list[Turn]) -> None:
        size = _size(turns)
        if not self._wal.ready(size):
            if not self._wal.room(size):
                self.flush()
                self._wal.restart()
            if not self._wal.room(size):
                self._folder.sync_everything()
                for turn in turns:
                    self.synced(turn.digest)
                return
            self._wal.prepare(size)
        self.append(turns)

    def append(self, written: Sequence[Written]) -> None:
        """Make it last with one sync of the write-ahead log, which must have space for it."""
        self.stopwatch.start()
        self._wal.append(written)
        self.pace.took(self.stopwatch.stop(), len(written))
        self.note(written)

    def note(self, written: Sequence[Written]) -> None:
        """Note that files hold what is not brought to the disk in them."""
        unsynced = self._shelf.unsynced
        for one in written:
            found = unsynced.get(one.digest)
            since = one.start if found is None or found[0] != one.id else found[1]
            unsynced[one.digest] = (one.id, since, one.end)

    def synced(self, digest: str) -> None:
        """Note that a file is on the disk as it is, or gone."""
        self._shelf.unsynced.pop(digest, None)
        self._suspects.pop(digest, None)

    def flush(self) -> None:
        """Bring every file to the disk whose last bytes are in the write-ahead log only."""
        digests = list(self._shelf.unsynced)
        if len(digests) >= _MANY:
            self._folder.sync_everything()
        else:
            for digest in digests:
                try:
                    file = self._folder.open(log_name(digest))
                except (FileNotFoundError, Damaged):
                    continue
                sync(file.fd)
                file.close()
        for digest in digests:
            self._shelf.unsynced.pop(digest, None)

    def scrub(self) -> bool:
        """Leave nothing in the write-ahead log; ``False``: it is needed, for a sync failed."""
        if self.broken:
            return False
        try:
            self.flush()
        except SyncFailed as error:
            self._degrade(error, self._wal.name)
            raise
        self._wal.scrub()
        return True

    def heal(self, turn: Turn) -> None:
        """After a failed sync the file may only seem to hold its last bytes: write them again, once checked."""
        found, session = self._suspects.get(turn.digest), turn.session
        if found is None or session is None:
            return
        if found[0] != turn.id:  # it is another file by now, which no sync of ours has failed on
            del self._suspects[turn.digest]
            return
        since = found[1]
        end = session.state.end
        data = read_at(session.file.fd, since, end)
        at = 0
        try:
            while at < len(data):
                at = parse(data, at, since, whole=True).end - since
        except Bad as bad:
            raise OSError(5, f"a failed sync lost bytes: {bad}") from bad
        write_all(session.file.fd, data, since)
        session.own_sync = True

    def failed(self, turn: Turn, error: SyncFailed) -> None:
        """Note a failed sync: what it did to the bytes before ``turn`` is put right before the next commit."""
        self._degrade(error, log_name(turn.digest))
        if not turn.created:
            since = min(self._earliest(self._shelf.unsynced, turn), self._earliest(self._suspects, turn))
            self._suspects[turn.digest] = turn.id, since

    @staticmethod
    def _earliest(noted: dict[str, tuple[str, int]] | dict[str, tuple[str, int, int]], turn: Turn) -> int:
        """Where the bytes begin that were noted of this very file, else where those of ``turn`` do."""
        found = noted.get(turn.digest)
        return turn.start if found is None or found[0] != turn.id else found[1]

    def _degrade(self, error: SyncFailed, name: str) -> None:
        """From now on every file is synced by itself, and the write-ahead log stays for the next opening to repeat."""
        self.broken = True
        self.fault = f"{error} ({name})"
        logger.error("degraded until it is opened again: %s", self.fault)


def _size(turns: list[Turn]) -> int:
    """How many bytes ``turns`` take in the write-ahead log."""
    return sum([turn.end - turn.start for turn in turns]) + ENTRY * len(turns)
