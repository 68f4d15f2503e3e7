"""The writer: takes the commits that wait together, writes them, has them made to last, and lets readers see them."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EINTR

from holdall.contract import Commit, Snapshot, Span
from holdall.errors import Conflict, Damaged, HoldallError, Invalid, StorageError, StorageUnavailable
from holdall_file.faults import Busy, SyncFailed, typed
from holdall_file.folder import Folder, log_name, logger
from holdall_file.intents import Intents
from holdall_file.lasting import Lasting
from holdall_file.pace import Pace
from holdall_file.seek import Plan
from holdall_file.shelf import Shelf
from holdall_file.turn import Turn
from holdall_file.wal import FLIGHT, Wal

__all__ = ["Writer"]


class _LaterError(Exception):
    """It would take long: the writer's thread has to do it."""


class Writer:
    """Everything that changes the store. One call at a time, from the writer's thread or from the event loop."""

    def __init__(self, folder: Folder, shelf: Shelf, wal: Wal) -> None:
        self._folder = folder
        self._shelf = shelf
        self._wal = wal
        self._intents = Intents(folder)
        self._lasting = Lasting(folder, shelf, wal)
        self.heavy: set[str] = set()
        self.refused: str | None = None
        """Why the last write could not be made: no room, no permission, no descriptor, in one line."""

    @property
    def fault(self) -> str | None:
        """What a failed sync left to be looked at, in one line."""
        return self._lasting.fault

    @property
    def pace(self) -> Pace:
        """How long the disk takes."""
        return self._lasting.pace

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
                        outcomes[index] = self._take(turns, index, commit, self._begin)
                self._apply([turn for turn in turns.values() if turn.commits], outcomes)
            finally:
                self._release(turns)
            pending = rest
        return outcomes

    def commit_now(self, commits: Sequence[Commit]) -> Sequence[BaseException | None] | None:
        """The same for a few commits that take no longer than one short sync; ``None``: they may, so nothing was done.

        Nothing is opened, created, caught up with or waited for, and no room is made in the write-ahead log.
        """
        if not self._lasting.calm:
            return None
        outcomes: list[BaseException | None] = [None] * len(commits)
        turns: dict[str, Turn] = {}
        try:
            for index, commit in enumerate(commits):
                outcomes[index] = self._take(turns, index, commit, self._begin_now)
            ready = [turn for turn in turns.values() if turn.commits]
            if not self._lasting.soon(ready):
                return None
            self._apply(ready, outcomes, wait=False)
        except _LaterError:
            return None
        finally:
            self._release(turns)
        return outcomes

    def _release(self, turns: dict[str, Turn]) -> None:
        for turn in turns.values():
            if turn.session is not None:
                self._shelf.release(turn.session)

    def _begin(self, partition: str) -> Turn:
        turn = Turn(partition, self._shelf.hold(partition, fcntl.LOCK_EX))
        self._lasting.heal(turn)
        return turn

    def _begin_now(self, partition: str) -> Turn:
        session = self._shelf.open_now(partition)
        if session is None:
            raise _LaterError
        return Turn(partition, session)

    def _take(
        self, turns: dict[str, Turn], index: int, commit: Commit, begin: Callable[[str], Turn]
    ) -> BaseException | None:
        try:
            turn = turns.get(commit.partition)
            if turn is None:
                turn = turns[commit.partition] = begin(commit.partition)
            turn.add(index, commit)
        except _LaterError:
            raise
        except ValueError as error:  # a name that is no text, a number that is too large
            return Invalid(f"it can't be written down: {error}")
        except Exception as error:  # noqa: BLE001 - the others of the batch have nothing to do with it
            return self._noted(typed(error))
        return None

    def _apply(self, turns: list[Turn], outcomes: list[BaseException | None], *, wait: bool = True) -> None:
        if not turns:
            return
        try:
            self._write(turns, outcomes, wait=wait)
        except _LaterError:
            raise
        except BaseException as error:  # an interrupt may come at any point of the main thread
            for turn in turns:
                self._undo(turn, SyncFailed(EINTR, f"interrupted: {error!r}"))
                if turn.session is not None:
                    self._shelf.remove(turn.session)
            raise

    def _write(self, turns: list[Turn], outcomes: list[BaseException | None], *, wait: bool) -> None:
        if not self._folder.durable:
            self._lasting.stopwatch.start()
        try:
            self._wal.announce([turn.digest for turn in turns])
            self._intents.append([turn.intent() for turn in turns], wait=wait)
        except Busy:
            raise _LaterError from None
        except OSError as error:
            for turn in turns:
                self._fail(turn, error, outcomes)
            return
        done: list[Turn] = []
        for turn in turns:
            try:
                turn.write(self._folder)
                done.append(turn)
            except (OSError, Busy) as error:
                self._fail(turn, error, outcomes)
        failed = self._lasting.settle(done)
        if not self._folder.durable:
            self.pace.took(self._lasting.stopwatch.stop())
        for turn, error in failed:
            done.remove(turn)
            self._fail(turn, error, outcomes)
        for turn in done:
            self._publish(turn)

    def _fail(self, turn: Turn, error: BaseException, outcomes: list[BaseException | None]) -> None:
        self._undo(turn, error)
        for index, _ in turn.commits:
            outcomes[index] = self._told(error)

    def _told(self, error: BaseException) -> BaseException:
        told = Busy() if isinstance(error, FileExistsError) else typed(error)
        return self._noted(told)

    def _noted(self, told: BaseException) -> BaseException:
        """Remember for an operator what refused a write, unless that is a matter of one session."""
        if isinstance(told, StorageError) and not isinstance(told, (Damaged, StorageUnavailable)):
            self.refused = str(told)
        return told

    def _publish(self, turn: Turn) -> None:
        warm = 0 if turn.session is None else turn.session.state.warm
        session = turn.publish()
        if turn.created:
            self._shelf.add(session)
        self._shelf.warmed(session.state.warm - warm)
        if session.state.dead > max(session.state.end - session.state.dead, 1024 * 1024):
            self.heavy.add(turn.partition)
        self.refused = None

    def _undo(self, turn: Turn, error: BaseException) -> None:
        """Take a turn's bytes away; what a failed sync did to the bytes before them is put right before the next."""
        if isinstance(error, SyncFailed):
            self._lasting.failed(turn, error)
        if turn.session is not None:
            turn.session.own_sync = True
            if not turn.undo(self._folder):
                self._shelf.remove(turn.session)

    # The other verbs

    def look(self, partition: str, spans: Sequence[Span]) -> Snapshot | Plan | None:
        """Open a session or bring it up to date with other processes, and plan a reading. Raises ``Busy``."""
        session = self._shelf.hold(partition, fcntl.LOCK_SH)
        if session is None:
            return None
        try:
            found = session.read(spans, wait=True)
            if found is None:
                raise Busy
            return found
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
            self._intents.going(partition, expect)
            self._folder.unlink(log_name(session.digest))
            self._shelf.remove(session)
            self._lasting.synced(session.digest)
            if self._folder.durable:
                self._folder.sync(f"s/{session.digest[:2]}")
            with suppress(OSError):  # no room: the entry stays, and every scan finds it wrong
                self._intents.gone(partition, expect)
        finally:
            self._shelf.release(session)

    def tidy(self) -> None:
        """Compact the logs that hold more dead bytes than live ones."""
        if not self.heavy:
            return
        from holdall_file.compaction import compact  # noqa: PLC0415 - most processes never do

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
                self._lasting.synced(session.digest)
            except (HoldallError, OSError):
                session.state.dead = 0  # not again before as much has died once more
                logger.exception("%s can't be compacted", log_name(session.digest))
            finally:
                self._shelf.release(session)

    def close(self) -> None:
        """Leave the store as a clean one, unless a sync failed: then the next opening takes a careful look."""
        try:
            self._lasting.flush()
            self._intents.close(durable=True)
            if not self._lasting.broken:
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
