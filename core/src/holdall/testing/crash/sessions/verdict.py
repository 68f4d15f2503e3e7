"""Compares the sessions that are found after a crash with those that may be there."""

from __future__ import annotations

from holdall.contract import Head
from holdall.sessions.session import Session
from holdall.sessions.store import Store
from holdall.testing.crash.commits.verdict import check_common
from holdall.testing.crash.findings import Findings
from holdall.testing.crash.heard import Permitted
from holdall.testing.crash.sessions.acts import COMMON, DAY, Act, Seen
from holdall.testing.crash.sessions.client import carry_out
from holdall.testing.crash.sessions.seeing import every_head, every_session, listed, mine, see, texts_of

__all__ = ["Verdict"]


class Verdict:
    """One look at a store after a crash."""

    def __init__(self, store: Store, findings: Findings) -> None:
        self._store = store
        self._findings = findings
        self._heads: list[Head] | None = None
        self._live: list[Session] = []
        self.common = Permitted[Seen]()
        self.swept = False
        """Whether anybody's sweep was acknowledged."""

    async def examine(self, name: str, permitted: dict[str, list[Seen | None]], last: Act | None) -> dict[str, Seen]:
        """Note what is not as it may be among the sessions of one client; returns them as they are."""
        if self._heads is None:
            self._heads = await every_head(self._store)
            self._live = await every_session(self._store, self._heads)
            await self._check_listings()
        known = {session.title or "": session for session in self._live if session.owner == name}
        found: dict[str, Seen] = {}
        for title in {**permitted, **known}:
            seen = None
            try:
                seen = None if title not in known else await see(known[title])
            except Exception as error:  # noqa: BLE001 - whatever it is, it could not be read
                self._findings.note("unreadable", f"{title}: {error!r:.500}")
                continue
            states = permitted.get(title, [None])
            if seen not in states:
                self._findings.note(judge(seen, states), f"{title} is {told(seen)}, not {[*map(told, states)]}")
            if seen is not None:
                found[title] = seen
        await self._go_on(name, known, found, last)
        return found

    async def finish(self, before: list[bytes]) -> list[bytes]:
        """Look at what belongs to nobody: the common session, and what a sweep should have taken."""
        records: list[bytes] = []
        for common in (await mine(self._store, COMMON)).values():
            records += [message.text.encode() for message in await texts_of(common)]
        check_common(records, self.common, before, self._findings)
        now = self._store.engine.clock.now()
        for head in self._heads or ():
            if self.swept and head.expires_at is not None and head.expires_at * 1000 < now - DAY // 4:
                self._findings.note("resurrected", f"{head.partition} has expired and was swept")
        return records

    async def _check_listings(self) -> None:
        """Each listing shows every session that it should, in order, and no other."""
        owners = {session.owner for session in self._live}
        for owner in (None, *sorted(owners)):
            for status in (None, "active"):
                expected = [
                    session.id
                    for session in self._live
                    if owner in (None, session.owner) and status in (None, session.status)
                ]
                shown = await listed(self._store, owner, status)
                if sorted(shown) != sorted(expected):
                    self._findings.note("unlisted", f"the list of {owner}, {status} shows {shown}, not {expected}")

    async def _go_on(self, name: str, known: dict[str, Session], found: dict[str, Seen], last: Act | None) -> None:
        """The client repeats what it has a key for, which must happen once; and writes to what is there, at once."""
        try:
            if last is not None and last.key is not None:
                await self._repeat(name, known, found, last)
            for title, seen in found.items():
                if seen.status == "active":
                    await known[title].append({"role": "user", "content": "after the crash"})
                    seen.texts.append("after the crash")
        except Exception as error:  # noqa: BLE001 - a store that refuses a good write is what is looked for
            self._findings.note("failed", f"a write of {name} after the crash: {error!r:.500}")

    async def _repeat(self, name: str, known: dict[str, Session], found: dict[str, Seen], act: Act) -> None:
        if act.verb == "append" and act.title not in found:
            return
        await carry_out(self._store, name, act, known)
        if act.verb == "common":
            self.common.certain.add(act.texts[0].encode())
            return
        seen = found[act.title] = await see(known[act.title])
        if any(seen.texts.count(text) != 1 for text in act.texts):
            self._findings.note("torn", f"{act.title}, repeated with its key, is {told(seen)}")


def judge(seen: Seen | None, states: list[Seen | None]) -> str:
    """The kind of promise that was broken."""
    if seen is None:
        return "lost"
    there = [len(state.texts) for state in states if state is not None]
    if not there:
        return "resurrected"
    return "lost" if len(seen.texts) < min(there) else "torn"


def told(seen: Seen | None) -> str:
    """A session in few words."""
    if seen is None:
        return "nothing"
    last = seen.texts[-1][:40] if seen.texts else ""
    return f"{seen.status} ttl {seen.ttl} note {seen.note} {len(seen.texts)} texts to {last!r} runs {seen.runs}"
