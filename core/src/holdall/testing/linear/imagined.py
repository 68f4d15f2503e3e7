"""Histories that never were: good ones, made by a plain dictionary, to show that the checker sees what is put in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from holdall.testing.linear.history import PAGE, Call, Result

__all__ = ["imagined"]

CLIENTS = 8
VERBS = {"append": 34, "update": 22, "page": 22, "get": 12, "open": 6, "delete": 4}
KEY = "imagined"


@dataclass(slots=True)
class _Session:
    name: str
    version: int
    note: int = 0
    texts: list[str] = field(default_factory=list[str])


class _World:
    """One key, done to at one moment after the other."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.live: _Session | None = None
        self.made = 0

    def carry_out(self, call: Call) -> Result:
        """Do a call, now."""
        if call.verb == "open":
            new = self.live is None
            if self.live is None:
                self.made += 1
                self.live = _Session(f"s{self.made}", self.made * 1_000_000)
            return Result(session=self.live.name, version=self.live.version, new=new)
        live = self.live
        if live is None or live.name != call.session:
            return Result("gone")
        if call.verb == "delete":
            self.live = None
            return Result()
        if call.verb == "update" and live.version != call.expect:
            return Result("conflict")
        return self._on(live, call)

    def _on(self, live: _Session, call: Call) -> Result:
        count = len(live.texts)
        if call.verb == "append":
            live.texts.append(call.text)
            live.version += 1
            return Result(version=live.version, count=count)
        if call.verb == "update":
            live.note = call.note
            live.version += 1
            return Result(version=live.version)
        if call.verb == "page":
            return Result(version=live.version, texts=tuple(live.texts[-PAGE:]))
        return Result(version=live.version, note=live.note, count=count)


def imagined(seed: str, length: int = 300) -> list[Call]:
    """A history of one key, by eight clients of whom some die in the middle of a call."""
    random = Random(seed)  # noqa: S311 - it must repeat
    world, calls = _World(random), list[Call]()
    free = [0] * CLIENTS
    known: list[tuple[str, int]] = [("", 0)] * CLIENTS
    moments: list[tuple[int, int, Call, int, bool]] = []
    now = 0
    while len(calls) < length or moments:
        idle = [client for client in range(CLIENTS) if free[client] <= now]
        if idle and len(calls) + len(moments) < length:
            client = random.choice(idle)
            call = _call(random, now, known[client], len(calls) + len(moments))
            happens = now + random.randint(1, 20)
            dies = random.random() < 0.02
            moments.append((happens, client, call, happens + random.randint(1, 20), dies))
            free[client] = 1 << 60
        now += 1
        for moment in [one for one in moments if one[0] <= now]:
            moments.remove(moment)
            _, client, call, ends, dies = moment
            if dies:
                if random.random() < 0.5:
                    world.carry_out(call)
                calls.append(call)
                free[client], known[client] = ends, ("", 0)
                continue
            result = world.carry_out(call)
            calls.append(replace(call, result=result, ended=ends))
            free[client], known[client] = ends, _learnt(known[client], result)
    return [call for call in calls if call.result is not None or call.writes]


def _learnt(known: tuple[str, int], result: Result) -> tuple[str, int]:
    if result.kind == "gone":
        return "", 0
    return result.session or known[0], result.version or known[1]


def _call(random: Random, now: int, known: tuple[str, int], n: int) -> Call:
    verb = random.choices(list(VERBS), list(VERBS.values()))[0]
    if not known[0] or verb == "open":
        return Call(KEY, "open", now)
    return Call(KEY, verb, now, session=known[0], text=f"text {n}", note=n, expect=known[1])
