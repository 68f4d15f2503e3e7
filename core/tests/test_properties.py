"""The store against the plainest model of it: random steps by two processes, with a clock that moves."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule
from support.stores import beside, on, partitions, user

from holdall import Conflict, Ended, NotFound
from holdall.errors import KeyReused
from holdall.sessions.presence import GRACE
from holdall.testing.clock import ManualClock
from holdall_memory import MemorySessionStorage

OWNERS = st.sampled_from(["ana", "ben"])
WORDS = st.sampled_from(["a", "b", "ü"])


class Known:
    """What the model says of one session."""

    def __init__(self, owner, ttl, now):
        self.owner, self.ttl = owner, ttl
        self.title, self.status = None, "active"
        self.messages: list[tuple[str, str]] = []
        self.positions = 0
        self.keys: dict[str, tuple[tuple[str, str], int]] = {}
        self.active = now
        self.version = None

    def expires(self):
        return None if self.ttl is None else self.active // 1000 + self.ttl * 1000


class StoreMachine(RuleBasedStateMachine):
    """Every rule does the same to the store and to the model, and compares what both say."""

    sessions = Bundle("sessions")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()

    def teardown(self):
        self.loop.close()

    @initialize()
    def begin(self):
        self.clock = ManualClock()
        one = on(MemorySessionStorage(), self.clock)
        self.stores = [one, beside(one)]
        self.known: dict[str, Known] = {}
        self.named: dict[tuple[str, str], str] = {}

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def alive(self, name):
        known = self.known.get(name)
        if known is None or known.status == "deleted":
            return False
        expires = known.expires()
        return expires is None or self.clock.now() // 1000 < expires

    def step(self, name, which, call, *, writes=True, expect=None):
        """Do ``call``; check that it is refused exactly when the model says so. Returns what it returned, or None."""
        known = self.known[name]
        wrong = None
        if not self.alive(name):
            wrong = NotFound
        elif writes and known.status == "ended":
            wrong = Ended
        elif expect is not None and expect != known.version:
            wrong = Conflict
        try:
            found = self.run(call(self.stores[which]))
        except (NotFound, Ended, Conflict) as error:
            assert type(error) is wrong, (error, wrong)  # noqa: PT017 - which one is what the model says
            return None
        assert wrong is None, wrong
        return found

    def moved(self, name, version, *, active):
        known = self.known[name]
        assert version == known.version + 1
        known.version = version
        if active:
            known.active = self.clock.now()

    @rule(target=sessions, owner=OWNERS, ttl=st.sampled_from([None, 5, 60]), which=st.integers(0, 1))
    def create(self, owner, ttl, which):
        session = self.run(self.stores[which].create(owner=owner, ttl=ttl))
        self.known[session.id] = known = Known(owner, ttl, self.clock.now())
        known.version = session.version
        return session.id

    @rule(target=sessions, owner=OWNERS, key=WORDS, which=st.integers(0, 1))
    def get_or_create(self, owner, key, which):
        session = self.run(self.stores[which].get_or_create(owner=owner, key=key, ttl=60))
        old = self.named.get((owner, key))
        if old is not None and self.alive(old):
            assert session.id == old
        else:
            assert session.id not in self.known
            self.known[session.id] = known = Known(owner, 60, self.clock.now())
            known.version = session.version
            self.named[owner, key] = session.id
        return session.id

    @rule(name=sessions, said=st.lists(WORDS, min_size=1, max_size=3), which=st.integers(0, 1), right=st.booleans())
    def append(self, name, said, which, right):
        known = self.known[name]
        expect = None if right else known.version - 1
        many = [user(word) for word in said]
        found = self.step(name, which, lambda store: store.append(name, many, expect=expect), expect=expect)
        if found is not None:
            self.took(known, found, said)
            self.moved(name, found.state.head.changed, active=True)

    def took(self, known, found, said):
        ids = [message.id for message in found.messages]
        assert ids == [f"msg_main_{known.positions + n:010d}" for n in range(len(said))]
        known.positions += len(said)
        known.messages += zip(ids, said, strict=True)

    @rule(name=sessions, word=WORDS, key=WORDS, which=st.integers(0, 1))
    def append_once(self, name, word, key, which):
        known = self.known[name]
        before, at = known.keys.get(key, (None, 0)) if self.alive(name) else (None, 0)
        if at < self.clock.now() // 1000 - 86_400_000:
            before = None  # a key is remembered for a day
        if before is None:
            found = self.step(name, which, lambda store: store.append(name, [user(word)], key=key))
            if found is not None:
                assert not found.replayed
                self.took(known, found, [word])
                known.keys[key] = known.messages[-1], self.clock.now() // 1000
                self.moved(name, found.state.head.changed, active=True)
            return
        try:
            found = self.run(self.stores[which].append(name, [user(word)], key=key))
        except KeyReused:
            assert word != before[1]
        except NotFound:
            assert word == before[1]
            assert before not in known.messages  # cleared since
        else:
            assert found.replayed
            assert (found.messages[0].id, found.messages[0].text) == before == (before[0], word)

    @rule(name=sessions, title=WORDS, which=st.integers(0, 1), ttl=st.sampled_from([None, 5, 60]))
    def update(self, name, title, which, ttl):
        changes = {"title": title} if ttl is None else {"title": title, "ttl": ttl}
        found = self.step(name, which, lambda store: store.update(name, **changes))
        if found is not None:
            self.moved(name, found.version, active=ttl is not None)
            known = self.known[name]
            known.title, known.ttl = title, ttl or known.ttl

    @rule(name=sessions, which=st.integers(0, 1), ttl=st.integers(1, 90))
    def extend(self, name, which, ttl):
        found = self.step(name, which, lambda store: store.extend(name, ttl=ttl))
        if found is not None:
            self.moved(name, found.version, active=True)
            self.known[name].ttl = ttl

    @rule(name=sessions, which=st.integers(0, 1))
    def clear(self, name, which):
        count = self.step(name, which, lambda store: store.clear(name))
        if count is not None:
            known = self.known[name]
            assert count == len(known.messages)
            known.messages = []
            self.moved(name, known.version + 1, active=False)

    @rule(name=sessions, which=st.integers(0, 1), force=st.booleans())
    def end(self, name, which, force):
        found = self.step(name, which, lambda store: store.end(name, force=force))
        if found is not None:
            self.moved(name, found.version, active=False)
            self.known[name].status = "ended"

    @rule(name=consumes(sessions), which=st.integers(0, 1))
    def delete(self, name, which):
        alive = self.alive(name)
        self.step(name, which, lambda store: store.delete(name), writes=False)
        if alive:
            self.known[name].status = "deleted"

    @rule(seconds=st.sampled_from([0.001, 1, 4.999, 5, 61, 86_400]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule(which=st.integers(0, 1))
    def sweep(self, which):
        gone = [
            name for name, known in self.known.items()
            if known.status != "deleted" and known.ttl is not None
            and self.clock.now() // 1000 >= known.expires() + GRACE
        ]  # fmt: skip
        swept = self.run(self.stores[which].sweep())
        assert {state.record.id for state in swept.expired} == set(gone)
        for name in gone:
            self.known[name].status = "deleted"
        left = {
            name.removeprefix("session/") for name in self.run(partitions(self.stores[which])) if name.startswith("s")
        }
        assert left >= {name for name in self.known if self.alive(name)}

    @rule(name=sessions, which=st.integers(0, 1), limit=st.integers(1, 4))
    def read(self, name, which, limit):
        found = self.step(name, which, lambda store: store.history(name, limit=limit), writes=False)
        if found is None:
            return
        seen, page = list(found.items), found
        while page.previous is not None:
            page = self.run(self.stores[which].history(name, limit=limit, before=page.previous))
            seen = [*page.items, *seen]
        assert [(message.id, message.text) for message in seen] == self.known[name].messages

    @rule(owner=OWNERS, which=st.integers(0, 1), limit=st.integers(1, 3))
    def listing(self, owner, which, limit):
        seen, cursor = [], None
        while True:
            page = self.run(self.stores[which].list(owner=owner, limit=limit, cursor=cursor))
            seen += [session.id for session in page]
            cursor = page.next
            if cursor is None:
                break
        mine = {name for name, known in self.known.items() if known.owner == owner and self.alive(name)}
        assert len(seen) == len(set(seen))
        assert set(seen) == mine
        times = [self.known[name].active for name in seen]
        assert times == sorted(times, reverse=True)

    @precondition(lambda self: bool(getattr(self, "known", None)))
    @invariant()
    def what_is_alive_is_as_the_model_says(self):
        name = list(self.known)[-1]
        known = self.known[name]
        if self.alive(name):
            session = self.run(self.stores[0].get(name))
            assert (session.version, session.status, session.title) == (known.version, known.status, known.title)
            assert (session.counts.messages, session.expires_at) == (len(known.messages), known.expires())
        else:
            with pytest.raises(NotFound):
                self.run(self.stores[0].get(name))


StoreMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


@pytest.mark.covers("ST-06", "CV-02", "LC-09")
class TestStore(StoreMachine.TestCase):
    """At least 4,000 steps; each compares the store with the model."""
