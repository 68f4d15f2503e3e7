"""What one batch adds to one log: put together here, written and published by the writer."""

from __future__ import annotations

import fcntl
import os

from holdall.contract import Commit, Head
from holdall_file.faults import Busy
from holdall_file.folder import Folder, digest_of, lock, log_name, write_all
from holdall_file.lines import FORMAT, Header, Laid, Parsed, commit_line, compose, encode, marks_of
from holdall_file.session import Session
from holdall_file.state import State

__all__ = ["Turn"]


class Turn:
    """Commits on one partition, in order, on top of its published state."""

    __slots__ = (
        "_before",
        "_laid",
        "_last",
        "_parts",
        "commits",
        "created",
        "decided",
        "digest",
        "end",
        "head",
        "id",
        "key",
        "partition",
        "session",
        "start",
    )

    def __init__(self, partition: str, session: Session | None) -> None:
        self.partition = partition
        self.session = session
        self.created = False
        self.commits: list[tuple[int, Commit]] = []
        self._parts: list[bytes] = []
        self._before: Parsed | None = None
        """The checkpoint that was due."""
        self._laid: list[tuple[Commit, Head, Laid]] = []
        if session is None:
            self.head = None
            self.decided = self.start = self.end = self._last = 0
            self.id, self.digest, self.key = os.urandom(8).hex(), digest_of(partition), b""
        else:
            state = session.state
            self.head = state.head
            self.decided = 0 if state.head is None else state.head.version
            self.start = self.end = state.end
            self._last = state.checkpoint
            self.id, self.digest, self.key = session.id, session.digest, session.key

    def add(self, index: int, commit: Commit) -> None:
        """Put one more commit on top; raises ``Conflict``."""
        head = commit.onto(self.head)
        if not self._parts:
            self._begin()
        group = self.start if self._parts else None
        data, laid = commit_line(commit, marks_of(commit), self.end, self._last, group)
        self._parts.append(data)
        self._laid.append((commit, head, laid))
        self.head, self.end = head, laid.end
        self.commits.append((index, commit))

    def _begin(self) -> None:
        if self.session is None:
            header = encode(Header("session", FORMAT, self.id, self.partition))
            self._parts.append(header)
            self.end = len(header)
        elif self.end >= self.session.state.due_at:
            self._last = self.end
            data, self._before = compose(self.session.state.checkpoint_line(), self.end)
            self._parts.append(data)
            self.end = self._before.end

    def intent(self) -> tuple[str, int, int, dict[str, int | None]]:
        """What the catalogue is told before anything is written. All commits come to be together, or none does."""
        marks: dict[str, int | None] = {}
        for _, commit in self.commits:
            marks.update(commit.marks)
        return self.partition, self.commits[-1][1].version, self.decided, marks

    @property
    def data(self) -> bytes:
        """The bytes from ``start`` to ``end``."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def write(self, folder: Folder) -> None:
        """Write the bytes: behind the log's end, or as a new file that appears whole and locked."""
        if self.session is None:
            self._create(folder, self.data)
        else:
            self.session.writing = True
            write_all(self.session.file.fd, self.data, self.start)

    def _create(self, folder: Folder, data: bytes) -> None:
        directory = f"s/{self.digest[:2]}"
        temporary = f"{directory}/{self.digest}.{self.id}.tmp"
        try:
            file = folder.create(temporary)
        except FileNotFoundError:
            folder.make(directory)
            file = folder.create(temporary)
        try:
            lock(file.fd, fcntl.LOCK_EX)
            write_all(file.fd, data, 0)
            folder.link(temporary, log_name(self.digest))
        except FileNotFoundError:  # taken for a dead process's by one who tidied up
            file.close()
            raise Busy from None
        except BaseException:
            file.close()  # now: where descriptors have run out, the next try needs it
            folder.unlink(temporary)
            raise
        state = State(self.partition, self._laid[0][2].start)
        self.session = Session(file, self.id, state, self.digest)
        self.session.held = True
        self.created = True
        self.session.writing = True

    def undo(self, folder: Folder) -> bool:
        """Take the bytes away again; False when even that failed."""
        session = self.session
        if session is None or not session.writing:
            return True
        try:
            if self.created:
                folder.unlink(log_name(self.digest))
                session.file.close()
                self.session = None
            else:
                os.ftruncate(session.file.fd, self.start)
        except OSError:
            return False
        finally:
            session.writing = False
        return True

    def publish(self) -> Session:
        """Let every reader see it."""
        session = self.session
        if session is None:
            raise AssertionError("nothing was written")
        with session.guard:
            state = session.state
            if self._before is not None:
                state.apply(self._before)
            for commit, head, laid in self._laid:
                state.commit(commit, head, laid)
            session.writing = False
        return session
