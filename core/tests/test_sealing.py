"""What is stored can be neither read, moved, changed nor rolled back without the keys, and nobody falls back to plaintext.

Covers SE-10.
"""

from __future__ import annotations

import hashlib
import os

import pytest
from support.encrypted import Encrypted
from support.sealed import Fixed
from support.storages import Counting, everything
from support.stores import on, text, user

from holdall.codecs import Codec, Envelope
from holdall.contract import Commit, Lane, Scan, Span
from holdall.errors import CodecError, Conflict, Invalid, NotFound, TooLarge
from holdall.sealing.names import REWRITTEN, SEAL
from holdall_aesgcm import AesGcm
from holdall_memory import MemorySessionStorage

CANARY = "a canary that repeats, a canary that repeats, a canary that repeats"
OTHER_KEY = "22" * 32
MESSAGE = ("messages/main", 0)


@pytest.fixture
def encrypted(clock):
    return Encrypted(clock)


async def test_a_conversation_is_as_it_was_and_nothing_of_it_is_stored(encrypted):
    store = await encrypted.store()
    session = await store.get_or_create(owner="ana", key="mine", title=CANARY, metadata={"a": CANARY}, tags=["canary"])
    await session.append(user(CANARY))
    await store.append(
        session.id, (), tools=[{"tool": "canary", "status": "running"}], originals=[CANARY], key="canary"
    )
    await store.update(session.id, ttl=600)
    await store.heartbeat(session.id)
    other = await encrypted.store()
    assert text(await other.history(session.id)) == [CANARY]
    assert (await other.list(owner="ana")).items[0].title == CANARY
    assert (await other.get_or_create(owner="ana", key="mine")).id == session.id
    assert (await other.append(session.id, (), originals=[CANARY], tools=[{"tool": "canary", "status": "running"}],
                               key="canary")).replayed  # fmt: skip
    stored = await everything(encrypted.below)
    assert b"canary" not in stored
    assert b'"ana"' not in stored


# --- SEC-CRY-01 ----------------------------------------------------------------------------------------------------


@pytest.mark.req("SEC-CRY-01")
async def test_each_session_has_a_key_and_each_record_a_nonce_of_its_own(encrypted):
    """Tried with one data key for all, and with a nonce that stays the same."""
    store = await encrypted.store()
    names = [(await store.create(owner="ana", messages=[user("the same")] * 40)).id for _ in range(5)]
    nonces, keys = [], set()
    for name in names:
        for record in (await encrypted.records(f"session/{name}")).values():
            envelope, payload = Envelope.unpack(record, "x")
            keys.add(envelope.key_id)
            nonces.append(payload[1:13])
    assert (len(keys), len(nonces), len(set(nonces))) == (5, 5 * 42, 5 * 42)


@pytest.mark.req("SEC-CRY-01")
async def test_a_key_encrypts_no_more_than_it_may_whoever_counts(encrypted, monkeypatch):
    """Tried without the counter: nothing is refused."""
    monkeypatch.setattr(AesGcm, "writes", 20)
    session = (await (await encrypted.store()).create(owner="ana")).id  # its record and the seal: 2
    for _ in range(8):  # 2 each: the message and the seal
        await (await encrypted.store()).append(session, [user("x")])
    await (await encrypted.store()).append(session, [user("the twentieth")])
    with pytest.raises(TooLarge, match="encrypted with one data key is 22, over the limit of 20"):
        await (await encrypted.store()).append(session, [user("x")])
    assert len((await (await encrypted.store()).history(session)).items) == 9


@pytest.mark.req("SEC-CRY-02")
async def test_records_can_be_neither_swapped_nor_moved_nor_changed(encrypted):
    store = await encrypted.store()
    session = await store.create(owner="ana", title=CANARY, messages=[user(CANARY), user("other")])
    twin = await store.create(owner="ana", messages=[user(CANARY)])
    partition = f"session/{session.id}"
    records = await encrypted.records(partition)
    elsewhere = await encrypted.records(f"session/{twin.id}")
    first, second = MESSAGE, ("messages/main", 1)
    flipped = bytes([*records[first][:-1], records[first][-1] ^ 1])
    at = 4 + records[first][3]
    older = records[first][:at] + (1).to_bytes(8, "big") + records[first][at + 8 :]
    for forged in (
        {first: records[second], second: records[first]}, {first: elsewhere[first]}, {first: flipped}, {first: older},
        {first: b'{"id":"x","role":"user","content":"forged"}'}, {first: Envelope().pack(b"{}")}, {first: b""},
        {SEAL_AT: elsewhere[SEAL_AT]}, {("session", 0): elsewhere["session", 0]}, {first: records["session", 0]},
    ):  # fmt: skip
        await encrypted.put(partition, {**records, **forged})
        with pytest.raises(CodecError):
            await (await encrypted.store()).history(session.id)
    await encrypted.put(partition, records)
    assert text(await (await encrypted.store()).history(session.id)) == [CANARY, "other"]


SEAL_AT = (SEAL, 0)


@pytest.mark.req("SEC-CRY-02")
async def test_an_older_version_of_a_record_is_not_taken_for_the_newest(encrypted):
    """Tried without ``Floors.check``: the old title, and a tool that runs again, are shown."""
    store = await encrypted.store()
    session = (await store.create(owner="ana", title="first")).id
    partition = f"session/{session}"
    run = (await store.append(session, (), tools=[{"tool": "t", "status": "running"}])).tools[0].id
    before = await encrypted.records(partition)
    await store.update(session, title="second")
    await store.finish_tool_run(session, run, status="succeeded")
    after = await encrypted.records(partition)
    for at in (("session", 0), ("tools", 0)):
        await encrypted.put(partition, {at: before[at]})
        with pytest.raises(CodecError, match="an older version of it was put in its place"):
            await (await encrypted.store()).tool_runs(session)
        await encrypted.put(partition, {at: after[at]})
    assert (await (await encrypted.store()).get(session)).title == "second"


@pytest.mark.req("SEC-CRY-02")
async def test_many_overwritten_records_are_all_remembered(encrypted):
    """More than a seal holds itself: the rest is in a lane of its own, which cannot be rolled back either."""
    store = await encrypted.store()
    session = (await store.create(owner="ana")).id
    partition = f"session/{session}"
    runs = (await store.append(session, (), tools=[{"tool": "t", "status": "running"}] * 60)).tools
    before = await encrypted.records(partition)
    for at in [*range(0, 60, 2), *range(1, 60, 2)]:
        await store.finish_tool_run(session, runs[at].id, status="succeeded")
    after = await encrypted.records(partition)
    assert sum(lane == REWRITTEN for lane, _ in after) == 3
    for at in (0, 1, 31, 58, 59):
        await encrypted.put(partition, {("tools", at): before["tools", at]})
        with pytest.raises(CodecError, match=r"tools\[.*older version"):
            await (await encrypted.store()).tool_runs(session, limit=100)
        await encrypted.put(partition, {("tools", at): after["tools", at]})
    assert {run.status for run in (await (await encrypted.store()).tool_runs(session, limit=100))} == {"succeeded"}
    for at in ((REWRITTEN, 0), (REWRITTEN, 2)):
        await encrypted.put(partition, {at: after[REWRITTEN, 1]})
        with pytest.raises(CodecError):
            await (await encrypted.store()).tool_runs(session)
        await encrypted.put(partition, {at: after[at]})


@pytest.mark.req("SEC-CRY-02")
async def test_a_head_cannot_be_changed(encrypted):
    """Messages cut off at the end or the start, a lane removed, marks moved, a time of expiry put off.

    Tried with a seal that is bound to nothing of the head.
    """
    store = await encrypted.store()
    session = (await store.create(owner="ana", ttl=60, messages=[user("1"), user("2")])).id
    await store.append(session, [user("3")], originals=["x"])
    partition = f"session/{session}"
    head = (await encrypted.below.load(partition)).head
    lane = head.lanes["messages/main"]
    mark = next(name for name in head.marks if name.startswith("owner/"))
    for changes, undone in (
        ({"lanes": {"messages/main": Lane(0, 2, lane.rewritten)}}, {"lanes": {"messages/main": lane}}),
        ({"lanes": {"messages/main": Lane(1, 3, lane.rewritten)}}, {"lanes": {"messages/main": lane}}),
        ({"marks": {mark: None}}, {"marks": {mark: head.marks[mark]}}),
        ({"marks": {"recent": 1}}, {"marks": {"recent": head.marks["recent"]}}),
        ({"marks": {"owner/forged": 1}}, {"marks": {"owner/forged": None}}),
        ({"expires_at": (head.expires_at or 0) + 1}, {"expires_at": head.expires_at}),
        ({"lanes": {SEAL: None}}, None),
    ):
        await encrypted.put(partition, {}, **changes)
        for call in ("get", "history"):
            with pytest.raises(CodecError, match=r"its head is not the one that was sealed|it is plaintext"):
                await getattr(await encrypted.store(), call)(session)
        if undone is not None:
            await encrypted.put(partition, {}, **undone)
            assert text(await (await encrypted.store()).history(session)) == ["1", "2", "3"]


@pytest.mark.req("SEC-CRY-02")
async def test_an_older_seal_does_not_vouch_for_what_came_after(encrypted):
    store = await encrypted.store()
    session = (await store.create(owner="ana", title="first")).id
    partition = f"session/{session}"
    before = await encrypted.records(partition)
    await store.append(session, [user("x")])
    await encrypted.put(partition, {SEAL_AT: before[SEAL_AT]})
    with pytest.raises(CodecError, match="its head is not the one that was sealed"):
        await (await encrypted.store()).history(session)


# --- SEC-CRY-06, plaintext and keys --------------------------------------------------------------------------------


@pytest.mark.req("SEC-CRY-06")
async def test_other_keys_open_nothing(encrypted):
    session = (await (await encrypted.store()).create(owner="ana")).id
    stored = await everything(encrypted.below)
    with pytest.raises(CodecError, match="which is not there"):
        await encrypted.store(Fixed(OTHER_KEY))
    plain = on(encrypted.below, encrypted.clock, Codec())
    with pytest.raises(CodecError, match="encrypted with cipher 1, which is not configured"):
        await plain.history(session)
    with pytest.raises(CodecError, match="encrypted with cipher 1, which is not configured"):
        await plain.append(session, [user("x")])
    assert await everything(encrypted.below) == stored


@pytest.mark.req("SEC-CRY-06")
async def test_plaintext_is_refused_and_costs_nobody_else_a_list(encrypted):
    """Tried without the refusal in ``examined``: it is read."""
    plain = (await on(encrypted.below, encrypted.clock).create(owner="ana", title="plain")).id
    store = await encrypted.store()
    session = await store.create(owner="ana", title="sealed")
    for call in (store.get(plain), store.history(plain), store.append(plain, [user("x")]), store.delete(plain)):
        with pytest.raises(CodecError, match="it is plaintext, and encryption is on"):
            await call
    assert [item.id for item in await store.list(owner="ana")] == [session.id]


@pytest.mark.covers("LC-10")
async def test_plaintext_is_read_while_it_is_accepted_and_encrypted_when_it_is_written_to(encrypted):
    plain = on(encrypted.below, encrypted.clock)
    session = (await plain.create(owner="ana", title=CANARY, messages=[user(CANARY)] * 150)).id
    quiet = (await plain.get_or_create(owner="ana", key="k", title="quiet")).id
    store = await encrypted.store(plain=True)
    before = (await store.get(session)).version
    assert (await store.get(quiet)).title == "quiet"
    await store.append(session, [user("more")], expect=before)
    assert b"canary" not in await everything(encrypted.below)
    assert b'"quiet"' in await everything(encrypted.below)
    from holdall.sealing.converting import convert_all  # noqa: PLC0415

    vault = store.engine.storage.vault
    assert await convert_all(encrypted.below, vault) == (3, 2)  # the quiet session and the claim on it
    assert await convert_all(encrypted.below, vault) == (3, 0)
    stored = await everything(encrypted.below)
    assert not any(word in stored for word in (b"canary", b'"quiet"', quiet.encode() + b'"}'))
    strict = await encrypted.store()
    assert text(await strict.history(session, limit=200))[-2:] == [CANARY, "more"]
    assert (await strict.get_or_create(owner="ana", key="k")).id == quiet


async def test_encrypting_goes_on_where_it_was_stopped(encrypted, monkeypatch):
    from holdall.sealing import converting  # noqa: PLC0415

    monkeypatch.setattr(converting, "_PIECE", 5_000)
    plain = on(encrypted.below, encrypted.clock)
    session = (await plain.create(owner="ana", messages=[user(f"{n} {CANARY * 20}") for n in range(300)])).id
    store = await encrypted.store(plain=True)
    vault, commit, done = store.engine.storage.vault, encrypted.below.commit, []

    async def stops(this):
        if this.partition.startswith("session/"):
            if len(done) == 2:
                raise OSError("the power went")
            done.append(this)
        await commit(this)

    monkeypatch.setattr(encrypted.below, "commit", stops)
    with pytest.raises(OSError, match="power"):
        await converting.convert(encrypted.below, vault, f"session/{session}")
    monkeypatch.undo()
    with pytest.raises(CodecError, match="was not encrypted to its end"):
        await (await encrypted.store()).history(session)
    again = await encrypted.store(plain=True)
    assert len((await again.history(session, limit=300)).items) == 300
    assert await again.engine.storage.encrypt(f"session/{session}")
    strict = await encrypted.store()
    assert [item.split()[0] for item in text(await strict.history(session, limit=300))] == [str(n) for n in range(300)]
    assert b"canary" not in await everything(encrypted.below)


# --- what it costs, and what it hides ------------------------------------------------------------------------------


async def test_nothing_is_read_to_append_again_and_again(clock):
    below = Counting(MemorySessionStorage())
    store = await Encrypted(clock, below).store()
    session = (await store.create(owner="ana")).id
    await store.append(session, [user("x")])
    below.calls.clear()
    for _ in range(10):
        await store.append(session, [user("x")])
    assert below.calls == {"commit": 10}


async def test_its_own_lanes_and_partitions_are_nobody_elses(encrypted):
    store = await encrypted.store()
    session = (await store.create(owner="ana")).id
    storage = store.engine.storage
    head = (await storage.load(f"session/{session}")).head
    assert set(head.lanes) == {"session"}
    names = [one.head.partition for one in await encrypted.below.scan(Scan())]
    assert len(names) == 3
    assert [one.head.partition for one in await storage.scan(Scan())] == [f"session/{session}"]
    assert [one.head.partition for one in await storage.scan(Scan(descending=True, limit=1))] == [f"session/{session}"]
    for name in names:
        if not name.startswith("session/"):
            assert await storage.load(name) is None
    with pytest.raises(Invalid, match="encryption's own"):
        await storage.commit(
            Commit(head.partition, head.version, head.version + 1, 1, lanes={SEAL: Lane(0, 1)}, write={SEAL_AT: b"x"})
        )


async def test_two_processes_find_one_key(encrypted):
    one, other = await encrypted.store(), await encrypted.store()
    session = (await one.create(owner="ana")).id
    for store in (one, other, one, other):
        await store.append(session, [user("x")])
    assert len((await other.history(session)).items) == 4
    same = [await encrypted.store() for _ in range(4)]
    import asyncio  # noqa: PLC0415

    made = await asyncio.gather(*(store.get_or_create(owner="ana", key="k") for store in same))
    assert len({session.id for session in made}) == 1
    for store in same:
        await store.append(made[0].id, [user("x")])
    assert len((await (await encrypted.store()).history(made[0].id)).items) == 4


@pytest.mark.req("SEC-CRY-07")
async def test_each_record_is_compressed_by_itself_and_before_it_is_encrypted(encrypted):
    """What somebody says and what is secret never meet in one compression: not two messages, not a title and one."""
    seen = []

    class Listening:
        def compress(self, data):
            seen.append(data)
            return data[:-5]

        def decompress(self, data, limit):
            return data + b'..."}'

    store = await encrypted.store(codec=Codec(compressor=7, compressors={7: Listening()}))
    await store.create(owner="ana", title="the secret", messages=[user("said by one"), user("said by another")])
    for words in (b"the secret", b"said by one", b"said by another"):
        (record,) = [data for data in seen if words in data]
        assert sum(other in record for other in (b"the secret", b"said by one", b"said by another")) == 1


@pytest.mark.req("SEC-CRY-07")
async def test_padding_hides_lengths(encrypted):
    """Tried without padding: each length is another."""
    store = await encrypted.store(padding=True)
    for size in range(200, 232):
        session = (await store.create(owner="ana", messages=[user("x" * size)])).id
        assert text(await (await encrypted.store()).history(session)) == ["x" * size]
    lengths = {len(record) for record in await _messages(encrypted)}
    assert len(lengths) <= 4
    assert len({hashlib.sha256(record).digest() for record in await _messages(encrypted)}) == 32


async def _messages(encrypted):
    found = await encrypted.below.scan(Scan(limit=1000, spans=(Span("messages/main"),)))
    return [record for snapshot in found for record in snapshot.records.values()]


async def test_what_is_gone_is_not_found(encrypted):
    store = await encrypted.store()
    with pytest.raises(NotFound):
        await store.get(os.urandom(16).hex())
    with pytest.raises(Conflict):
        await store.engine.storage.commit(Commit("session/" + "x" * 20, 5, 6, 6))
    with pytest.raises(Conflict):
        await store.engine.storage.drop("session/" + "x" * 20, expect=5)
