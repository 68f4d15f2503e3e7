"""What must be found of the clients' sessions after a crash, worked out from what they were told."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from holdall.testing.crash.findings import Findings
from holdall.testing.crash.heard import Heard, Permitted
from holdall.testing.crash.sessions.acts import BRIEF, DAY, Act, Client, Seen
from holdall.testing.crash.sessions.verdict import Verdict
from holdall.testing.opening import Subject
from holdall.testing.stores import ShiftedClock, store_of

__all__ = ["Account"]


class Account:
    """The sessions of every client when the cycle began, and what became of them."""

    module = "holdall.testing.crash.sessions.client"

    def __init__(self, seed: str, writers: list[str], cycle: int) -> None:
        self.seed = seed
        self.writers = writers
        self.cycle = cycle
        self._sessions: dict[str, dict[str, Seen]] = {name: {} for name in writers}
        self._common: list[bytes] = []

    async def look(
        self, subject: Subject, options: Mapping[str, Any], heard: Mapping[str, Heard], findings: Findings
    ) -> None:
        """See ``Game.look``."""
        async with store_of(subject, options, clock=ShiftedClock(self.cycle * DAY)) as store:
            verdict = Verdict(store, findings)
            for name in self.writers:
                permitted, last, swept = self._played(name, heard[name], verdict.common)
                self._sessions[name] = await verdict.examine(name, permitted, last)
                verdict.swept |= swept
            self._common = await verdict.finish(self._common)
        self.cycle += 1
        for sessions in self._sessions.values():
            for title in [title for title, seen in sessions.items() if seen.ttl == BRIEF]:
                del sessions[title]

    def _played(
        self, name: str, heard: Heard, common: Permitted[Seen]
    ) -> tuple[dict[str, list[Seen | None]], Act | None, bool]:
        """Play a client again: what each session may be, the act it died in, and whether it had swept."""
        client = Client(self.seed, name, self.cycle, self._sessions[name])
        states: dict[str, list[Seen | None]] = {}
        last: Act | None = None
        swept = False
        for n in range(heard.intended + 1):
            if n:
                last = client.next()
                swept |= last.verb == "sweep" and n <= heard.acknowledged
                if last.verb == "common":
                    record = last.texts[0].encode()
                    common.possible[record] = (name, n)
                    if n <= heard.acknowledged:
                        common.certain.add(record)
            if n == heard.acknowledged:
                states = {title: [seen] for title, seen in deepcopy(client.sessions).items()}
                last = None
            elif last is not None and n > heard.acknowledged and last.verb not in ("common", "sweep"):
                states.setdefault(last.title, [None]).append(deepcopy(client.sessions.get(last.title)))
        return states, last, swept
