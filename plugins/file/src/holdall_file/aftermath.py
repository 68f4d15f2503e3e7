"""What comes after a write: a session that grew, or one that must be put back as it was."""

from __future__ import annotations

from holdall.errors import Damaged, Invalid, StorageError, StorageUnavailable
from holdall_file.faults import Busy, SyncFailed, typed
from holdall_file.folder import Folder
from holdall_file.lasting import Lasting
from holdall_file.session import Session
from holdall_file.shelf import Shelf
from holdall_file.turn import Turn

__all__ = ["Aftermath", "Outcomes"]

Outcomes = list[BaseException | None]
"""What became of each commit of a batch."""
_LIGHT = 64 * 1024
"""A log with fewer dead bytes than that is not compacted …"""
_SWEPT = 4
"""… unless a commit replaced more records than that, as one does that writes all of them anew, by another codec."""


class Aftermath:
    """Used by the writer, one call at a time."""

    def __init__(self, folder: Folder, shelf: Shelf, lasting: Lasting) -> None:
        self._folder = folder
        self._shelf = shelf
        self._lasting = lasting
        self.heavy: set[str] = set()
        """Partitions whose logs hold more dead bytes than live ones."""
        self.refused: str | None = None
        """Why the last write could not be made: no room, no permission, no descriptor, in one line."""

    def grown(self, session: Session, warm: int) -> None:
        """Note that a commit is published, and keeps ``warm`` bytes more in memory."""
        self._shelf.warmed(warm)
        state = session.state
        if 2 * state.dead > state.end and (state.dead > _LIGHT or state.rewritten > _SWEPT):
            self.heavy.add(session.partition)
        self.refused = None

    def fail(self, turn: Turn, error: BaseException, outcomes: Outcomes) -> None:
        """Take back what was not made, and say so to whoever asked for it."""
        self.undo(turn, error)
        told = self.refusal(Busy() if isinstance(error, FileExistsError) else error)
        for index, _ in turn.commits:
            outcomes[index] = told

    def refusal(self, error: BaseException) -> BaseException:
        """What is told of ``error``; an operator hears of it too, unless it is a matter of one session."""
        if isinstance(error, ValueError):  # a name that is no text, a number that is too large
            return Invalid(f"it can't be written down: {error}")
        told = typed(error)
        if isinstance(told, StorageError) and not isinstance(told, (Damaged, StorageUnavailable)):
            self.refused = str(told)
        return told

    def undo(self, turn: Turn, error: BaseException) -> None:
        """Take a turn's bytes away; what a failed sync did to the bytes before them is put right before the next."""
        if isinstance(error, SyncFailed):
            self._lasting.failed(turn, error)
        if turn.session is not None:
            turn.session.own_sync = True
            if not turn.undo(self._folder):
                self._shelf.remove(turn.session)
