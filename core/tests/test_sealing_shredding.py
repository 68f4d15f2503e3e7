"""A session that goes loses its key first, durably; and whoever dies on the way leaves nothing that stays undone.

Covers SE-10.
"""

from __future__ import annotations

import pytest
from support.sealed import Fixed, sealed
from support.storages import Passing, everything
from support.stores import on, text, user

from holdall.contract import Head, Scan, Span
from holdall.errors import CodecError, Conflict, NotFound
from holdall.sealing.names import KEYS, key_partition
from holdall.sessions.names import SHREDDING
from holdall_memory import MemorySessionStorage

CANARY = "a canary"


class Dying(Passing):
    """Does a number of writes and then no more, as if the process had died; keeps a list of them."""

    def __init__(self, storage, writes=10_000):
        super().__init__(storage)
        self.writes, self.done = writes, []

    async def commit(self, commit):
        self._write(("commit", commit))
        await super().commit(commit)

    async def drop(self, partition, *, expect):
        self._write(("drop", partition))
        await super().drop(partition, expect=expect)

    def _write(self, what):
        if self.writes == len(self.done):
            raise OSError("it died")
        self.done.append(what)


async def store_on(below, clock, **policy):
    return on(await sealed(below, clock=clock), clock, shreds=True, **policy)


async def keys_of(below):
    found = await below.scan(Scan(limit=1000))
    return {one.head.partition for one in found if one.head.partition.startswith(KEYS)}


@pytest.mark.req("SEC-CRY-05")
async def test_deleting_destroys_the_key_before_the_data(clock):
    """Tried without ``vault.destroy`` in ``finish``: the key is still there; and with it last: the order is wrong."""
    below = Dying(MemorySessionStorage())
    store = await store_on(below, clock)
    session = (await store.create(owner="ana", title=CANARY, messages=[user(CANARY)])).id
    other = (await store.create(owner="ana", messages=[user("stays")])).id
    partition = f"session/{session}"
    before = await below.load(partition, Span("messages/main"), Span("session"))
    assert await keys_of(below) == {key_partition(partition), key_partition(f"session/{other}")}
    below.done.clear()
    await store.delete(session)
    marked, destroyed, removed = below.done
    assert (marked[0], marked[1].partition, marked[1].lanes.get("messages/main", "kept")) == (
        "commit",
        partition,
        "kept",
    )
    assert destroyed == ("drop", key_partition(partition))
    assert (removed[0], removed[1].partition, removed[1].lanes["messages/main"]) == ("commit", partition, None)
    assert await keys_of(below) == {key_partition(f"session/{other}")}
    for old in before.records.values():
        assert old not in await everything(below)
    for reader in (store, await store_on(below, clock)):
        with pytest.raises(NotFound):
            await reader.get(session)
        assert text(await reader.history(other)) == ["stays"]
    assert (await below.load(partition)).head.marks.keys() == {"recent", "expires"}
    clock.advance(100_000)
    assert (await store.sweep()).dropped == 1
    assert await below.load(partition) is None


@pytest.mark.req("SEC-CRY-05")
async def test_expiry_destroys_the_key_before_the_data(clock):
    below = Dying(MemorySessionStorage())
    store = await store_on(below, clock)
    session = (await store.create(owner="ana", ttl=60, messages=[user(CANARY)])).id
    below.done.clear()
    clock.advance(1000)
    assert [state.record.id for state in (await store.sweep()).expired] == [session]
    partition = f"session/{session}"
    assert [kind for kind, _ in below.done] == ["commit", "drop", "drop"]
    assert [what for kind, what in below.done if kind == "drop"] == [key_partition(partition), partition]
    assert await keys_of(below) == set()


@pytest.mark.req("SEC-CRY-05")
@pytest.mark.parametrize("how", ["delete", "expire"])
@pytest.mark.parametrize("writes", range(4))
async def test_whoever_dies_while_it_goes_leaves_it_whole_or_gone(clock, how, writes):
    """Tried without ``recover``: after one or two writes the key or the data is left behind."""
    memory = MemorySessionStorage()
    session = (await (await store_on(memory, clock)).create(owner="ana", ttl=60, messages=[user(CANARY)] * 3)).id
    partition = f"session/{session}"
    below = Dying(memory)
    store = await store_on(below, clock)
    below.writes = writes
    if how == "expire":
        clock.advance(1000)
    try:
        await (store.delete(session) if how == "delete" else store.sweep())
    except OSError:
        assert writes < 3
    again = await store_on(memory, clock)  # opening brings it to its end
    assert await memory.scan(Scan(SHREDDING)) == []
    if how == "delete" and writes == 0:
        assert text(await again.history(session)) == [CANARY] * 3
        return
    with pytest.raises(NotFound):
        await again.history(session)
    if writes:
        assert await keys_of(memory) == set()
        found = await memory.load(partition)
        assert found is None or set(found.head.lanes) == {"session", "seal"}
    clock.advance(100_000)
    await again.sweep()
    assert await memory.load(partition) is None
    assert await keys_of(memory) == set()


@pytest.mark.req("SEC-CRY-05")
async def test_a_lost_key_is_not_taken_for_a_deletion(clock):
    below = MemorySessionStorage()
    store = await store_on(below, clock)
    session = (await store.create(owner="ana", messages=[user(CANARY)])).id
    name = key_partition(f"session/{session}")
    await below.drop(name, expect=(await below.load(name)).head.version)
    again = await store_on(below, clock)
    with pytest.raises(CodecError, match="its data key is not there: it was destroyed, or lost"):
        await again.history(session)
    assert (await again.list(owner="ana")).items == []


async def test_what_is_being_destroyed_may_begin_again_under_its_name(clock):
    """A partition dropped by a process that died, and created again by another that is open already."""
    memory = MemorySessionStorage()
    store = await store_on(memory, clock)
    session = (await store.create(owner="ana", messages=[user(CANARY)])).id
    partition = f"session/{session}"
    for writes in (1, 2):
        storage = store.engine.storage
        head = (await storage.load(partition)).head
        below = Dying(memory)
        dying = await sealed(below, clock=clock)
        below.writes = writes
        with pytest.raises(OSError, match="died"):
            await dying.drop(partition, expect=head.version)
        assert await storage.load(partition) is None
        assert [one.head.partition for one in await storage.scan(Scan("recent", spans=(Span("session", -1),)))] == []
        clock.advance(1)
        await storage.commit(_first(head, clock.now(), writes))
        snapshot = await (await sealed(memory, clock=clock)).load(partition, Span("session"))
        assert snapshot.records == {("session", 0): b"again %d" % writes}
    assert await keys_of(memory) == {key_partition(partition)}


def _first(head, now, writes):
    from holdall.contract import Commit, Lane  # noqa: PLC0415

    lanes = {"session": Lane(0, 1, now)}
    return Commit(head.partition, 0, now, now, lanes, {"recent": 1}, write={("session", 0): b"again %d" % writes})


async def test_a_key_that_goes_while_its_partition_begins_is_stored_again(clock):
    """A creation that finds a key which a drop is about to destroy: the session that it acknowledges is readable."""
    memory = MemorySessionStorage()
    store = await store_on(memory, clock)
    session = (await store.create(owner="ana")).id
    partition = f"session/{session}"
    old = (await memory.load(partition)).head
    slow = await sealed(memory, clock=clock)
    key, found = await slow.vault.new(partition)
    assert found is not None
    await store.engine.storage.drop(partition, expect=old.version)
    assert await keys_of(memory) == set()
    await slow.vault.vouch(partition, found)
    assert await keys_of(memory) == {key_partition(partition)}
    assert (await slow.vault.find(partition, key.id)).id == key.id


async def test_a_key_that_another_process_used_and_destroyed_meanwhile_is_stored_again(clock):
    """Between the key of a creation and its first record another one begins the same session with it, and ends it."""
    memory, partition = MemorySessionStorage(), "session/0190a0a0-0000-7000-8000-000000000001"
    other = await sealed(memory, clock=clock)
    head = Head(partition, 0, 0)

    class Overtaken(Passing):
        async def commit(self, commit):
            if commit.partition == partition:
                await other.commit(_first(head, 50, 1))
                await other.drop(partition, expect=50)
            await super().commit(commit)

    slow = await sealed(Overtaken(memory), clock=clock)
    await slow.commit(_first(head, 100, 2))
    assert (await slow.load(partition, Span("session"))).records == {("session", 0): b"again 2"}
    fresh = await sealed(memory, clock=clock)
    assert (await fresh.load(partition, Span("session"))).records == {("session", 0): b"again 2"}


async def test_a_tombstone_that_was_never_finished_is_before_it_is_dropped(clock):
    memory = MemorySessionStorage()
    session = (await (await store_on(memory, clock)).create(owner="ana", messages=[user(CANARY)])).id
    below = Dying(memory)
    store, beside = await store_on(below, clock), await store_on(memory, clock)
    below.writes = 1
    with pytest.raises(OSError, match="died"):
        await store.delete(session)
    head = (await beside.engine.storage.load(f"session/{session}")).head
    with pytest.raises(Conflict):
        await beside.engine.storage.drop(head.partition, expect=head.version)
    assert await keys_of(memory) == set()
    clock.advance(100_000)
    assert (await beside.sweep()).dropped == 1


@pytest.mark.req("SEC-CRY-03")
async def test_the_key_source_wraps_and_the_store_does_not_see_its_keys(clock):
    below = MemorySessionStorage()
    await (await store_on(below, clock)).create(owner="ana", title=CANARY)
    stored = await everything(below)
    assert Fixed().ring.current.encode() in stored
    assert b"1111111111" not in stored
