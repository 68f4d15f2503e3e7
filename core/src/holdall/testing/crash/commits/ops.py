"""What a writer does: a sequence that the child plays and the parent can play again, from one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from holdall.contract import Commit, Head
from holdall.testing.steps import BORN, Step

__all__ = ["COMMON", "CYCLE", "Append", "Drop", "Operation", "Writer", "partitions"]

COMMON = "common"
"""The partition that all writers append to."""

CYCLE = 1_000_000_000
"""Versions between two cycles, so that a name used again never repeats one."""

PLACES = 3
LANES = ("messages/main", "messages/other", "tools")
SIZES = ((70, 40, 400), (20, 400, 4_000), (8, 4_000, 40_000), (2, 40_000, 200_000))


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop a partition."""

    partition: str
    expect: int


@dataclass(frozen=True, slots=True)
class Append:
    """Append to the common partition, however often others are faster."""

    record: bytes


Operation = Commit | Drop | Append


def partitions(writer: str) -> list[str]:
    """The partitions that belong to one writer."""
    return [f"{writer}-{place}" for place in range(PLACES)]


class Writer:
    """The endless sequence of one writer's operations in one cycle, given what its partitions are at the start."""

    def __init__(self, seed: str, name: str, cycle: int, heads: Mapping[str, Head]) -> None:
        self._random = Random(f"{seed}/{name}/{cycle}")  # noqa: S311 - it must repeat
        self._name = name
        self._cycle = cycle
        self._n = 0
        self._heads: dict[str, Head | None] = {name: heads.get(name) for name in partitions(name)}

    def next(self) -> Operation:
        """The next operation; it is assumed to be acknowledged."""
        self._n += 1
        name = self._random.choice(list(self._heads))
        head = self._heads[name]
        choice = self._random.random()
        if choice < 0.15:
            return Append(self._record())
        if head is not None and choice < 0.22:
            self._heads[name] = None
            return Drop(name, head.version)
        commit = (self._found(name) if head is None else self._move(head, choice)).build()
        self._heads[name] = commit.onto(head)
        return commit

    def _found(self, name: str) -> Step:
        step = Step(name, version=BORN + self._cycle * CYCLE + self._n * 10_000)
        step.append("session", self._record()).append("messages/main", self._record(), self._record())
        return self._marked(step)

    def _move(self, head: Head, choice: float) -> Step:
        step = Step(head)
        lane = self._random.choice(LANES)
        run = head.lanes.get(lane)
        if run is None or not len(run) or choice < 0.65:
            step.append(lane, *(self._record() for _ in range(self._random.choice((1, 1, 2, 5)))))
            step.append(self._random.choice(LANES), self._record())
        elif choice < 0.85:
            step.rewrite(lane, self._random.randrange(run.first, run.stop), self._record())
            step.rewrite("session", 0, self._record())
        else:
            step.trim(lane, self._random.randint(run.first, run.stop))
        return self._marked(step)

    def _marked(self, step: Step) -> Step:
        owner = self._random.choice(("ana", "ben"))
        step.mark("recent", step.version).mark(owner, step.version).mark("ben" if owner == "ana" else "ana", None)
        return step.expires(self._random.choice((None, step.version // 1000)))

    def _record(self) -> bytes:
        wide = self._random.choices(SIZES, [share for share, _, _ in SIZES])[0]
        told = b"%s/%d/%d/" % (self._name.encode(), self._cycle, self._n)
        return told + self._random.randbytes(self._random.randint(wide[1], wide[2]) - len(told))
