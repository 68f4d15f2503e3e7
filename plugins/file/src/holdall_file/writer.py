"""The writer: takes the commits that wait together, writes them, has them made to last, and lets readers see them."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from contextlib import suppress
from errno import EINTR

from holdall.contract import Commit
from holdall.errors import Conflict, HoldallError
from holdall_file.aftermath import Aftermath, Outcomes
from holdall_file.faults import Busy, SyncFailed
from holdall_file.folder import Folder, log_name, logger
from holdall_file.intents import Intents
from holdall_file.lasting import LARGE, Lasting
from holdall_file.shelf import Shelf
from holdall_file.shortcut import Shortcut
from holdall_file.turn import Turn
from holdall_file.wal import FLIGHT, Wal

__all__ = ["Writer"]


class Writer:
    """Everything that changes the store. One call at a time, from the writer's thread or from the event loop."""

    def __init__(self, folder: Folder, shelf: Shelf, wal: Wal) -> None:
        self._folder = folder
        self._shelf = shelf
        self._wal = wal
        self.intents = Intents(folder)
        """The catalogue's log."""
        self._lasting = Lasting(folder, shelf, wal)
        self.pace = self._lasting.pace
        """How long the disk takes."""
        self.after = Aftermath(folder, shelf, self._lasting)
        """Which sessions want to be compacted, and why the last write was refused."""
        self.commit_now = Shortcut(folder, shelf, wal, self.intents, self._lasting, self.after).commit
        """``commit_many`` for a few that take no longer than one short sync; ``None``: they may, so nothing was done."""

    @property
    def fault(self) -> str | None:
        """What a failed sync left to be looked at, in one line."""
        return self._lasting.fault

    def commit_many(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        """Apply commits that were waiting together, in order; the outcome of each."""
        if self._brief(commits):
            made = self.commit_now(commits)
            if made is not None:
                return made
        outcomes: Outcomes = [None] * len(commits)
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
                self._release(turns)
            pending = rest
        return outcomes

    def _brief(self, commits: Sequence[Commit]) -> bool:
        """Whether the short way may be open to them: a try that fails puts every line together in vain."""
        names = {commit.partition for commit in commits}
        return (
            len(names) == len(commits) <= FLIGHT
            and all(map(self._shelf.knows, names))
            and sum([len(record) for commit in commits for record in commit.write.values()]) < LARGE
        )

    def _release(self, turns: dict[str, Turn]) -> None:
        for turn in turns.values():
            if turn.session is not None:
                self._shelf.release(turn.session)

    def _begin(self, partition: str) -> Turn:
        turn = Turn(partition, self._shelf.hold(partition, fcntl.LOCK_EX))
        try:
            self._lasting.heal(turn)
        except BaseException:
            self._release({partition: turn})
            raise
        return turn

    def _take(self, turns: dict[str, Turn], index: int, commit: Commit) -> BaseException | None:
        try:
            turn = turns.get(commit.partition)
            if turn is None:
                turn = turns[commit.partition] = self._begin(commit.partition)
            turn.add(index, commit)
        except Exception as error:  # noqa: BLE001 - the others of the batch have nothing to do with it
            return self.after.refusal(error)
        return None

    def _apply(self, turns: list[Turn], outcomes: Outcomes) -> None:
        if not turns:
            return
        try:
            self._write(turns, outcomes)
        except BaseException as error:  # an interrupt may come at any point of the main thread
            for turn in turns:
                self.after.undo(turn, SyncFailed(EINTR, f"interrupted: {error!r}"))
                if turn.session is not None:
                    self._shelf.remove(turn.session)
            raise

    def _write(self, turns: list[Turn], outcomes: Outcomes) -> None:
        if not self._folder.durable:
            self._lasting.stopwatch.start()
        try:
            self._wal.announce([turn.digest for turn in turns])
            self.intents.append([turn.intent() for turn in turns])
        except (OSError, Busy) as error:
            for turn in turns:
                self.after.fail(turn, error, outcomes)
            return
        done: list[Turn] = []
        for turn in turns:
            try:
                turn.write(self._folder)
                done.append(turn)
            except (OSError, Busy) as error:
                self.after.fail(turn, error, outcomes)
        failed = self._lasting.settle(done)
        if not self._folder.durable:
            self.pace.took(self._lasting.stopwatch.stop())
        for turn, error in failed:
            done.remove(turn)
            self.after.fail(turn, error, outcomes)
        for turn in done:
            self._publish(turn)

    def _publish(self, turn: Turn) -> None:
        warm = 0 if turn.session is None else turn.session.state.warm
        session = turn.publish()
        if turn.created:
            self._shelf.add(session)
        self.after.grown(session, session.state.warm - warm)

    # The other verbs

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
            self.intents.going(partition, expect)
            self._folder.unlink(log_name(session.digest))
            self._shelf.remove(session)
            self._lasting.synced(session.digest)
            if self._folder.durable:
                self._folder.sync(f"s/{session.digest[:2]}")
            with suppress(OSError, Busy):  # no room, or no lock: the entry stays, and every scan finds it wrong
                self.intents.gone(partition, expect)
        finally:
            self._shelf.release(session)

    def purge(self, partition: str) -> list[str]:
        """Leave no byte of what the session no longer has; see ``purging.py``. Raises ``Busy``."""
        from holdall_file.purging import purge  # noqa: PLC0415 - most processes never do

        return purge(self._folder, self._shelf, self._wal, self._lasting, partition)

    def scrub(self) -> None:
        """Empty the write-ahead log, as another process asks."""
        self._lasting.scrub()

    def tidy(self) -> None:
        """Compact the logs that hold more dead bytes than live ones."""
        if not self.after.heavy:
            return
        from holdall_file.compaction import compact  # noqa: PLC0415 - most processes never do

        while self.after.heavy:
            partition = self.after.heavy.pop()
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
            self.intents.close(durable=True)
            if not self._lasting.broken:
                self._wal.remove(self._folder)
        finally:
            self.forget()

    def forget(self) -> None:
        """Let every file and its lock go."""
        self._wal.forget()
        self.intents.forget()
        self._shelf.forget()
