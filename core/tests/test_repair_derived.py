"""Threads and totals are derived from messages: ``repair`` makes them again, and ``verify`` says where they disagree."""

from __future__ import annotations

import random

import msgspec
import pytest
from support.storages import Failing, Rotten
from support.stores import on, user

from holdall import Damaged
from holdall.codecs import Codec
from holdall.contract import Commit, Lane, Span
from holdall.sessions import totals
from holdall.sessions.names import message_id
from holdall.sessions.threads.remaking import Reply, in_order
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify
from holdall_memory import MemorySessionStorage

pytestmark = pytest.mark.covers("ST-11", "CV-04", "CV-05")
DERIVED = ("threads", "replies", "places", "totals/main", "totals/side")
AGAIN = "nothing; it is made again from the messages"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(totals, "BLOCK", 8)
    monkeypatch.setattr(totals, "_KEPT_AFTER", 1)


async def spoken(storage, clock, seed):
    """A session of two branches, both with threads; its id."""
    print("seed", seed)
    chance, store = random.Random(seed), on(storage, clock)
    session = await store.create(owner="ana", messages=[user(f"m{n}", usage={"input_tokens": n}) for n in range(9)])
    await session.fork(at=message_id(5), name="side")
    ids = [message_id(n) for n in range(6)]
    for number in range(150):
        clock.advance(1)
        to = chance.choice(ids[-30:] if chance.random() < 0.5 else ids[:4])
        said = {"role": chance.choice(["user", "assistant"]), "content": f"r{number}", "usage": {"output_tokens": 1}}
        said |= {"reply_to": to} if chance.random() < 0.8 else {}
        ids.append((await session.append(said, branch=chance.choice(["main", "main", "side"]))).id)
    await store.edit(session.id, ids[20], {"content": "edited", "usage": {"input_tokens": 40}})
    await store.redact(session.id, ids[21])
    await store.purge(session.id, message=ids[22])
    return session.id


async def told(storage, clock, session):
    """All that is said of threads and totals."""
    store = on(storage, clock)
    threads = list(await store.threads(session, limit=500))
    members = [[one.id for one in await store.thread(session, each.root.id, limit=500)] for each in threads]
    sums = [(await store.totals(session, branch)).totals.as_dict() for branch in (None, "main", "side")]
    return [(each.root.id, each.replies, each.last.id) for each in threads], members, sums


async def whole(storage):
    report = await verify(storage, Codec())
    assert report.problems == []
    again = await repair(storage, Codec(), apply=True, owner="nobody")
    assert (again.storage, again.losses, again.again, again.left) == ([], [], [], [])


async def filled(clock, seed=1):
    storage = MemorySessionStorage()
    session = await spoken(storage, clock, seed)
    before = await told(storage, clock, session)  # which keeps the sums that nobody kept yet
    head = (await storage.load(f"session/{session}")).head
    assert set(DERIVED) < set(head.lanes)
    assert min(len(head.lanes[lane]) for lane in DERIVED) > 2
    return storage, session, head, before


async def put(storage, head, lanes=None, write=None, erase=()):
    commit = Commit(
        head.partition, head.version, head.version + 1, head.version + 1, lanes or {}, {}, None, write or {}, erase
    )
    await storage.commit(commit)


@pytest.mark.parametrize("lane", DERIVED)
async def test_a_damaged_record_is_made_again(clock, lane):
    storage, session, head, before = await filled(clock)
    run = head.lanes[lane]
    for position in (run.first, run.stop - 1):
        rotten = Rotten(storage, head.partition, (lane, position))
        found = await verify(rotten, Codec())
        assert found.problems == [
            f"{head.partition} {lane}[{position}]: a record of {head.partition} is damaged: it rots"
        ]
        for apply in (False, True):
            said = await repair(rotten, Codec(), apply=apply, owner="nobody")
            assert list(map(str, said.losses)) == [f"{head.partition} {lane}[{position}]: {AGAIN}"]
            assert (said.again, said.left, bool(rotten.bad)) == ([], [], not apply)
        await whole(rotten)
        assert await told(rotten, clock, session) == before
        head = (await storage.load(head.partition)).head


@pytest.mark.parametrize("seed", range(2, 5))
async def test_everything_that_is_derived_is_made_again_as_it_was(clock, seed):
    """In the order in which replies came, also between branches; a repair that is killed is run again."""
    storage, session, head, before = await filled(clock, seed)
    await whole(storage)
    bad = [(lane, position) for lane in DERIVED for position in range(head.lanes[lane].first, head.lanes[lane].stop)]
    for when in ("before", "after"):
        rotten = Rotten(storage, head.partition, *bad)
        dying = Failing(rotten)
        getattr(dying, when).append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            await repair(dying, Codec(), apply=True, owner="nobody")
        assert bool(rotten.bad) == (when == "before")
        await repair(rotten, Codec(), apply=True, owner="nobody")
        await whole(rotten)
        assert await told(rotten, clock, session) == before
    store = on(storage, clock)
    (root,) = [each[0] for each in before[0][:1]]
    said = await store.append(session, [user("more", reply_to=root)])
    assert [one.id for one in await store.thread(session, root)][-1] == said.messages[0].id


async def test_a_lost_message_counts_no_more_and_stays_in_its_thread(clock):
    storage, session, head, before = await filled(clock)
    lost = next(one for one in before[1][0][1:] if one.startswith("msg_main"))
    address = "messages/main", int(lost[-10:])
    rotten = Rotten(storage, head.partition, address)
    said = await repair(rotten, Codec(), apply=True, owner="nobody")
    assert [loss.lost for loss in said.losses] == [f"the message {lost}; one that says so is in its place"]
    (again,) = said.again
    assert again.startswith(f"{head.partition} totals/main: does not agree with the messages (what it says of those")
    await whole(rotten)
    threads, members, sums = await told(rotten, clock, session)
    assert (threads, members) == before[:2]
    for now, then in zip(sums[:2], before[2][:2], strict=True):
        assert (now["messages"], now["output_tokens"]) == (then["messages"], then["output_tokens"] - 1)
        assert now["roles"]["system"] == 1
    (stand_in,) = [one for one in await on(rotten, clock).thread(session, lost, limit=500) if one.id == lost]
    assert stand_in["reply_to"] == threads[0][0]


async def test_what_replied_to_a_lost_message_begins_a_thread_where_nothing_says_which_it_was_in(clock):
    storage = MemorySessionStorage()
    store = on(storage, clock)
    session = await store.create(owner="ana", messages=[user("root")])
    for to in (0, 1, 2):
        await session.append(user("re", reply_to=message_id(to)))
    head = (await storage.load(f"session/{session.id}")).head
    rotten = Rotten(storage, head.partition, ("messages/main", 1), ("places", 0), ("threads", 0))
    said = await repair(rotten, Codec(), apply=True, owner="nobody")
    assert len(said.losses) == 3
    await whole(rotten)
    (thread,) = await on(rotten, clock).threads(session.id)
    assert (thread.root.id, thread.replies, thread.last.id) == (message_id(1), 2, message_id(3))


async def test_when_no_message_replies_any_more_the_lanes_go(clock):
    storage = MemorySessionStorage()
    session = await on(storage, clock).create(owner="ana", messages=[user("root")])
    await session.append(user("re", reply_to=message_id(0)))
    partition = f"session/{session.id}"
    rotten = Rotten(storage, partition, ("messages/main", 1), ("threads", 0), ("places", 0), ("replies", 0))
    await repair(rotten, Codec(), apply=True, owner="nobody")
    await whole(rotten)
    assert {"threads", "replies", "places"}.isdisjoint((await storage.load(partition)).head.lanes)


async def wrong_sum(storage, head):
    run = head.lanes["totals/side"]
    record = (await storage.load(head.partition, Span("totals/side", -1))).records["totals/side", run.stop - 1]
    sums = msgspec.json.decode(record) | {"output_tokens": 1}
    lane = Lane(run.first, run.stop, head.version + 1)
    await put(storage, head, {"totals/side": lane}, {("totals/side", run.stop - 1): msgspec.json.encode(sums)})
    return "totals/side: what it says of those before"


async def no_sum(storage, head):
    run = head.lanes["totals/main"]
    await put(
        storage, head, {"totals/main": Lane(run.first, run.stop, head.version + 1)}, {("totals/main", 0): b"null"}
    )
    return "totals/main: what it says of those before 8 is not what they come to"


async def sums_of_more(storage, head):
    run = head.lanes["totals/main"]
    last = (await storage.load(head.partition, Span("totals/main", -1))).records["totals/main", run.stop - 1]
    lane = Lane(run.first, run.stop + 1, run.rewritten)
    await put(storage, head, {"totals/main": lane}, {("totals/main", run.stop): last})
    return "totals/main: what it says of those before"


async def no_threads(storage, head):
    await put(storage, head, dict.fromkeys(("threads", "replies", "places")))
    return "threads: it lacks msg_"


async def a_lost_thread(storage, head):
    run = head.lanes["threads"]
    await put(storage, head, {"threads": Lane(0, run.stop, head.version + 1)}, {("threads", 1): b"null"})
    return "threads: its records contradict each other"


async def an_old_block(storage, head):
    """As where somebody put back a record that was overwritten."""
    run = head.lanes["replies"]
    record = (await storage.load(head.partition, Span("replies", 0, 1))).records["replies", 0]
    block = msgspec.json.decode(record)
    block["ids"].pop()
    lane = Lane(0, run.stop, head.version + 1)
    await put(storage, head, {"replies": lane}, {("replies", 0): msgspec.json.encode(block)})
    return "threads: its records contradict each other"


async def a_shorter_table(storage, head):
    stop = head.lanes["places"].stop
    lane = Lane(0, stop - 1, head.version + 1)
    await put(storage, head, {"places": lane}, erase=[Span("places", stop - 1, stop)])
    return "threads: its records contradict each other"


async def a_reply_more(storage, head):
    """What a message replies to is not what it said when its thread was written."""
    record = (await storage.load(head.partition, Span("messages/main", 7, 8))).records["messages/main", 7]
    said = msgspec.json.decode(record) | {"reply_to": message_id(1)}
    lane = Lane(0, head.lanes["messages/main"].stop, head.version + 1)
    await put(storage, head, {"messages/main": lane}, {("messages/main", 7): msgspec.json.encode(said)})
    return f"threads: it lacks {message_id(7)}"


@pytest.mark.parametrize(
    "spoil",
    [wrong_sum, no_sum, sums_of_more, no_threads, a_lost_thread, an_old_block, a_shorter_table, a_reply_more],
)
async def test_what_does_not_agree_with_the_messages_is_named_and_made_again(clock, spoil):
    storage, session, head, before = await filled(clock)
    wanted = await spoil(storage, head)
    (problem,) = (await verify(storage, Codec())).problems
    assert problem.startswith(f"{head.partition} {wanted}")
    what, why = problem.split(": ", 1)
    for apply in (False, True):
        said = await repair(storage, Codec(), apply=apply, owner="nobody")
        assert said.again == [f"{what}: does not agree with the messages ({why}), and is made again from them"]
        assert (said.losses, said.left, said.as_dict()["again"]) == ([], [], said.again)
    await whole(storage)
    if spoil is not a_reply_more:
        assert await told(storage, clock, session) == before


async def test_threads_are_not_made_again_from_messages_that_cannot_be_read(clock):
    """A codec that is not there is no damage: it may come back."""
    storage, session, head, before = await filled(clock)

    class Without(Codec):
        def decode(self, partition, address, data):
            if address == ("messages/side", 10):
                raise Damaged("messages/side[10]", "its compressor is not there")
            return super().decode(partition, address, data)

    rotten = Rotten(storage, head.partition, ("threads", 0), ("totals/side", head.lanes["totals/side"].first))
    said = await repair(rotten, Without(), apply=True, owner="nobody")
    assert [loss.lost for loss in said.losses] == ["the record threads[0]", AGAIN]
    assert said.left == [
        f"{head.partition} threads: they are not made again: messages/side[10] is damaged: its compressor is not there"
    ]
    done = await repair(rotten, Codec(), apply=True, owner="nobody")
    assert len(done.again) == 1
    await whole(rotten)
    assert await told(rotten, clock, session) == before


async def test_damaged_sums_are_told_to_readers_and_stop_no_append(clock):
    storage, session, head, _ = await filled(clock)
    lane = head.lanes["totals/main"]
    rotten = Rotten(storage, head.partition, ("totals/main", lane.stop - 1))
    store = on(rotten, clock)
    for _ in range(3):
        await store.append(session, [user(usage={"input_tokens": 1})] * totals.BLOCK)
    with pytest.raises(Damaged):
        await store.totals(session)
    assert (await store.get(session)).state.head.lanes["messages/main"].stop == head.lanes["messages/main"].stop + 24


def test_what_answers_comes_before_what_it_answers_to_whatever_the_clocks_say():
    side = "msg_side_0000000004"
    late = "msg_side_0000000005"
    main = [Reply(3, 1, 90), Reply(5, side, 20), Reply(6, 5, 30)]
    other = [Reply(side, 3, 40), Reply(late, 3, 35)]
    assert [reply.own for reply in in_order([main, other])] == [3, side, 5, 6, late]
    circle = (
        [Reply(3, "msg_side_0000000004", 1)],
        [Reply("msg_side_0000000004", 3, 1)],
        [Reply("msg_x_0000000001", 1, 9)],
    )
    assert [reply.own for reply in in_order(circle)] == ["msg_x_0000000001"]
