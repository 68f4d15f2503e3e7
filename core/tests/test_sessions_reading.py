"""Reading: what it needs, and that it never shows anything but one stored moment."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import zlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.storages import Counting, Passing
from support.stores import beside, on, text, user

from holdall import NotFound
from holdall.caching import Cache, LeastRecentlyUsed
from holdall.codecs import Codec
from holdall.contract import Lane, Span
from holdall.sessions import creating
from holdall.sessions.engine import Engine
from holdall.sessions.recent import MOST, Run
from holdall.sessions.store import Store
from holdall.testing.clock import ManualClock
from holdall_memory import MemorySessionStorage

COLD = """
import asyncio, sys
from types import SimpleNamespace
from holdall.caching import Cache, LeastRecentlyUsed
from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.contract import Head, ISessionStorage, Lane, Snapshot
from holdall.sessions.engine import Engine
from holdall.sessions.store import Store

NAME = "0123456789abcdef"
HEAD = Head("session/" + NAME, 5, 5, lanes={"session": Lane(0, 1), "messages/main": Lane(0, 1)}, marks={"recent": 5})
RECORD = b'{"format":1,"id":"%b","owner":"ana","created_at":5}' % NAME.encode()
RECORDS = {("session", 0): RECORD, ("messages/main", 0): b'{"id":"msg_main_0000000000","role":"user","content":"x"}'}

class One(ISessionStorage):
    async def load(self, partition, *spans):
        return Snapshot(HEAD, {address: RECORDS[address] for address in HEAD.addresses(spans)})
    async def scan(self, scan):
        return [await self.load(HEAD.partition, *scan.spans)]
    commit = drop = load

async def main():
    engine = Engine(One(), clock=SystemClock(), policy=SimpleNamespace(max_page=500), codec=Codec(),
                    cache=Cache(LeastRecentlyUsed(), 1 << 20))
    store = Store(engine)
    assert (await store.get(NAME)).owner == "ana"
    assert [session.id for session in await store.list()] == [NAME]
    assert [message["content"] for message in await store.history(NAME)] == ["x"]

asyncio.run(main())
print(sorted({name.partition(".")[0] for name in sys.modules} & {"pydantic", "pydantic_core", "jsonschema"}))
"""


@pytest.mark.covers("ST-16")
def test_a_cold_read_imports_nothing_that_checks_input():
    found = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("[]\n", "")


def uncached(store):
    """A store on the same storage that remembers nothing."""
    engine = store.engine
    cache = Cache(LeastRecentlyUsed(), 0)
    return Store(Engine(engine.storage, clock=engine.clock, policy=engine.policy, codec=engine.codec, cache=cache))


async def again(store, name, *words):
    """Make the session ``name`` once more, as a program that chose its own names would."""
    draft = creating.draft_of("ana", {"title": "again"}, [user(word) for word in words])
    draft.id = name
    return await creating.create(store.engine, draft, lambda _: None)


@pytest.mark.covers("CV-15")
async def test_a_page_that_was_read_before_costs_one_question_without_records(clock):
    counting = Counting(MemorySessionStorage())
    store, other = on(counting, clock), on(counting, clock)
    session = await store.create(owner="ana", messages=[user(str(n)) for n in range(60)])

    async def cost(operation):
        counting.calls.clear()
        await operation
        return counting.calls["load"], counting.calls["records"]

    assert await cost(store.history(session.id)) == (1, 51)
    assert await cost(store.history(session.id)) == (1, 0)
    assert await cost(store.history(session.id, limit=10)) == (1, 0)
    assert await cost(store.get(session.id)) == (1, 0)
    await session.append(user("own"))
    assert await cost(store.history(session.id)) == (1, 0)
    assert await cost(store.message(session.id, "msg_main_0000000060")) == (1, 0)
    await other.append(session.id, [user("theirs"), user("theirs too")])
    assert await cost(store.history(session.id)) == (1, 2)
    assert await cost(store.history(session.id)) == (1, 0)
    assert await cost(store.history(session.id, before="msg_main_0000000005")) == (1, 6)
    assert await cost(store.history(session.id)) == (1, 0)
    await other.update(session.id, title="theirs")
    assert await cost(store.get(session.id)) == (2, 1)
    assert await cost(store.history(session.id)) == (1, 0)


async def made_again(store, clock, name, run):
    await store.delete(name)
    clock.advance(86_400)
    await store.sweep()
    await again(store, name, "x", "y")


async def cleared(store, clock, name, run):
    await store.clear(name)
    await store.append(name, [user("after")])


async def expired(store, clock, name, run):
    clock.advance(61)


CHANGES = {
    "append": lambda store, clock, name, run: store.append(name, [user("c")]),
    "tool": lambda store, clock, name, run: store.append(name, (), tools=[{"tool": "u"}]),
    "finish": lambda store, clock, name, run: store.finish_tool_run(name, run, result="r"),
    "update": lambda store, clock, name, run: store.update(name, title="new", metadata={"x": 1}),
    "clear": cleared,
    "end": lambda store, clock, name, run: store.end(name),
    "delete": lambda store, clock, name, run: store.delete(name),
    "again": made_again,
    "expire": expired,
}


async def shown(store, name, read):
    """What a store answers, in full."""
    try:
        if read == "get":
            return (await store.get(name)).as_dict()
        if read == "message":
            message = await store.message(name, "msg_main_0000000001")
            return message.raw, message.version
        page = await getattr(store, read)(name)
        return [item.raw for item in page.items], page.next, page.previous, page.version
    except NotFound as error:
        return str(error)


@pytest.mark.covers("CV-15")
@pytest.mark.parametrize("ttl", [None, 60])
@pytest.mark.parametrize("read", ["history", "tool_runs", "message", "get"])
@pytest.mark.parametrize("change", CHANGES)
async def test_what_one_store_keeps_is_not_shown_after_another_changed_it(store, clock, change, read, ttl):
    """Both have read everything; one changes it; what they show then is what a store shows that keeps nothing."""
    other = beside(store)
    session = await store.create(owner="ana", ttl=ttl, messages=[user("a"), user("b")])
    run = await session.log_tool("t", status="running")
    for reader in (store, other):
        for everything in ("history", "tool_runs", "get"):
            await shown(reader, session.id, everything)
    before = await shown(store, session.id, read)
    await CHANGES[change](other, clock, session.id, run.id)
    truth = await shown(uncached(store), session.id, read)
    assert truth != before or (change == "expire" and ttl is None)
    assert [await shown(reader, session.id, read) for reader in (store, store, other)] == [truth] * 3


@pytest.mark.covers("CV-15")
async def test_a_session_made_again_under_its_name_is_another(clock):
    """Also where the new one looks just like the old one went on: only its birth tells them apart."""
    storage = MemorySessionStorage()
    store, other = on(storage, clock), on(storage, clock)
    session = await store.create(owner="ana", messages=[user("old")])
    assert text(await store.history(session.id)) == ["old"]
    head = (await storage.load(f"session/{session.id}")).head
    await storage.drop(head.partition, expect=head.version)
    clock.advance(0.001)
    await again(other, session.id, "new", "newer")
    new = (await storage.load(head.partition)).head
    assert (new.lanes["messages/main"].stop, head.lanes["messages/main"].stop) == (2, 1)
    assert text(await store.history(session.id)) == ["new", "newer"]
    assert (await store.get(session.id)).title == "again"
    assert (await store.append(session.id, [user("newest")])).messages[0].id == "msg_main_0000000002"
    assert text(await store.history(session.id)) == ["new", "newer", "newest"]


class Meddling(Passing):
    """Lets another writer come in between: before and after what is loaded."""

    def __init__(self, storage):
        super().__init__(storage)
        self.meddle = None

    async def load(self, partition, *spans):
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            await meddle()
        found = await super().load(partition, *spans)
        if meddle is not None:
            await meddle()
        await asyncio.sleep(0)
        return found


@pytest.mark.covers("CV-15", "ST-16")
@pytest.mark.parametrize("clearing", [False, True])
async def test_a_page_shows_one_moment_whoever_writes_meanwhile(clock, clearing):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    meddling = Meddling(MemorySessionStorage())
    store, other = on(meddling, clock), on(meddling.inner, clock)
    session = await store.create(owner="ana")
    moments = {session.version: (0, 0)}
    first = stop = 0

    async def write(by):
        nonlocal first, stop
        if clearing and dice.random() < 0.2:
            await by.clear(session.id)
            first = stop
            version = (await uncached(other).get(session.id)).version
        else:
            count = dice.randint(1, 3)
            appended = await by.append(session.id, [user(str(stop + n)) for n in range(count)])
            stop += count
            version = appended.state.head.changed
        moments[version] = (first, stop)

    for _ in range(300):
        if dice.random() < 0.7:
            meddling.meddle = lambda: write(other)
        limit = dice.choice([1, 2, 5, 50])
        before = None if stop == 0 or dice.random() < 0.7 else dice.randint(0, stop)
        cursor = None if before is None else f"msg_main_{before:010d}"
        page = await store.history(session.id, limit=limit, before=cursor)
        from_, to = moments[page.version]
        to = to if before is None else min(before, to)
        assert [int(words) for words in text(page)] == list(range(max(from_, to - limit), max(to, from_)))
        if dice.random() < 0.3:
            meddling.meddle = None
            await write(store)


async def finish_one(store, name, n):
    for run in await store.tool_runs(name, status="running", limit=1):
        await store.finish_tool_run(name, run.id, result=n)


async def drop_and_make_again(store, name, n):
    storage = store.engine.storage
    head = (await storage.load(f"session/{name}")).head
    await storage.drop(head.partition, expect=head.version)
    await again(store, name, *("again " * (n % 5)).split())


WRITES = {
    "append": lambda store, name, n: store.append(name, [user("x" * n)]),
    "many": lambda store, name, n: store.append(name, [user(str(each)) for each in range(n + 1)]),
    "clear": lambda store, name, n: store.clear(name),
    "tool": lambda store, name, n: store.append(name, (), tools=[{"tool": "t", "status": "running"}]),
    "finish": finish_one,
    "update": lambda store, name, n: store.update(name, title=str(n)),
    "again": drop_and_make_again,
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*WRITES, "append", *["read", "page"] * 4]), st.integers(0, 1), st.integers(0, 400)),
    max_size=40,
)


async def same(store, plain, name, step, n):
    """A page of some size somewhere, the tool runs, and the session, of two stores."""
    stop = (await plain.get(name)).state.head.lanes.get("messages/main", Lane()).stop
    asked = {"limit": n % 130 + 1}
    if step == "page" and stop:
        asked["before" if n % 2 else "after"] = f"msg_main_{n % stop:010d}"
    found = []
    for one in (store, plain):
        page, runs = await one.history(name, **asked), await one.tool_runs(name)
        cursors = page.next, page.previous, page.version, runs.version
        found.append(([item.raw for item in page], [run.raw for run in runs], cursors, (await one.get(name)).as_dict()))
    assert found[0] == found[1]


@pytest.mark.covers("CV-15")
@settings(max_examples=150)
@given(STEPS, st.sampled_from([300, 4_000, 1 << 20]), st.booleans())
def test_cached_and_uncached_stores_show_the_same(steps, most, compressed):
    async def check():
        clock = ManualClock()
        codec = Codec(compressor=7, compressors={7: Deflate()}) if compressed else Codec()
        stores = [on(MemorySessionStorage(), clock, codec)]
        stores.append(beside(stores[0]))
        plain = uncached(stores[0])
        for store in stores:
            store.engine.states.max_bytes = most
        name = (await stores[0].create(owner="ana")).id
        for step, which, n in steps:
            clock.advance(0.001)
            if step in WRITES:
                await WRITES[step](stores[which], name, n)
            else:
                await same(stores[which], plain, name, step, n)
            assert stores[which].engine.states.size <= most

    asyncio.run(check())


class Deflate:
    """Compresses, and counts what is read."""

    def __init__(self):
        self.read = Counter()

    def compress(self, data):
        return zlib.compress(data, 1)

    def decompress(self, data, limit):
        self.read[data] += 1
        return zlib.decompress(data)


@pytest.mark.covers("CV-15")
async def test_a_record_is_decoded_once(clock):
    codec = Codec(compressor=7, compressors={7: Deflate()})
    storage = MemorySessionStorage()
    store, other = on(storage, clock, codec), on(storage, clock, Codec(compressor=7, compressors={7: Deflate()}))
    session = await other.create(owner="ana", title="t" * 400, messages=[user(f"{n}" * 200) for n in range(20)])
    for n in range(5):
        await other.append(session.id, [user(f"theirs {n}" * 50)])
        for _ in range(2):
            assert len((await store.history(session.id)).items) == 21 + n
            assert (await store.get(session.id)).title == "t" * 400
    await store.append(session.id, [user("own" * 100)])
    assert text(await store.history(session.id, limit=1)) == ["own" * 100]
    counted = codec.compressors[7].read
    assert len(counted) == 26  # the session, twenty messages and five more; what the store wrote itself it knows
    assert set(counted.values()) == {1}


@given(st.lists(st.integers(0, 300_000), max_size=400))
def test_a_run_keeps_what_is_latest_within_its_bounds(sizes):
    run, lane = Run(1, 7, [], 0), [*enumerate(sizes, 7)]
    for position, size in lane:
        run.extend([bytes([position % 256]) * size])
        assert run.stop == position + 1
        assert run.size == sum(map(len, run.records)) <= 1 << 20
        assert len(run.records) <= MOST * 2
        if run.records:
            assert run.part(range(position, position + 1)) == [bytes([position % 256]) * size]
            assert run.part(range(run.start, run.stop)) == run.records
        assert run.part(range(run.start - 1, run.stop)) is None
        assert run.part(range(run.start, run.stop + 1)) is None


async def test_kept_records_are_counted_and_given_up(clock):
    storage = MemorySessionStorage()
    store = on(storage, clock)
    store.engine.states.max_bytes = 200_000
    names = [(await store.create(owner="ana", messages=[user("x" * 1000)] * 50)).id for _ in range(20)]
    for name in names:
        before = store.engine.states.size
        await store.history(name)
        assert store.engine.states.size <= 200_000
        assert store.engine.states.size > before + 50_000 or before > 100_000
    assert (await storage.load(f"session/{names[0]}", Span("messages/main", -1))).records
