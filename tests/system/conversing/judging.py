"""A session after the crash, against what was acknowledged: done again, in order, on a server that keeps all in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.system.conversing.asking import Line, Request
from tests.system.conversing.looking import differences, inconsistent, look
from tests.system.conversing.playing import Played

__all__ = ["Judge", "Outcome"]

_FIRST = ("/summaries", "/context", "/session")
"""Where it shows that a purge has erased the summaries of a message, which it does before the message itself."""


@dataclass
class Outcome:
    """What one round found."""

    acknowledged: int = 0
    sessions: int = 0
    undecided: int = 0
    """Sessions whose last request was not answered …"""
    happened: int = 0
    """… and of these, how many had happened."""
    repeated: int = 0
    """Requests that were sent again with their key."""
    certain: int = 0
    """Messages that were purged, of which nothing may be left in any file."""
    kills: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    """How often each kind of request was acknowledged, with which status."""
    faults: list[str] = field(default_factory=list[str])


@dataclass
class Judge:
    """Two servers, and a session of the one that was killed."""

    ours: Line
    theirs: Line
    played: Played
    outcome: Outcome

    def faults(self) -> list[str]:
        """What is wrong with it."""
        try:
            return self._found()
        except AssertionError as error:  # it can't be read
            return [str(error)[:500]]

    def _found(self) -> list[str]:
        played, self.outcome.sessions = self.played, self.outcome.sessions + 1
        twin = self.theirs.ask("POST", "/api/sessions", {"key": played.name}).body["id"]
        faults = list[str]()
        for request, status in played.acked:
            answer = self.theirs.send(twin, request)
            if answer.status != status:
                faults.append(f"{request} was answered with {status}, and now with {answer.status}")
        found, wanted = look(self.ours, played.id), look(self.theirs, twin)
        wrong = differences(found, wanted)
        if played.open is not None:
            found, wrong = self._undecided(played.open, twin, found, wrong)
        if wrong:
            last = [request.kind for request, _ in played.acked[-3:]]
            faults.append(f"it is not what was acknowledged (last {last}, open {played.open}): {wrong[:6]}")
        return faults + (self._gone() if found is None else self._there(found))

    def _undecided(self, request: Request, twin: str, found: Any, wrong: list[str]) -> tuple[Any, list[str]]:
        """The last request was not answered: it happened or it did not; sent again with its key it did, once.

        A purge may have got as far as the summaries: it is asked again.
        """
        self.theirs.send(twin, request)
        after = look(self.theirs, twin)
        self.outcome.undecided += 1
        if wrong:
            self.outcome.happened += 1
            begun = request.kind == "purge" and all(line.startswith(_FIRST) for line in wrong)
            wrong = differences(found, after)
            if wrong and begun:
                self.ours.send(self.played.id, request)
                found = look(self.ours, self.played.id)
                wrong = differences(found, after)
        if request.key is not None and not wrong:
            for _ in range(2):
                self.ours.send(self.played.id, request)
            found = look(self.ours, self.played.id)
            wrong = differences(found, after)
        return found, wrong

    def _gone(self) -> list[str]:
        again = self.ours.ask("POST", "/api/sessions", {"key": self.played.name}).body
        back = again["id"] == self.played.id or again["counts"]["messages"]
        return [f"a deleted session came back: {again}"] if back else []

    def _there(self, found: dict[str, Any]) -> list[str]:
        played, faults = self.played, inconsistent(self.ours, self.played.id, found)
        if self.ours.ask("POST", "/api/sessions", {"key": played.name}).body["id"] != played.id:
            faults.append("its key leads to another")
        told = self.ours.send(played.id, Request("POST", "/messages", {"role": "user", "content": "after"}))
        if told.status != 201:
            faults.append(f"it takes no write: {told}")
        for name in played.purged:
            if name in played.said:  # something might have been left: by now there can't be
                told = self.ours.send(played.id, Request("POST", "/purge", {"message": name}))
                if told.status == 200 and told.body["verified"]:
                    played.certain += played.said.pop(name)
        return faults
