"""What one batch adds to one log: put together here, written and published by the writer."""

from __future__ import annotations

import fcntl
import os
import secrets
from zlib import crc32

from holdall.contract import Commit, Head
from holdall_file.faults import Busy
from holdall_file.folder import Folder, digest_of, lock, log_name, write_all
from holdall_file.lines import FORMAT, Entry, Header, Line, Parsed, compose, encode, pack
from holdall_file.shelf import Session
from holdall_file.state import State
from holdall_file.wal import Entry as WalEntry

__all__ = ["Turn"]

_LARGEST = 1 << 63


class Turn:
    """Commits on one partition, in order, on top of its published state."""

    def __init__(self, partition: str, session: Session | None) -> None:
        self.partition = partition
        self.session = session
        self.created = False
        self.head = None if session is None else session.state.head
        self.decided = 0 if self.head is None else self.head.version
        self.commits: list[tuple[int, Commit]] = []
        self.start = 0 if session is None else session.state.end
        self._parts: list[bytes] = []
        self._lines: list[tuple[Parsed, Head | None]] = []
        self._last = 0 if session is None else session.state.checkpoint
        self._end = self.start
        self._id = secrets.token_hex(8) if session is None else session.id
        self.digest = digest_of(partition) if session is None else session.digest

    def add(self, index: int, commit: Commit) -> None:
        """Put one more commit on top; raises ``Conflict``."""
        head = commit.onto(self.head)
        if any(score is not None and not -_LARGEST <= score < _LARGEST for score in commit.marks.values()):
            raise ValueError("a mark's score needs more than 64 bits")
        if not self._parts:
            self._begin()
        records: list[bytes] = []
        at: list[Entry] = []
        for (lane, position), record in commit.write.items():
            raw, form = pack(record)
            records.append(raw)
            at.append((lane, position, len(raw), crc32(raw), form))
        line = Line(
            commit=commit.version,
            on=commit.expect,
            changed=None if commit.changed == commit.version else commit.changed,
            expires=commit.expires_at,
            last=self._last,
            group=self.start if self._parts else None,
            lanes={
                name: None if lane is None else [lane.first, lane.stop, lane.rewritten]
                for name, lane in commit.lanes.items()
            },
            marks=dict(commit.marks),
            at=at,
        )
        self._put(line, records, head)
        self.head = head
        self.commits.append((index, commit))

    def _begin(self) -> None:
        if self.session is None:
            header = encode(Header("session", FORMAT, self._id, self.partition))
            self._parts.append(header)
            self._end = len(header)
        elif self.session.state.due:
            self._last = self._end
            self._put(self.session.state.checkpoint_line(), [], None)

    def _put(self, line: Line, records: list[bytes], head: Head | None) -> None:
        data, parsed = compose(line, self._end, records)
        self._parts.append(data)
        self._lines.append((parsed, head))
        self._end = parsed.end

    def intents(self) -> list[tuple[str, int, int, dict[str, int | None]]]:
        """What the catalogue is told before anything is written."""
        return [(self.partition, commit.version, self.decided, dict(commit.marks)) for _, commit in self.commits]

    def entry(self) -> WalEntry:
        """The same bytes for the write-ahead log."""
        return WalEntry(self.digest, self._id, self.start, self._bytes())

    def _bytes(self) -> bytes:
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def write(self, folder: Folder) -> None:
        """Write the bytes: behind the log's end, or as a new file that appears whole and locked."""
        data = self._bytes()
        if self.session is None:
            self._create(folder, data)
        else:
            self.session.writing = True
            write_all(self.session.file.fd, data, self.start)

    def _create(self, folder: Folder, data: bytes) -> None:
        directory = f"s/{self.digest[:2]}"
        temporary = f"{directory}/{self.digest}.{self._id}.tmp"
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
            raise Busy from None
        except BaseException:
            folder.unlink(temporary)
            raise
        state = State(self.partition, self._lines[0][0].start)
        self.session = Session(file, self._id, state, self.digest)
        self.created = True
        self.session.writing = True

    def undo(self, folder: Folder) -> bool:
        """Take the bytes away again; False when even that failed."""
        session = self.session
        if session is None:
            return True
        try:
            if self.created:
                folder.unlink(log_name(self.digest))
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
            for parsed, head in self._lines:
                session.state.apply(parsed, head)
            session.writing = False
        return session
