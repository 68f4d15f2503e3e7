"""One open session: its file, and what is published of its log. Any thread may read that."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

from holdall.contract import Address, Head, Records, Snapshot, Span
from holdall_file.folder import Descriptor
from holdall_file.seek import Plan
from holdall_file.state import State

__all__ = ["Session"]


class Session:
    """One log in memory. ``state`` is what every reader may see; it moves only when a commit is durable."""

    __slots__ = (
        "dead",
        "digest",
        "file",
        "guard",
        "held",
        "id",
        "key",
        "own_sync",
        "partition",
        "state",
        "used",
        "writing",
    )

    def __init__(self, file: Descriptor, file_id: str, state: State, digest: str) -> None:
        self.file = file
        self.digest = digest
        self.partition = state.partition
        self.guard = threading.Lock()
        """Held to change or to read ``state``; never over a sync."""
        self.known(file_id, state)
        self.writing = False
        """Bytes of ours stand behind ``state.end`` and are not decided; the file's lock is ours."""
        self.own_sync = True
        """Bytes before ``state.end`` may be neither in the file on the disk nor in a write-ahead log of ours."""
        self.dead = False
        """Nobody may read it any more, nor write to it: its file went, its state is not trusted, or it was put aside."""
        self.held = False
        """Its lock is ours."""
        self.used = 0

    def known(self, file_id: str, state: State) -> None:
        """Take the id and the state of the file."""
        self.id, self.state = file_id, state
        self.key = bytes.fromhex(self.digest) + file_id.encode()
        """What the write-ahead log names the file by."""

    def read(self, spans: Sequence[Span], *, wait: bool = False) -> Snapshot | Plan | None:
        """What memory has of ``spans``, or what reading them takes; ``None``: another process changed the file.

        Unless told to ``wait``, it also gives up while another thread is at the session.
        """
        if not self.guard.acquire(blocking=wait):
            return None
        try:
            state = self.state
            head = state.head
            if head is None or self.dead or not (self.writing or self.fresh()):
                return None
            if not spans:
                return Snapshot(head)
            records = self._hot(head, spans)
            return Plan(self.digest, self.file, head, state, spans) if records is None else Snapshot(head, records)
        finally:
            self.guard.release()

    def _hot(self, head: Head, spans: Sequence[Span]) -> Records | None:
        tracks = self.state.tracks
        records: dict[Address, bytes] = {}
        try:
            for span in spans:
                name = span.lane
                lane = head.lanes.get(name)
                positions = () if lane is None else span.within(lane)
                if positions:
                    hot = tracks[name].hot
                    if len(positions) > len(hot):
                        return None
                    records.update({(name, position): hot[position] for position in positions})
        except KeyError:
            return None
        return records

    def keep(self, plan: Plan, records: Mapping[Address, bytes]) -> int:
        """Keep what was read, where it is still what stands there; how many bytes more are in memory."""
        if not self.guard.acquire(blocking=False):
            return 0
        try:
            if plan.file is not self.file:
                return 0
            before = self.state.warm
            for address, place in plan.places.items():
                self.state.keep(address, records[address], place)
            return self.state.warm - before
        finally:
            self.guard.release()

    def cool(self) -> None:
        """Keep no records in memory, unless somebody is at them."""
        if self.guard.acquire(blocking=False):
            self.state.cool(wholly=True)
            self.guard.release()

    def fresh(self) -> bool:
        """Whether the file is as we know it."""
        found = os.fstat(self.file.fd)
        return found.st_size == self.state.end and found.st_nlink > 0
