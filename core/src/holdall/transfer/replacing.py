"""What becomes of one partition that is damaged: lost records are replaced, and what is derived is made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdall.codecs import Codec
from holdall.contract import Head, Records
from holdall.errors import Damaged
from holdall.sessions.names import branch_of
from holdall.sessions.steps import Step
from holdall.transfer.damage import Hurt
from holdall.transfer.derived import THREADS, Derived, derived_of
from holdall.transfer.substitutes import substitute

__all__ = ["Loss", "Replacing"]

_GONE = "all of it: it is nothing without this record, and is removed"
_NOTHING = "nothing; it is made again from the messages"


@dataclass(frozen=True, slots=True)
class Loss:
    """A record that cannot be read, and what that costs."""

    hurt: Hurt
    lost: str

    def __str__(self) -> str:
        return f"{self.hurt.partition} {self.hurt.lane}[{self.hurt.position}]: {self.lost}"


class Replacing:
    """The step that puts a partition right, in the making, and what is to be said of it."""

    def __init__(self, head: Head, owner: str, now: int) -> None:
        """``owner`` is who gets a session that lost its own record; ``now`` is in microseconds."""
        self.step = Step.begin(head.partition, head, now)
        self.losses: list[Loss] = []
        self.again: list[str] = []
        """What is made again though all of it can be read, and why."""
        self.left: list[str] = []
        self.gone = False
        """Whether the partition is nothing any more."""
        self._head = head
        self._owner = owner
        self._derived = Derived(head)
        self._unread: Damaged | None = None

    def read(self, codec: Codec, records: Records) -> None:
        """Take what can be read."""
        for address in records:
            if self._unread is None and self._derived.wants(address[0]):
                try:
                    self._derived.add(address, codec.decode(self._head.partition, address, records[address]))
                except Damaged as damage:  # of no storage, or of a codec that is not there: nothing to replace
                    self._unread = damage

    def replace(self, hurt: Iterable[Hurt]) -> None:
        """Do it, once everything is read: ``hurt`` is what cannot be."""
        damaged: set[str] = set()
        for each in hurt:
            what = derived_of(each.lane) if self._derived.wants(each.lane) else None
            if what is None or (what == THREADS and self._unread is not None):
                self._substitute(each)
            else:
                self.losses.append(Loss(each, _NOTHING))
            damaged |= set() if what is None else {what}
        if self._unread is not None and THREADS in damaged:
            damaged.discard(THREADS)
            self.left.append(f"{self._head.partition} {THREADS}: they are not made again: {self._unread}")
        faults = self._derived.faults() if self._unread is None else dict[str, str]()
        for what in sorted({*damaged, *faults}):
            self._derived.make_again(self.step, what)
            if what not in damaged:
                why = f"does not agree with the messages ({faults[what]}), and is made again from them"
                self.again.append(f"{self._head.partition} {what}: {why}")

    def _substitute(self, hurt: Hurt) -> None:
        lane, position = hurt.lane, hurt.position
        branch = branch_of(lane) if self._derived.wants(lane) else None
        to = None if branch is None else self._derived.begun_by(branch, position)
        found = substitute(self._head, (lane, position), self.step.now // 1000, self._owner, reply_to=to)
        self.losses.append(Loss(hurt, _GONE if found is None else found[1]))
        if found is None:
            self.gone = True
            return
        self.step.rewrite(lane, position, found[0])
        if branch is not None:
            self._derived.add((lane, position), found[0])
