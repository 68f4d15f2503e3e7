"""The short way: commits that the event loop makes itself, on sessions that are open and as we know them.

Every message of a live conversation comes this way. What the writer does in many calls, for everything that may
happen, is done here in few for what mostly does. The rest is left to the writer, before anything was done.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
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
from holdall_file.wal import ENTRY, Wal

__all__ = ["Shortcut"]


class Step:
    """One commit on one session: its bytes, and what they make of the session."""

    __slots__ = (
        "before",
        "commit",
        "data",
        "digest",
        "end",
        "head",
        "id",
        "index",
        "key",
        "laid",
        "session",
        "start",
    )

    def __init__(self, index: int, commit: Commit, session: Session) -> None:
        """Put it together; raises ``Conflict``, and ``ValueError`` for what can't be written down."""
        self.index, self.commit, self.session = index, commit, session
        self.digest, self.id, self.key = session.digest, session.id, session.key
        state = session.state
        self.head: Head = commit.onto(state.head)
        self.start = start = state.end
        self.before: Parsed | None = None
        """The checkpoint that was due."""
        if start < state.due_at:
            self.data, self.laid = commit_line(commit, start, state.checkpoint)
        else:
            checkpoint, self.before = compose(state.checkpoint_line(), start)
            data, self.laid = commit_line(commit, self.before.end, start, start)
            self.data = checkpoint + data
        self.end = self.laid.end

    def publish(self) -> int:
        """Let every reader see it; how many bytes more are in memory."""
        session = self.session
        with session.guard:
            state = session.state
            warm = state.warm
            if self.before is not None:
                state.apply(self.before)
            state.commit(self.commit, self.head, self.laid)
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
        size = 0
        try:
            for index, commit in enumerate(commits):
                try:
                    session = self._shelf.open_now(commit.partition)
                    if session is None:
                        return None
                    held.append(session)
                    state = session.state
                    if state.end >= state.due_at and state.wide:
                        return None
                    step = Step(index, commit, session)
                    size += ENTRY + len(step.data)
                    steps.append(step)
                except Exception as error:  # noqa: BLE001 - the others have nothing to do with it
                    outcomes[index] = self._after.refusal(error)
            if size >= LARGE or (self._durable and not self._wal.ready(size)):
                return None
            return outcomes if not steps or self._make(steps, outcomes) else None
        finally:
            for session in held:
                fcntl.flock(session.file.fd, fcntl.LOCK_UN)

    def _make(self, steps: list[Step], outcomes: Outcomes) -> bool:
        """Whether it was made, or failed; False: somebody empties the catalogue's log, so nothing was written."""
        lasting = self._lasting
        if not self._durable:
            lasting.stopwatch.start()
        try:
            try:
                self._wal.announce([step.digest for step in steps])
                commits = [step.commit for step in steps]
                self._intents.append(
                    [(commit.partition, commit.version, commit.expect, commit.marks) for commit in commits], wait=False
                )
            except Busy:
                return False
            except OSError as error:
                self._fail(steps, steps, error, outcomes)
                return True
            for step in self._write(steps, outcomes):
                self._after.grown(step.session, step.publish())
        except BaseException as error:  # an interrupt may come at any point of the main thread
            for step in steps:
                self._after.undo(step.turn(), SyncFailed(EINTR, f"interrupted: {error!r}"))
                self._shelf.remove(step.session)
            raise
        return True

    def _write(self, steps: list[Step], outcomes: Outcomes) -> list[Step]:
        """Those that are on the disk now."""
        lasting, done = self._lasting, steps
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
