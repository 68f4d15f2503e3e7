"""Who may see what: another owner's session cannot be told from one that does not exist."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import random

import pytest
from support.condensing import SmallTools
from support.stores import on, user

from holdall import HoldallError, Invalid, Message, NotFound, Principal, Store
from holdall.errors import Forbidden
from holdall.sessions.session import Session
from holdall.testing.clock import ManualClock
from holdall_memory import MemorySessionStorage

MESSAGE, RUN, LARGE = "msg_main_0000000000", "toolrun_0000000000", "large" * 20_000
CALLS = {
    "get": [{}],
    "version": [{}],
    "update": [{"title": "x"}, {"expect": 1}, {"ttl": -1}],
    "extend": [{}, {"ttl": 5}, {"expect": 1}, {"ttl": 0}],
    "end": [{}, {"force": True}, {"expect": 1}],
    "delete": [{}, {"expect": 1}],
    "heartbeat": [{}],
    "append": [
        {"messages": [user()]},
        {"messages": [user()], "key": "k"},
        {"messages": [user()], "expect": 1},
        {"messages": []},
    ],
    "history": [
        {},
        {"before": MESSAGE},
        {"after": "msg_main_9999999999"},
        {"limit": 0},
        {"role": "user"},
        {"since": "x"},
    ],
    "messages": [{}, {"since": MESSAGE, "role": "user"}, {"branch": "other"}, {"until": "msg_main_9999999999"}],
    "message": [{"message": MESSAGE}, {"message": "msg_main_0000000099"}, {"message": "x"}],
    "threads": [{}, {"before": "0"}, {"after": "x"}, {"limit": 0}],
    "thread": [{"message": MESSAGE}, {"message": "x"}, {"message": MESSAGE, "before": "msg_main_9999999999"}],
    "clear": [{}, {"expect": 1}],
    "originals": [{}, {"before": 1}, {"after": 99}],
    "tool_runs": [{}, {"tool": "t"}, {"before": RUN}, {"after": "toolrun_9999999999"}],
    "tool_run": [{"run": RUN}, {"run": "toolrun_0000000099"}, {"run": "x"}],
    "finish_tool_run": [{"run": RUN}, {"run": "toolrun_0000000099"}, {"run": RUN, "expect": 1}, {"run": RUN, "x": 1}],
    "fork": [{}, {"at": MESSAGE}, {"before": MESSAGE, "name": "b", "switch": True}, {"at": "x"}, {"expect": 1}],
    "branch": [{"branch": "main"}, {"branch": "other"}, {"branch": "?"}],
    "start_sub": [
        {"under": MESSAGE},
        {"under": "main"},
        {"under": "msg_main_0000000099"},
        {"under": "main", "expect": 1},
    ],
    "branches": [{}, {"deleted": True}, {"limit": 0}, {"subs": True}, {"under": MESSAGE}, {"under": "other"}],
    "line": [{}, {"branch": "main"}, {"branch": "other"}],
    "moment": [{}],
    "compare": [{"branch": "main"}, {"branch": "main", "other": "other"}, {"branch": "main", "limit": 0}],
    "switch": [{"branch": "main"}, {"branch": "other"}, {"branch": "main", "expect": 1}],
    "update_branch": [{"branch": "side", "title": "t"}, {"branch": "other", "title": None}],
    "delete_branch": [{"branch": "side"}, {"branch": "main"}, {"branch": "other"}, {"branch": "other", "expect": 1}],
    "restore_branch": [{"branch": "main"}, {"branch": "other"}],
    "revert": [{"to": MESSAGE}, {"to": "x"}, {"to": MESSAGE, "branch": "other"}, {"to": MESSAGE, "expect": 1}],
    "unrevert": [{}, {"expect": 1}],
    "part": [{"part": hashlib.sha256(LARGE.encode()).hexdigest()}, {"part": "x"}],
    "parts": [{}],
    "whole": [{"messages": [Message(b'{"id":"x","large_parts":[{"at":"/content","hash":"y","bytes":1}]}')]}],
    "redact": [{"message": MESSAGE}, {"message": "x"}, {"message": MESSAGE, "expect": 1}],
    "purge": [{"message": MESSAGE}, {"branch": "side"}, {}, {"message": "x"}],
    "redacted": [{"message": MESSAGE}, {"message": "x"}],
    "totals": [{}, {"branch": "main"}, {"branch": "other"}, {"branch": "?"}],
    "edit": [{"message": MESSAGE, "changes": {"content": "x"}}, {"message": "x", "changes": {}}],
    "versions": [{"message": MESSAGE}, {"message": "msg_main_0000000099"}, {"message": MESSAGE, "limit": 0}],
    "restore_version": [{"message": MESSAGE, "version": 1}, {"message": "x", "version": 0}],
    "active_context": [{}, {"branch": "other"}, {"budget": 5}, {"budget": 0}],
    "compact": [{"budget": 5}, {"whole": True}, {"expect": 1}, {"budget": 0}, {"branch": "?"}],
    "compactions": [{}, {"limit": 0}, {"before": "x"}],
    "compaction": [{"compaction": "compaction_0000000000"}, {"compaction": "x"}],
    "summarise": [{"text": "x"}, {"text": ""}, {"last": MESSAGE, "text": "x"}, {"expect": 1}, {"replaces": "x"}],
    "summaries": [{}, {"limit": 0}, {"after": "x"}],
    "summary": [{"summary": "summary_0000000000"}, {"summary": "x"}],
    "follow": [{}, {"after": "0"}, {"after": "1-1"}, {"after": "x"}],
    "follower": [{}, {"after": "0"}, {"after": "x"}],
}
FOR_ADMINS = {"purge", "redacted"}
WITHOUT_A_SESSION = {
    "acting_as",
    "create",
    "find",
    "get_or_create",
    "health",
    "list",
    "reindex",
    "search",
    "sweep",
}
"""Who finds what is in ``test_search.py``, also in one session."""


def public(of):
    return {name for name, value in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.req("SEC-AUZ-01")
def test_every_public_method_of_the_store_is_in_the_matrix():
    assert public(Store) == set(CALLS) | WITHOUT_A_SESSION


def test_every_operation_of_a_session_goes_through_the_store():
    """A session has no way of its own to the storage, so what holds for the store holds for it."""
    assert public(Session) <= public(Store) | {"as_dict", "log_tool", "refresh"}


async def called(store, method, name, arguments):
    """What a method gives back; of one that goes on, the first thing."""
    found = getattr(store, method)(name, **arguments)
    if not inspect.isasyncgen(found):
        return await found
    async with contextlib.aclosing(found):
        return await anext(found)


async def outcome(store, method, name, arguments):
    try:
        await called(store, method, name, arguments)
    except HoldallError as error:
        return type(error), str(error).replace(name, "NAME")
    return None


@pytest.mark.covers("ST-06")
@pytest.mark.req("SEC-AUZ-01", "SEC-AUZ-04")
@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("state", ["active", "ended", "deleted", "expired"])
async def test_another_owners_session_looks_missing(clock, method, state):
    for arguments in CALLS[method]:
        store = on(MemorySessionStorage(), clock)
        session = await store.create(owner="ana", ttl=60, messages=[user()])
        await session.log_tool("t", status="running")
        if state == "ended":
            await session.end()
        elif state == "deleted":
            await session.delete()
        elif state == "expired":
            clock.advance(60)
        before = await store.engine.storage.load(f"session/{session.id}")
        ben = store.acting_as(Principal("ben"))
        seen = await outcome(ben, method, session.id, arguments)
        missing = await outcome(ben, method, "01a20469-0000-7000-8000-000000000000", arguments)
        assert seen == missing
        assert seen is not None
        assert issubclass(seen[0], NotFound | Invalid)
        assert await store.engine.storage.load(f"session/{session.id}") == before


@pytest.mark.req("SEC-AUZ-01")
@pytest.mark.parametrize("principal", [Principal("ana"), Principal("root", admin=True)])
@pytest.mark.parametrize("method", CALLS)
async def test_the_owner_and_an_admin_may_do_it(clock, method, principal):
    store = on(MemorySessionStorage(), clock)
    session = await store.create(owner="ana", ttl=60, messages=[user(), user(LARGE)])
    await session.log_tool("t", status="running")
    store.engine.tools = SmallTools
    await session.summarise()
    await session.compact()
    await session.fork(name="side")
    await session.revert(MESSAGE)
    asked = called(store.acting_as(principal), method, session.id, CALLS[method][0])
    if method in FOR_ADMINS and not principal.admin:
        with pytest.raises(Forbidden):
            await asked
    else:
        await asked


@pytest.mark.req("SEC-AUZ-01", "SEC-AUZ-02")
async def test_who_creates_and_lists_for_whom(store):
    ben, root = store.acting_as(Principal("ben")), store.acting_as(Principal("root", admin=True))
    mine = await ben.create()
    assert mine.owner == "ben"
    assert (await ben.create(owner="ben")).owner == "ben"
    assert (await root.create()).owner == "root"
    hers = await root.create(owner="ana")
    assert hers.owner == "ana"
    for refused in (
        ben.create(owner="ana"),
        ben.get_or_create(owner="ana", key="k"),
        ben.find(owner="ana", key="k"),
        ben.list(owner="ana"),
        ben.sweep(),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert {session.owner for session in (await ben.list()).items} == {"ben"}
    assert {session.owner for session in (await root.list()).items} == {"ben", "ana", "root"}
    assert [session.id for session in (await root.list(owner="ana")).items] == [hers.id]
    assert (await root.sweep()).dropped == 0


@pytest.mark.req("SEC-AUZ-06")
async def test_the_same_keys_of_two_owners_are_two(store):
    ana, ben = (store.acting_as(Principal(name)) for name in ("ana", "ben"))
    assert (await ana.get_or_create(key="k")).id != (await ben.get_or_create(key="k")).id
    assert (await ana.find(key="k")).owner != (await ben.find(key="k")).owner
    assert (await ana.create(idempotency_key="k")).id != (await ben.create(idempotency_key="k")).id
    strange = [("a", "b/c"), ("a/b", "c"), ("ab", "c"), ("a", "bc"), ("aclaim", "b")]
    ids = {(await store.get_or_create(owner=owner, key=key)).id for owner, key in strange}
    assert len(ids) == len(strange)


@pytest.mark.req("SEC-AUZ-06")
async def test_two_owners_never_meet():
    """Ten thousand random operations of two principals on each other's and their own sessions: no cross hit."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng, clock = random.Random(seed), ManualClock()
    store = on(MemorySessionStorage(), clock)
    acting = {name: store.acting_as(Principal(name)) for name in ("ana", "ben")}
    owned = {name: [(await acting[name].create(messages=[user(name)])).id for _ in range(10)] for name in acting}
    hits = 0
    for _ in range(10_000):
        who, whose = rng.choice(("ana", "ben")), rng.choice(("ana", "ben"))
        name, act = rng.choice(owned[whose]), acting[who]
        kind = rng.randrange(6)
        try:
            if kind == 0:
                found = [message.text for message in await act.history(name, limit=3)]
            elif kind == 1:
                found = [message.text for message in (await act.append(name, [user(who)])).messages]
            elif kind == 2:
                found = [session.owner for session in await act.list(tag=None, limit=5)]
            elif kind == 3:
                found = [(await act.get_or_create(key=str(rng.randrange(3)))).owner]
            elif kind == 4:
                found = [(await act.update(name, title=who)).title]
            else:
                found = [(await act.message(name, MESSAGE)).text]
        except NotFound:
            assert who != whose
            continue
        hits += 1
        assert set(found) <= {who}
        assert kind in (2, 3) or who == whose
    assert hits > 4_000
