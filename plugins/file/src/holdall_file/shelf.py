"""The open sessions, and those that were put aside. The writer's thread opens, locks and changes them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from operator import attrgetter

from holdall.contract import Snapshot, Span
from holdall.errors import Damaged
from holdall_file.aside import Aside
from holdall_file.cold import Found, Stretch, catch_up, open_tail, read_everything
from holdall_file.faults import Bad, Busy
from holdall_file.folder import Folder, digest_of, lock, log_name
from holdall_file.living import dead
from holdall_file.seek import Plan
from holdall_file.session import Session
from holdall_file.state import State

__all__ = ["Shelf"]

_WARM = 32 * 1024 * 1024
"""Bytes of records kept in memory for all sessions."""
_NOW = fcntl.LOCK_EX | fcntl.LOCK_NB
_used = attrgetter("used")
_FAR = 128 * 1024
"""A session that is further behind than this is opened anew, from its last checkpoint: readers don't wait for it."""


class Shelf:
    """Opens sessions and keeps the most recently used."""

    def __init__(self, folder: Folder, *, limit: int) -> None:
        self._folder = folder
        self._durable = folder.durable
        self.own_wal = ""
        """The name of this process's write-ahead log, once it has one."""
        self._limit = limit
        self._sessions: dict[str, Session] = {}
        self._aside = Aside()
        self._clock = 0
        self._warm = 0
        self.unsynced: dict[str, tuple[str, int, int]] = {}
        """Files whose last bytes are in our write-ahead log only: the id of each, where those begin, and their end."""

    def peek(self, partition: str) -> Session | None:
        """The session if it is open. Any thread may ask."""
        session = self._sessions.get(partition)
        if session is not None:
            self._clock = session.used = self._clock + 1
        return session

    def knows(self, partition: str) -> bool:
        """Whether the session is open, or was put aside."""
        return partition in self._sessions or partition in self._aside

    def add(self, session: Session) -> None:
        """Keep a session open; the least recently used are put aside."""
        self._sessions[session.partition] = session
        self._clock = session.used = self._clock + 1
        if len(self._sessions) > self._limit:
            # Several, so that sorting costs little; few, so that the event loop is not kept long.
            for old in sorted(self._sessions.values(), key=_used)[: max(self._limit // 32, 1)]:
                del self._sessions[old.partition]
                self._aside.put(old)

    def warmed(self, more: int) -> None:
        """Note that ``more`` bytes of records are kept; when they are too many, the least recently used go."""
        self._warm += more
        if self._warm > _WARM:
            sessions = sorted(self.all(), key=_used)
            self._warm = sum(session.state.warm for session in sessions)
            for session in sessions:
                if self._warm <= _WARM // 2:
                    break
                self._warm -= session.state.warm
                session.cool()

    def open_now(self, partition: str) -> Session | None:
        """The session, locked, when it is open or aside, as we know it, and can be written to without long work.

        Raises ``Busy`` when somebody else has it.
        """
        session = self._sessions.get(partition) or self._back(partition)
        if session is None or session.dead or (session.own_sync and self._durable):
            return None
        fd, state = session.file.fd, session.state
        end = state.end
        if end >= state.due_at and state.wide:
            return None
        try:
            fcntl.flock(fd, _NOW)
        except BlockingIOError:
            raise Busy from None
        found = os.fstat(fd)
        if found.st_size == end and found.st_nlink:
            self._clock = session.used = self._clock + 1
            session.held = True
            return session
        self.release(session)
        return None

    def _back(self, partition: str) -> Session | None:
        """A session that was put aside, open again; ``None`` also where its file is another, which ``hold`` opens."""
        session = self._open(partition) if partition in self._aside else None
        if session is None or session.state.head is None:
            return None
        self.add(session)
        return session

    def remove(self, session: Session) -> None:
        """Forget a session whose file went, or whose state is not trusted any more."""
        session.dead = True
        if self._sessions.get(session.partition) is session:
            del self._sessions[session.partition]

    def moved_away(self, digest: str) -> None:
        """Forget a session whose file still is, but under another name: it would be taken for the log."""
        for session in self.all():
            if session.digest == digest:
                self.remove(session)

    def all(self) -> list[Session]:
        """The sessions that are open now."""
        return list(self._sessions.values())

    def hold(self, partition: str, how: int) -> Session | None:
        """The session, locked and caught up with other processes; ``None``: there is no such file.

        Raises ``Busy`` when another process has it locked, or died and left something to put in order.
        """
        for _ in range(64):
            session = self._sessions.get(partition) or self._open(partition)
            if session is None:
                return None
            lock(session.file.fd, how)
            session.held = True
            try:
                if self._current(session):
                    self.add(session)
                    return session
            except BaseException:
                self.release(session)
                raise
            self.release(session)
            self.remove(session)
        raise Busy

    def look(self, partition: str, spans: Sequence[Span]) -> Snapshot | Plan | None:
        """Open a session or bring it up to date with other processes, and plan a reading. Raises ``Busy``."""
        session = self.hold(partition, fcntl.LOCK_SH)
        if session is None:
            return None
        try:
            found = session.read(spans, wait=True)
            if found is None:
                raise Busy
            return found
        finally:
            self.release(session)

    def look_many(self, partitions: Sequence[str], spans: Sequence[Span]) -> list[Snapshot | Plan | Exception | None]:
        """The same for each of many, or why not."""
        found: list[Snapshot | Plan | Exception | None] = []
        for partition in partitions:
            try:
                found.append(self.look(partition, spans))
            except Exception as error:  # noqa: BLE001 - the others have nothing to do with it
                found.append(error)
        return found

    def release(self, session: Session) -> None:
        """Unlock."""
        session.held = False
        fcntl.flock(session.file.fd, fcntl.LOCK_UN)

    def forget(self) -> None:
        """Let every file and its lock go."""
        for session in self.all():
            session.dead = True
            session.file.close()

    def _current(self, session: Session) -> bool:
        """Catch up with other processes, under the lock; False when the file was replaced or removed."""
        found = os.fstat(session.file.fd)
        if not found.st_nlink:
            return False
        state, size = session.state, found.st_size
        if state.head is None or found.st_size != state.end:
            if state.head is None:
                state = self._first_look(session, size)
            elif not 0 < size - state.end < _FAR:
                return False
            else:
                try:
                    with session.guard:
                        catch_up(state, session.file.fd, size)
                        self._look_for_the_dead(session)
                except Bad:
                    return False
            known = self.unsynced.get(session.digest)
            session.own_sync = known is None or (known[0], known[2]) != (session.id, state.end)
        return True

    def _look_for_the_dead(self, session: Session) -> None:
        """Before foreign bytes are believed: was one who wrote them killed on the way?

        As late as can be: who dies may lose the lock of the session some moments before that of his write-ahead log.
        """
        nobody = False
        try:
            nobody = not dead(self._folder, self.own_wal)
        finally:
            if not nobody:  # what was read of it is forgotten
                self.remove(session)
        if nobody:
            return
        from holdall_file.recovery import bury  # noqa: PLC0415 - somebody died

        self.release(session)
        bury(self._folder, self.own_wal)
        raise Busy

    def _open(self, partition: str) -> Session | None:
        digest = digest_of(partition)
        try:
            file = self._folder.open(log_name(digest))
        except FileNotFoundError:
            return None
        return self._aside.take(partition, file) or Session(file, "", State(partition, 0), digest)

    def _first_look(self, session: Session, size: int) -> State:
        fd = session.file.fd
        try:
            found = open_tail(fd, size)
            self._look_for_the_dead(session)
        except Bad as bad:
            self._look_for_the_dead(session)
            found = self._salvage(session, size, bad)
        if found.state.partition != session.partition:
            raise self._damage(session, 0, size, f"it belongs to {found.state.partition!r}")
        with session.guard:
            session.known(found.header.id, found.state)
        return found.state

    def _salvage(self, session: Session, size: int, first: Bad) -> Found:
        """What can still be read of a damaged log. Its head must be known: a damaged last line hides it."""
        try:
            found = read_everything(session.file.fd, size)
        except Bad as bad:
            raise self._damage(session, 0, size, bad.reason) from None
        from holdall_file.recovery import report_damage  # noqa: PLC0415 - few logs are damaged

        self._folder.report.owners[log_name(session.digest)] = session.partition
        for stretch in found.bad:
            if stretch.stop >= size and not stretch.members:
                raise self._damage(session, stretch.start, size, stretch.reason)
            report_damage(self._folder, session.file.fd, session.digest, stretch)
        if found.state.head is None:
            raise self._damage(session, first.offset, size, first.reason)
        return found

    def _damage(self, session: Session, start: int, stop: int, reason: str) -> Damaged:
        from holdall_file.recovery import report_damage  # noqa: PLC0415 - as above

        self._folder.report.owners[log_name(session.digest)] = session.partition
        report_damage(self._folder, session.file.fd, session.digest, Stretch(start, stop, reason, members=False))
        return Damaged(log_name(session.digest), f"{reason} (bytes {start} to {stop})")
