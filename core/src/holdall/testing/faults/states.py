"""What each session may be, as acts are acknowledged or fail, and as somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from holdall.testing.crash.findings import Findings
from holdall.testing.crash.sessions.acts import BRIEF, Act, Seen, apply
from holdall.testing.faults.child import LATER, digest

__all__ = ["States"]


class States:
    """The possible states of every session by title; one, where all is known."""

    def __init__(self) -> None:
        self.possible: dict[str, list[Seen | None]] = {}

    def copy(self) -> States:
        """The same, to go another way."""
        other = States()
        other.possible = deepcopy(self.possible)
        return other

    def acked(self, act: Act) -> None:
        """An act that has certainly happened."""
        if act.verb != "sweep":
            self.possible[act.title] = self._after(act)

    def unknown(self, act: Act) -> None:
        """An act that may have happened."""
        if act.verb != "sweep":
            before = self.possible.get(act.title, [None])
            self.possible[act.title] = before + [state for state in self._after(act) if state not in before]

    def forget_brief(self) -> None:
        """Days have passed: what was brief has expired."""
        self.possible = {
            title: states
            for title, states in self.possible.items()
            if not any(state is not None and state.ttl == BRIEF for state in states)
        }

    def hear(self, said: Sequence[str], acts: Sequence[Act], findings: Findings, *, must: bool) -> None:
        """Take in what a child said. ``must``: nothing kept it from success, so anything else is a broken promise."""
        acked = {int(line.split()[1]) for line in said if line.startswith("acked ") and line.split()[1].isdigit()}
        for n, act in enumerate(acts):
            if n in acked:
                self.acked(act)
            else:
                self.unknown(act)
        for line in said:
            word, _, rest = line.partition(" ")
            if word == "broken" or (must and word == "refused"):
                findings.note("failed", line)
            elif word == "sees":
                title, _, shown = rest.rpartition(" ")
                self._seen(title, shown, findings)
            elif rest.startswith("later/") and word in ("acked", "refused"):
                act = Act("append", rest.split(" ", 1)[0].removeprefix("later/"), 0, (LATER,))
                if word == "acked":
                    self.acked(act)
                else:
                    self.unknown(act)

    def _seen(self, title: str, shown: str, findings: Findings) -> None:
        """What a process has shown is what is: nothing may take it back."""
        states = self.possible.get(title, [None])
        same = [state for state in states if digest(state) == shown]
        if same:
            self.possible[title] = same
        else:
            findings.note("torn", f"the process shows {title} as it cannot be; possible are {len(states)} states")

    def _after(self, act: Act) -> list[Seen | None]:
        return [
            apply(act, {} if state is None else {act.title: state}) for state in self.possible.get(act.title, [None])
        ]
