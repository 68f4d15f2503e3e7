"""What a client does to its sessions: a sequence that the child plays and the parent can play again, from one seed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

__all__ = ["BRIEF", "COMMON", "DAY", "Act", "Client", "Seen", "apply"]

COMMON = "common"
"""The owner, and the key, of the session that all clients append to."""

DAY = 172_800_000_000
"""Microseconds between two cycles: what was brief, the tombstones and the old keys have expired by then."""

BRIEF, LONG = 3600, 315_360_000
"""Seconds to live, for sessions that end with the cycle and for those that don't."""

PLACES = 3
SIZES = ((70, 40, 400), (20, 400, 4_000), (8, 4_000, 40_000), (2, 40_000, 200_000))
VERBS = {
    "append": 38,
    "update": 14,
    "log": 8,
    "finish": 8,
    "extend": 7,
    "clear": 3,
    "end": 5,
    "delete": 7,
    "sweep": 3,
    "common": 12,
}
"""What is done to an active session, and how often in a hundred."""


@dataclass(slots=True)
class Seen:
    """A session as a client sees it."""

    status: str = "active"
    ttl: int | None = None
    note: int = 0
    texts: list[str] = field(default_factory=list[str])
    runs: list[str] = field(default_factory=list[str])
    """The statuses of its tool runs."""


@dataclass(frozen=True, slots=True)
class Act:
    """One call of the public API on the session called ``title``."""

    verb: str
    title: str
    number: int
    texts: tuple[str, ...] = ()
    key: str | None = None
    ttl: int | None = None


def apply(act: Act, sessions: Mapping[str, Seen]) -> Seen | None:
    """The session as ``act`` leaves it."""
    seen = deepcopy(sessions.get(act.title, Seen()))
    if act.verb in ("create", "claim"):
        return Seen(ttl=act.ttl, texts=list(act.texts))
    if act.verb == "append":
        seen.texts.extend(act.texts)
    elif act.verb == "update":
        seen.note = act.number
    elif act.verb == "log":
        seen.runs.append("running")
    elif act.verb == "finish":
        seen.runs[seen.runs.index("running")] = "succeeded"
    elif act.verb == "extend":
        seen.ttl = act.ttl
    elif act.verb == "clear":
        seen.texts, seen.runs = [], []
    elif act.verb == "end":
        seen.status = "ended"
    return None if act.verb == "delete" else seen


class Client:
    """The endless sequence of one client's acts in one cycle, given the sessions it has at the start."""

    def __init__(self, seed: str, name: str, cycle: int, sessions: Mapping[str, Seen]) -> None:
        self._random = Random(f"{seed}/sessions/{name}/{cycle}")  # noqa: S311 - it must repeat
        self._told = f"{name}/{cycle}"
        self._n = 0
        self.sessions = dict(sessions)
        """The sessions, if every act so far was acknowledged."""
        active = sorted(title for title, seen in sessions.items() if seen.status == "active")
        self._places: list[str] = (active + [""] * PLACES)[:PLACES]

    def next(self) -> Act:
        """The next act; it is assumed to be acknowledged."""
        self._n += 1
        place = self._random.randrange(PLACES)
        seen = self.sessions.get(self._places[place])
        if seen is None or (seen.status == "ended" and self._random.random() < 0.5):
            self._places[place] = f"{self._told}/{self._n}"
            return self._create(self._places[place])
        act = self._act(self._places[place], seen)
        if act.verb not in ("sweep", "common"):
            left = apply(act, self.sessions)
            if left is None:
                del self.sessions[act.title]
            else:
                self.sessions[act.title] = left
        return act

    def _create(self, title: str) -> Act:
        verb = self._random.choice(("create", "create", "claim"))
        key = title if verb == "claim" else self._random.choice((None, f"key of {title}"))
        texts = self._texts(self._random.choice((0, 1, 3)))
        act = Act(verb, title, self._n, texts, key, self._random.choice((None, None, LONG, BRIEF)))
        self.sessions[title] = Seen(ttl=act.ttl, texts=list(act.texts))
        return act

    def _act(self, title: str, seen: Seen) -> Act:
        verb = self._random.choices(list(VERBS), list(VERBS.values()))[0]
        if seen.status == "ended":
            return Act("delete", title, self._n)
        if verb == "finish" and "running" not in seen.runs:
            verb = "log"
        key = self._random.choice((None, f"key of {self._told}/{self._n}"))
        if verb == "append":
            return Act(verb, title, self._n, self._texts(self._random.choice((1, 1, 2, 5))), key)
        if verb == "common":
            return Act(verb, COMMON, self._n, self._texts(1), key)
        if verb == "extend":
            return Act(verb, title, self._n, ttl=self._random.choice((LONG, BRIEF)))
        return Act(verb, title, self._n)

    def _texts(self, count: int) -> tuple[str, ...]:
        return tuple(self._text(n) for n in range(count))

    def _text(self, n: int) -> str:
        wide = self._random.choices(SIZES, [share for share, _, _ in SIZES])[0]
        told = f"{self._told}/{self._n}/{n}/"
        return told + self._random.randbytes((self._random.randint(wide[1], wide[2]) - len(told)) // 2).hex()
