"""What a session keeps that its messages say already, its threads and its totals: whether it is so, and making it again."""

from __future__ import annotations

from collections.abc import Mapping

from holdall.contract import Address, Head, Lane, Span
from holdall.errors import Damaged
from holdall.sessions.names import MAIN, branch_of, is_of_totals, message_id, message_place, messages_lane, totals_lane
from holdall.sessions.steps import Step
from holdall.sessions.threads.comparing import fault, roots
from holdall.sessions.threads.known import LANES
from holdall.sessions.threads.remaking import Reply, in_order, reply_of, woven
from holdall.sessions.threads.table import id_of, key_of
from holdall.transfer.tallying import Tally

__all__ = ["THREADS", "Derived", "derived_of"]

THREADS = "threads"
"""What stands for the lanes of threads together."""


def derived_of(lane: str) -> str | None:
    """What a lane is a part of, if it is derived: the threads, or the totals lane that it is."""
    return THREADS if lane in LANES else lane if is_of_totals(lane) else None


class Derived:
    """Gathers the records of one session, in any order: its messages, and those that are derived from them."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._is_session = head.partition.startswith("session/")
        lanes = {branch: lane for name, lane in head.lanes.items() if (branch := branch_of(name)) is not None}
        self._own = {branch: range(lane.first + (branch != MAIN), lane.stop) for branch, lane in lanes.items()}
        """Where the messages of each branch are; the first record of any but ``main`` is none."""
        self._replies: dict[str, dict[int, Reply]] = {branch: {} for branch in lanes}
        self._tallies = {branch: Tally(own) for branch, own in self._own.items() if totals_lane(branch) in head.lanes}
        self._threads: dict[str, dict[int, bytes]] = {lane: {} for lane in LANES}
        self._totals: dict[str, dict[int, bytes]] = {lane: {} for lane in head.lanes if is_of_totals(lane)}

    def wants(self, lane: str) -> bool:
        """Whether it has to do with the records of ``lane``."""
        return self._is_session and (branch_of(lane) is not None or derived_of(lane) is not None)

    def add(self, address: Address, record: bytes) -> None:
        """Take a decoded record of a lane that it wants; raises ``Damaged`` for a message that is none."""
        lane, position = address
        branch = branch_of(lane)
        if branch is None:
            (self._threads if lane in LANES else self._totals)[lane][position] = record
        elif position in self._own[branch]:
            try:
                self._message(branch, position, record)
            except ValueError as error:
                raise Damaged(f"{self._head.partition} {lane}[{position}]", f"it is no message: {error}") from None

    def _message(self, branch: str, position: int, record: bytes) -> None:
        reply = reply_of(record)
        if branch in self._tallies:
            self._tallies[branch].add(position, record)
        if reply is not None:
            self._replies[branch][position] = reply

    def begun_by(self, branch: str, position: int) -> str | None:
        """The message that began the thread in which a lost one is a reply, as far as the lanes of threads are there."""
        key = key_of(message_id(position, branch))
        root = roots(self._threads).get(key)
        if root is None or root == key:
            return None
        of, at = message_place(id_of(root))
        return None if at in self._replies.get(of, ()) else id_of(root)

    def faults(self) -> Mapping[str, str]:
        """What does not agree with the messages, and why."""
        found: dict[str, str] = {}
        wrong = fault(self._threads, self._in_order())
        if wrong is not None:
            found[THREADS] = wrong
        for lane, kept in self._totals.items():
            tally = self._tallies.get(lane.removeprefix(totals_lane("")))
            wrong = "there is no such branch" if tally is None else tally.fault(kept)
            if wrong is not None:
                found[lane] = wrong
        return found

    def make_again(self, step: Step, what: str) -> None:
        """Have ``step`` put right what is derived: threads from the messages; sums go, and whoever wants them counts."""
        if what != THREADS:
            step.remove(what)
            return
        for lane, records in woven(self._in_order()).items():
            old = self._head.lanes.get(lane, Lane())
            if not records:
                step.remove(lane)
                continue
            step.start(lane, 0, records[0])
            step.append(lane, records[1:])
            if old.stop > len(records):
                step.erase = (*step.erase, Span(lane, len(records), old.stop))

    def _in_order(self) -> list[Reply]:
        lanes = sorted(self._replies, key=lambda branch: (branch != MAIN, messages_lane(branch)))
        return in_order([[reply for _, reply in sorted(self._replies[branch].items())] for branch in lanes])
