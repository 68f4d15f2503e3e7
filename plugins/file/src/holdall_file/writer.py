"""The writer: takes the commits that wait together, writes them, makes them last with as few syncs as it can.

One session alone is synced in its own file. Several together go into the write-ahead log with one sync, unless bytes
of another process stand before them, which only a sync of the file itself makes sure of.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from contextlib import suppress

from holdall.contract import Commit, Span
from holdall.errors import Conflict, Damaged, HoldallError, Invalid, StorageFull
from holdall_file.catalog import Intents
from holdall_file.cold import read_at
from holdall_file.compaction import compact
from holdall_file.faults import Bad, Busy, SyncFailed, typed
from holdall_file.folder import Folder, log_name, logger, sync, write_all
from holdall_file.lines import parse
from holdall_file.seek import Plan
from holdall_file.shelf import Shelf
from holdall_file.turn import Turn
from holdall_file.wal import FLIGHT, Wal

__all__ = ["Writer"]

_MANY = 16
"""From this many files on, one sync of the file system is cheaper than one of each, whoever else writes to it."""
_UNSYNCED = 4096
"""Without power durability, files are still brought to the disk after so many."""


class Writer:
    """Everything that changes the store. All of it runs on one thread."""

    def __init__(self, folder: Folder, shelf: Shelf, wal: Wal) -> None:
        self._folder = folder
        self._shelf = shelf
        self._wal = wal
        self._intents = Intents(folder)
        self._since: dict[str, int] = {}
        """Where the bytes begin that are in our write-ahead log only."""
        self._suspects: dict[str, int] = {}
        """Files with a failed sync: what stands behind the offset must be written again."""
        self._broken = False
        self.heavy: set[str] = set()
        self.fault: str | None = None
        self.full: str | None = None

    @property
    def bulky(self) -> bool:
        """Whether the catalogue's log wants to be merged."""
        return self._intents.bulky

    @bulky.setter
    def bulky(self, value: bool) -> None:
        self._intents.bulky = value

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """Apply commits that were waiting together, in order; the outcome of each."""
        outcomes: list[BaseException | None] = [None] * len(commits)
        pending = list(enumerate(commits))
        while pending:
            turns: dict[str, Turn] = {}
            rest: list[tuple[int, Commit]] = []
            try:
                for index, commit in pending:
                    if len(turns) >= FLIGHT and commit.partition not in turns:
                        rest.append((index, commit))
                    else:
                        outcomes[index] = self._take(turns, index, commit)
                self._apply([turn for turn in turns.values() if turn.commits], outcomes)
            finally:
                for turn in turns.values():
                    if turn.session is not None:
                        self._shelf.release(turn.session)
            pending = rest
        return outcomes

    def _take(self, turns: dict[str, Turn], index: int, commit: Commit) -> BaseException | None:
        try:
            turn = turns.get(commit.partition)
            if turn is None:
                session = self._shelf.hold(commit.partition, fcntl.LOCK_EX)
                turn = turns[commit.partition] = Turn(commit.partition, session)
                self._heal(turn)
            turn.add(index, commit)
        except ValueError as error:  # a name that is no text, a number that is too large
            return Invalid(f"it can't be written down: {error}")
        except Exception as error:  # noqa: BLE001 - the others of the batch have nothing to do with it
            return typed(error)
        return None

    def _apply(self, turns: list[Turn], outcomes: list[BaseException | None]) -> None:
        if not turns:
            return
        done: list[Turn] = []
        failed: dict[int, BaseException] = {}
        try:
            self._wal.announce([turn.digest for turn in turns])
            self._intents.append([intent for turn in turns for intent in turn.intents()])
        except OSError as error:
            failed = dict.fromkeys(map(id, turns), error)
        for turn in turns:
            if id(turn) not in failed:
                try:
                    turn.write(self._folder)
                    done.append(turn)
                except (OSError, Busy) as error:
                    failed[id(turn)] = self._undo(turn, error)
        for turn, error in self._settle(done):
            failed[id(turn)] = self._undo(turn, error)
        for turn in turns:
            error = failed.get(id(turn))
            if error is None:
                self._publish(turn)
            else:
                for index, _ in turn.commits:
                    outcomes[index] = self._told(error)

    def _told(self, error: BaseException) -> BaseException:
        told = Busy() if isinstance(error, FileExistsError) else typed(error)
        if isinstance(told, StorageFull):
            self.full = str(told)
        return told

    def _publish(self, turn: Turn) -> None:
        session = turn.publish()
        if turn.created:
            self._shelf.add(session)
        if session.state.dead > max(session.state.end - session.state.dead, 1024 * 1024):
            self.heavy.add(turn.partition)
        self.full = None

    def _undo(self, turn: Turn, error: BaseException) -> BaseException:
        """Take a turn's bytes away; what a failed sync did to the bytes before them is put right before the next."""
        if isinstance(error, SyncFailed):
            self._degrade(error, log_name(turn.digest))
            if not turn.created:
                since = self._since.get(turn.digest, turn.start)
                self._suspects[turn.digest] = min(since, self._suspects.get(turn.digest, since))
        if turn.session is not None:
            turn.session.own_sync = True
            if not turn.undo(self._folder):
                self._shelf.remove(turn.session)
        return error

    def _degrade(self, error: SyncFailed, name: str) -> None:
        """From now on every file is synced by itself, and the write-ahead log stays for the next opening to repeat."""
        self._broken = True
        self.fault = f"{error} ({name})"
        logger.error("degraded until it is opened again: %s", self.fault)

    # Making it last

    def _settle(self, turns: list[Turn]) -> list[tuple[Turn, BaseException]]:
        """Bring the bytes of every turn to the disk; the turns for which that failed."""
        if not self._folder.durable:
            for turn in turns:
                self._note(turn)
            try:
                if len(self._shelf.unsynced) > _UNSYNCED:
                    self._flush()
            except SyncFailed as error:
                return [(turn, error) for turn in turns]
            return []
        own = [turn for turn in turns if turn.created or self._needs_own(turn)]
        together = [turn for turn in turns if not (turn.created or self._needs_own(turn))]
        if len(together) == 1 or self._broken:
            own, together = own + together, []
        failed = self._sync_own(own)
        if together:
            try:
                self._log(together)
            except OSError as error:
                failed += [(turn, error) for turn in together]
        return failed

    @staticmethod
    def _needs_own(turn: Turn) -> bool:
        return turn.session is not None and turn.session.own_sync

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
                self._synced(turn.digest)
        return failed

    def _log(self, turns: list[Turn]) -> None:
        entries = [turn.entry() for turn in turns]
        if not self._wal.room(entries):
            self._flush()
            self._wal.restart()
        if self._wal.fits(entries):
            self._wal.append(entries)
            for turn in turns:
                self._note(turn)
        else:
            self._folder.sync_everything()
            for turn in turns:
                self._synced(turn.digest)

    def _note(self, turn: Turn) -> None:
        entry = turn.entry()
        self._shelf.unsynced[turn.digest] = (entry.id, entry.offset + len(entry.data))
        self._since.setdefault(turn.digest, turn.start)

    def _synced(self, digest: str) -> None:
        self._shelf.unsynced.pop(digest, None)
        self._since.pop(digest, None)
        self._suspects.pop(digest, None)

    def _flush(self) -> None:
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
            self._since.pop(digest, None)

    def _heal(self, turn: Turn) -> None:
        """After a failed sync the file may only seem to hold its last bytes: write them again, once checked."""
        since = self._suspects.get(turn.digest)
        session = turn.session
        if since is None or session is None:
            return
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

    # The other verbs

    def look(self, partition: str, spans: Sequence[Span]) -> Plan | None:
        """Open a session or bring it up to date with other processes, and plan a reading. Raises ``Busy``."""
        session = self._shelf.hold(partition, fcntl.LOCK_SH)
        if session is None:
            return None
        try:
            return session.plan(spans)
        finally:
            self._shelf.release(session)

    def drop(self, partition: str, expect: int) -> None:
        """Remove a log durably. Raises ``Busy``."""
        session = self._shelf.hold(partition, fcntl.LOCK_EX)
        if session is None:
            raise Conflict(partition, expected=expect, found=0)
        try:
            head = session.state.head
            if head is None or head.version != expect:
                raise Conflict(partition, expected=expect, found=0 if head is None else head.version)
            self._wal.announce([session.digest])
            self._folder.unlink(log_name(session.digest))
            self._shelf.remove(session)
            self._synced(session.digest)
            if self._folder.durable:
                self._folder.sync(f"s/{session.digest[:2]}")
            with suppress(OSError):  # no room: the entry stays, and every scan finds it wrong
                self._intents.gone(partition, expect)
        finally:
            self._shelf.release(session)

    def tidy(self) -> None:
        """Compact the logs that hold more dead bytes than live ones."""
        while self.heavy:
            partition = self.heavy.pop()
            try:
                session = self._shelf.hold(partition, fcntl.LOCK_EX)
            except (Busy, HoldallError, OSError):
                continue
            if session is None:
                continue
            try:
                self._wal.announce([session.digest])
                compact(self._folder, session)
                self._shelf.remove(session)
                self._synced(session.digest)
            except (HoldallError, OSError):
                session.state.dead = 0  # not again before as much has died once more
                logger.exception("%s can't be compacted", log_name(session.digest))
            finally:
                self._shelf.release(session)

    def close(self) -> None:
        """Leave the store as a clean one, unless a sync failed: then the next opening takes a careful look."""
        try:
            self._flush()
            self._intents.close(durable=True)
            if not self._broken:
                self._wal.remove(self._folder)
        finally:
            self.forget()

    def forget(self) -> None:
        """Let every file and its lock go; all that a forked child may do."""
        self._wal.forget()
        self._intents.forget()
        for session in self._shelf.all():
            session.dead = True
            session.file.close()
