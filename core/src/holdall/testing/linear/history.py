"""What clients note of their calls, and how it is told over a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["PAGE", "Call", "Result", "by_key", "from_lines"]

PAGE = 10
"""How many messages a page shows."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a call answered; fields that its verb does not answer keep their defaults."""

    kind: str = "ok"
    """``ok``, ``conflict``, or ``gone``: there is no such session."""
    session: str = ""
    version: int = 0
    new: bool = False
    note: int = 0
    count: int = 0
    """Messages in the session; of an append, before it."""
    texts: tuple[str, ...] = ()
    """The latest messages, ``PAGE`` at the most."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call on the session that an owner calls ``key``.

    ``open`` finds or creates it; ``append``, ``update``, ``page``, ``get`` and ``delete`` name the session by its id.
    """

    key: str
    verb: str
    begun: int
    session: str = ""
    text: str = ""
    note: int = 0
    expect: int = 0
    ended: int | None = None
    """``None``: nobody heard of its end, and it may have happened at any time since, or never."""
    result: Result | None = None

    @property
    def writes(self) -> bool:
        """Whether it matters if it happened."""
        return self.verb not in ("page", "get")


def from_lines(lines: Iterable[str]) -> list[Call]:
    """The calls of what one process said: ``begin``, ``end`` and ``lost``, each with a number and JSON."""
    calls: dict[str, Call] = {}
    for line in lines:
        word, number, text = line.split(" ", 2)
        told = json.loads(text)
        if word == "begin":
            calls[number] = Call(**told)
        elif word == "end":
            result = Result(**told["result"])
            result = replace(result, texts=tuple(result.texts))
            calls[number] = replace(calls[number], ended=told["ended"], result=result)
    return [call for call in calls.values() if call.result is not None or call.writes]


def by_key(calls: Iterable[Call]) -> dict[str, list[Call]]:
    """The calls on each key: they are checked apart."""
    keys: dict[str, list[Call]] = {}
    for call in calls:
        keys.setdefault(call.key, []).append(call)
    return keys
