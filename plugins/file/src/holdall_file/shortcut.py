"""The short way: commits that the event loop makes itself, on sessions that are open and as we know them.

Every message of a live conversation comes this way. What the writer does in many calls, for everything that may
happen, is done here in few for what mostly does. The rest is left to the writer, before anything was done.
"""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from errno import EINTR

from holdall.contract import Commit, Head
from holdall_file.aftermath import Aftermath, Outcomes
from holdall_file.faults import Busy, SyncFailed
from holdall_file.folder import Folder, write_all
from holdall_file.intents import Intents
from holdall_file.lasting import LARGE, Lasting
from holdall_file.lines import Parsed, commit_line, compose
from holdall_file.shelf import Session, Shelf
from holdall_file.turn import Turn
from holdall_file.wal import ENTRY, Entry, Wal

__all__ = ["Shortcut"]


class Step:
    """One commit on one session: its bytes, and what they make of the session."""

    __slots__ = ("before", "commit", "data", "digest", "end", "head", "id", "index", "line", "session", "start")

    def __init__(self, index: int, commit: Commit, session: Session) -> None:
        """Put it together; raises ``Conflict``, and ``ValueError`` for what can't be written down."""
        self.index, self.commit, self.session = index, commit, session
        self.digest, self.id = session.digest, session.id
        state = session.state
        self.head: Head = commit.onto(state.head)
        self.start = start = state.end
        self.before: Parsed | None = None
        """The checkpoint that was due."""
        if state.due:
            checkpoint, self.before = compose(state.checkpoint_line(), start)
            data, self.line = commit_line(commit, self.before.end, last=start, group=start)
            self.data = checkpoint + data
        else:
            self.data, self.line = commit_line(commit, start, last=state.checkpoint)
        self.end = self.line.end

    def intent(self) -> tuple[str, int, int, Mapping[str, int | None]]:
        """What the catalogue is told before anything is written."""
        commit = self.commit
        return commit.partition, commit.version, commit.expect, commit.marks

    def entry(self) -> Entry:
        """The bytes for the write-ahead log."""
        return Entry(self.digest, self.id, self.start, self.data)

    def publish(self) -> int:
        """Let every reader see it; how many bytes more are in memory."""
        session = self.session
        with session.guard:
            state = session.state
            warm = state.warm
            if self.before is not None:
                state.apply(self.before)
            state.apply(self.line, self.head)
            for address, record in self.commit.write.items():
                state.keep(address, record)
            session.writing = False
        return state.warm - warm

    def turn(self) -> Turn:
        """The same as the writer knows it."""
        turn = Turn(self.commit.partition, self.session)
        turn.start, turn.end = self.start, self.end
        turn.commits.append((self.index, self.commit))
        return turn


class Shortcut:
    """Used by who holds the writer's turn."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the writer has
        self, folder: Folder, shelf: Shelf, wal: Wal, intents: Intents, lasting: Lasting, after: Aftermath
    ) -> None:
        self._durable = folder.durable
        self._shelf = shelf
        self._wal = wal
        self._intents = intents
        self._lasting = lasting
        self._after = after

    def commit(self, commits: Sequence[Commit]) -> Outcomes | None:
        """The outcome of each, all on partitions of their own; ``None``: it may take long, so nothing was done."""
        if not self._lasting.calm:
            return None
        outcomes: Outcomes = [None] * len(commits)
        held: list[Session] = []
        steps: list[Step] = []
        try:
            for index, commit in enumerate(commits):
                try:
                    session = self._shelf.open_now(commit.partition)
                    if session is None:
                        return None
                    held.append(session)
                    if session.state.wide and session.state.due:
                        return None
                    steps.append(Step(index, commit, session))
                except Exception as error:  # noqa: BLE001 - the others have nothing to do with it
                    outcomes[index] = self._after.refusal(error)
            return outcomes if not steps or self._make(steps, outcomes) else None
        finally:
            for session in held:
                fcntl.flock(session.file.fd, fcntl.LOCK_UN)

    def _make(self, steps: list[Step], outcomes: Outcomes) -> bool:
        """Whether it was made, or failed; False: it would take long."""
        size = ENTRY * len(steps)
        for step in steps:
            size += step.end - step.start
        if size >= LARGE or (self._durable and not self._wal.ready(size)):
            return False
        try:
            done = self._write(steps, outcomes)
            if done is None:
                return False
            for step in done:
                self._after.grown(step.session, step.publish())
        except BaseException as error:  # an interrupt may come at any point of the main thread
            for step in steps:
                self._after.undo(step.turn(), SyncFailed(EINTR, f"interrupted: {error!r}"))
                self._shelf.remove(step.session)
            raise
        return True

    def _write(self, steps: list[Step], outcomes: Outcomes) -> list[Step] | None:
        """Those that are on the disk now; ``None``: somebody empties the catalogue's log, so nothing was written."""
        lasting = self._lasting
        if not self._durable:
            lasting.stopwatch.start()
        try:
            self._wal.announce([step.digest for step in steps])
            self._intents.append([step.intent() for step in steps], wait=False)
        except Busy:
            return None
        except OSError as error:
            return self._fail(steps, steps, error, outcomes)
        done = steps
        for step in steps:
            step.session.writing = True
            try:
                write_all(step.session.file.fd, step.data, step.start)
            except OSError as error:
                done = self._fail([step], done, error, outcomes)
        if not self._durable:
            lasting.note(done)
            lasting.pace.took(lasting.stopwatch.stop())
        elif done:
            try:
                lasting.append(done)
            except OSError as error:
                return self._fail(done, done, error, outcomes)
        return done

    def _fail(self, failed: list[Step], of: list[Step], error: OSError, outcomes: Outcomes) -> list[Step]:
        for step in failed:
            self._after.fail(step.turn(), error, outcomes)
        return [step for step in of if step not in failed]
