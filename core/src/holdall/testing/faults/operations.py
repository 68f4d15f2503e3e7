"""What is done while a call fails, and what is there before it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from holdall.testing.crash.sessions.acts import BRIEF, DAY, Act

__all__ = ["BEFORE", "OPERATIONS", "OWNER", "WARM", "Operation", "Scenery", "acts_of"]

OWNER = "ana"
_random = Random("faults")  # noqa: S311 - it must repeat


def _texts(label: str, *sizes: int) -> tuple[str, ...]:
    return tuple(f"{label}/{n}/{_random.randbytes(size // 2).hex()}" for n, size in enumerate(sizes))


def _act(verb: str, title: str, *sizes: int, key: str | None = None, ttl: int | None = None) -> Act:
    return Act(verb, title, len(title), _texts(f"{verb} {title}", *sizes), key, ttl)


@dataclass(frozen=True, slots=True)
class Scenery:
    """How a store comes to be what it is: acts on other days, and whether the last process closed it."""

    past: tuple[tuple[int, tuple[Act, ...]], ...]
    clean: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """Acts that one process carries out, and where it stands when it begins."""

    acts: tuple[Act, ...] = ()
    scenery: str = "plain"
    when: str = "open"
    """``open``: the store is open; ``opening`` and ``closing``: that is what is done."""
    together: bool = False
    """Whether the acts are under way at the same time."""


WARM = _act("append", "warm", 100)
"""Carried out before the calls are counted, so that a store that has been used is what fails."""

_OLD = (-10 * DAY, tuple(_act("create", f"brief {n}", 200, ttl=BRIEF) for n in range(3)))
_PLAIN = (
    *(_act("create", title, 100, 600) for title in ("warm", "other", "third", "doomed")),
    _act("create", "old", *[40, 400, 4000] * 5, key="key of old"),
    _act("log", "old"),
    _act("create", "gone", 200),
    _act("delete", "gone"),
)
_HEAVY = (
    _act("create", "heavy", 60),
    *(_act("append", "heavy", *[150_000] * 2, key=f"heavy {n}") for n in range(5)),
)
_LATE = (_act("append", "other", 60, 3000), _act("create", "late", 80), _act("append", "third", 50_000))

BEFORE = {
    "plain": Scenery((_OLD, (0, _PLAIN))),
    "heavy": Scenery(((0, _PLAIN), (0, _HEAVY))),
    "unclean": Scenery((_OLD, (0, _PLAIN), (0, _LATE)), clean=False),
}

_FOUR = (
    *(_act("append", title, 300, 900) for title in ("old", "other", "third", "doomed")),
    _act("create", "newest", 100),
)

OPERATIONS = {
    "create": Operation((_act("create", "new", 400, 40, key="key of new"),)),
    "claim": Operation((_act("claim", "mine", 400, key="mine"),)),
    "append": Operation((_act("append", "old", 1000),)),
    "append many": Operation((_act("append", "other", 40, 400, 4000, 60_000, key="key of many"),)),
    "append together": Operation(_FOUR, together=True),
    "update": Operation((_act("update", "old"),)),
    "finish": Operation((_act("finish", "old"),)),
    "extend": Operation((_act("extend", "third", ttl=86400),)),
    "clear": Operation((_act("clear", "old"),)),
    "end": Operation((_act("end", "other"),)),
    "delete": Operation((_act("delete", "doomed"),)),
    "expire": Operation((_act("sweep", ""),)),
    "compact": Operation(
        (_act("clear", "heavy"), *(_act("append", "heavy", 100 * n) for n in (1, 2, 3))), scenery="heavy"
    ),
    "open": Operation(scenery="unclean", when="opening"),
    "close": Operation(when="closing"),
}


def acts_of(operation: str) -> tuple[Act, ...]:
    """The acts of an operation, or of a part of a scenery's past, which is called ``scenery/n``."""
    if operation in OPERATIONS:
        return OPERATIONS[operation].acts
    scenery, _, n = operation.partition("/")
    return BEFORE[scenery].past[int(n)][1]
