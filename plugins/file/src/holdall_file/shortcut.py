"""The short way: commits that the event loop makes itself, on sessions that are open, or aside, and as we know them.

Every message of a live conversation comes this way. What the writer does in many calls, for everything that may
happen, is done here in few for what mostly does. The rest is left to the writer, before anything was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import EINTR

from msgspec import Raw, Struct

from holdall.contract import Commit, Head
from holdall_file.aftermath import Aftermath, Outcomes
from holdall_file.faults import Busy, SyncFailed
from holdall_file.folder import Folder, write_all
from holdall_file.intents import Intents
from holdall_file.lasting import LARGE, Lasting
from holdall_file.lines import Laid, Parsed, commit_line, compose, marks_of
from holdall_file.session import Session
from holdall_file.shelf import Shelf
from holdall_file.turn import Turn
from holdall_file.wal import ENTRY, Wal

__all__ = ["Shortcut"]


class Step(Struct, eq=False, gc=False):
    """One commit on one session: its bytes, and what they make of the session."""

    index: int
    commit: Commit
    session: Session
    digest: str
    id: str
    key: bytes
    start: int
    end: int
    data: bytes
    head: Head
    laid: Laid
    intent: tuple[str, int, int, Raw]
    before: Parsed | None
    """The checkpoint that was due."""

    def turn(self) -> Turn:
        """The same as the writer knows it."""
        turn = Turn(self.commit.partition, self.session)
        turn.start, turn.end = self.start, self.end
        turn.commits.append((self.index, self.commit))
        return turn


def _step(index: int, commit: Commit, session: Session) -> Step:
    """Put it together; raises ``Conflict``, and ``ValueError`` for what can't be written down."""
    state = session.state
    head, marks, start = commit.onto(state.head), marks_of(commit), state.end
    if start < state.due_at:
        before = None
        data, laid = commit_line(commit, marks, start, state.checkpoint)
    else:
        checkpoint, before = compose(state.checkpoint_line(), start)
        data, laid = commit_line(commit, marks, before.end, start, start)
        data = checkpoint + data
    intent = (commit.partition, commit.version, commit.expect, marks)
    digest, name, key = session.digest, session.id, session.key
    return Step(index, commit, session, digest, name, key, start, laid.end, data, head, laid, intent, before)


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
        outcomes: Outcomes = []
        steps: list[Step] = []
        size = 0
        try:
            for commit in commits:
                refused = None
                try:
                    session = self._shelf.open_now(commit.partition)
                    if session is None:
                        return None
                    try:
                        step = _step(len(outcomes), commit, session)
                        steps.append(step)
                    except BaseException:
                        self._shelf.release(session)
                        raise
                    size += len(step.data)
                except Exception as error:  # noqa: BLE001 - the others have nothing to do with it
                    refused = self._after.refusal(error)
                outcomes.append(refused)
            size += ENTRY * len(steps)
            if size >= LARGE or (self._durable and not self._wal.ready(size)):
                return None
            return outcomes if not steps or self._make(steps, outcomes) else None
        finally:
            for step in steps:
                self._shelf.release(step.session)

    def _make(self, steps: list[Step], outcomes: Outcomes) -> bool:
        """Whether it was made, or failed; False: somebody empties the catalogue's log, so nothing was written."""
        lasting, durable = self._lasting, self._durable
        if not durable:
            lasting.stopwatch.start()
        try:
            try:
                self._wal.announce([step.digest for step in steps])
                self._intents.append([step.intent for step in steps], wait=False)
            except Busy:
                return False
            except OSError as error:
                self._fail(steps, steps, error, outcomes)
                return True
            done = steps
            for step in steps:
                session = step.session
                session.writing = True
                try:
                    write_all(session.file.fd, step.data, step.start)
                except OSError as error:
                    done = self._fail([step], done, error, outcomes)
            if durable:
                done = self._sync(done, outcomes)
            else:
                lasting.note(done)
                lasting.pace.took(lasting.stopwatch.stop())
            for step in done:
                self._publish(step)
        except BaseException as error:  # an interrupt may come at any point of the main thread
            for step in steps:
                self._after.undo(step.turn(), SyncFailed(EINTR, f"interrupted: {error!r}"))
                self._shelf.remove(step.session)
            raise
        return True

    def _sync(self, written: list[Step], outcomes: Outcomes) -> list[Step]:
        """Those that are on the disk now."""
        try:
            if written:
                self._lasting.append(written)
        except OSError as error:
            return self._fail(written, written, error, outcomes)
        return written

    def _publish(self, step: Step) -> None:
        """Let every reader see it."""
        session, before = step.session, step.before
        with session.guard:
            state = session.state
            warm = state.warm
            if before is not None:
                state.apply(before)
            state.commit(step.commit, step.head, step.laid)
            session.writing = False
        self._after.grown(session, state.warm - warm)

    def _fail(self, failed: list[Step], of: list[Step], error: OSError, outcomes: Outcomes) -> list[Step]:
        for step in failed:
            self._after.fail(step.turn(), error, outcomes)
        return [step for step in of if step not in failed]
