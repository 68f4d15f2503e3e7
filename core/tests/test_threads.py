"""Threads: every reply is in the thread of what it replies to, whoever writes, and reading one reads no other."""

from __future__ import annotations

import asyncio
import io
import random
import tarfile
from pathlib import Path

import pytest
from support.storages import Counting
from support.stores import beside, on, text, user

from holdall import Conflict, Invalid, NotFound, Principal
from holdall.codecs import Codec
from holdall.formats import export
from holdall.sessions.names import message_id
from holdall.sessions.steps import Step
from holdall.transfer.copying import Side, copy
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.substitutes import substitute
from holdall.transfer.targets import StoreTarget
from holdall_memory import MemorySessionStorage

IRC = Path(__file__).parents[3] / "shared" / "data" / "chats" / "irc_ubuntu_dev.tar.gz"
pytestmark = pytest.mark.covers("CV-04")


def reply(to, words="re"):
    return {"role": "user", "content": words, "reply_to": to}


async def spoken(store, count=6):
    session = await store.create(owner="ana", messages=[user(f"m{n}") for n in range(count)])
    return session, [message_id(n) for n in range(count)]


async def pages(read, limit):
    """All that pages of ``limit`` show, walked from the end and checked by a walk from the beginning."""
    page = await read(limit=limit)
    back = [*page]
    while page.previous is not None:
        page = await read(limit=limit, before=page.previous)
        assert 0 < len(page) <= limit
        back = [*page, *back]
    assert page.previous is None
    forth = [*page][:limit]
    while page.next is not None:
        page = await read(limit=limit, after=page.next)
        assert 0 < len(page) <= limit
        forth += page
    assert [repr(one) for one in forth] == [repr(one) for one in back]
    return back


async def members(session, message, limit=7):
    found = await pages(lambda **asked: session.thread(message, **asked), limit)
    return [one.id for one in found]


async def told(session, limit=3):
    """By root: how many replies there are, and the last one."""
    found = await pages(session.threads, limit)
    return {one.root.id: (one.replies, one.last.id) for one in found}


async def test_a_reply_is_in_the_thread_of_what_it_replies_to(store):
    session, ids = await spoken(store)
    first = await session.append(reply(ids[2], "a"))
    second = await session.append(reply(ids[4], "b"))
    third = await session.append(reply(first.id, "c"))
    fourth = await session.append(reply(ids[2], "d"))
    assert first["reply_to"] == ids[2]
    for member in (ids[2], first.id, third.id, fourth.id):
        assert await members(session, member, 2) == [ids[2], first.id, third.id, fourth.id]
    assert await members(session, second.id) == [ids[4], second.id]
    assert await members(session, ids[0]) == [ids[0]]
    assert await told(session, 1) == {ids[2]: (3, fourth.id), ids[4]: (1, second.id)}
    assert [one.as_dict()["root"]["content"] for one in await session.threads()] == ["m2", "m4"]
    assert text(await session.history(limit=4)) == ["a", "b", "c", "d"]
    for cursor in ({"before": second.id}, {"after": ids[0]}, {"before": message_id(99)}):
        with pytest.raises(NotFound):
            await session.thread(ids[2], **cursor)
    assert [one.id for one in await session.thread(ids[2], after=fourth.id)] == []
    assert [one.id for one in await session.thread(ids[2], before=ids[2])] == []


async def test_what_is_not_there_cannot_be_replied_to(store):
    session, ids = await spoken(store, 3)
    for wrong in ("nothing", message_id(3), message_id(0, "side"), "msg_main_99999999999", ""):
        with pytest.raises(Invalid) as refused:
            await session.append([user("x"), reply(wrong)])
        assert refused.value.pointer == "/messages/1/reply_to"
    with pytest.raises(Invalid):
        await session.append(reply(5))
    with pytest.raises(Invalid):
        await store.create(owner="ana", messages=[user("x"), reply(ids[0])])
    with pytest.raises(NotFound):
        await session.thread("nothing")
    with pytest.raises(NotFound):
        await session.thread(message_id(3))
    for cursor in ("x", "-1", "²", "9" * 11):
        with pytest.raises(Invalid):
            await session.threads(before=cursor)
    with pytest.raises(Invalid, match="is given by the store"):
        await session.edit(ids[0], reply_to=ids[1])
    assert session.counts.messages == 3
    assert len(await session.threads()) == 0
    await session.append(reply(ids[0]))
    await session.clear()
    assert len(await session.threads()) == 0
    (again,) = await session.append([user("again")])
    await session.append(reply(again.id))
    assert await told(session) == {again.id: (1, message_id(5))}


async def test_a_batch_may_reply_to_itself_where_its_version_is_expected(store):
    session, _ = await spoken(store, 2)
    batch = [user("a"), reply(message_id(2), "b"), reply(message_id(3), "c"), reply(message_id(0), "d")]
    with pytest.raises(Invalid) as refused:
        await session.append(batch)
    assert refused.value.pointer == "/messages/1/reply_to"
    await session.append(batch, expect=session.version)
    assert await members(session, message_id(3)) == [message_id(2), message_id(3), message_id(4)]
    with pytest.raises(Invalid):
        await session.append([reply(message_id(7)), user("later")], expect=session.version)
    with pytest.raises(Conflict):
        await session.append(reply(message_id(0)), expect=1)


async def test_a_repeat_with_a_key_replies_once(store):
    session, ids = await spoken(store, 2)
    for _ in range(2):
        await session.append(reply(ids[0]), key="k")
    await beside(store).append(session.id, [reply(ids[0])], key="k")
    assert await told(session) == {ids[0]: (1, message_id(2))}


async def test_branches_are_in_one_thread_and_deleted_ones_are_not_shown(store):
    session, ids = await spoken(store)
    await session.fork(at=ids[3], name="side")
    aside = await session.append(reply(ids[1], "aside"), branch="side")
    here = await session.append(reply(aside.id, "here"))
    await session.append(reply(aside.id, "more"), branch="side")
    await session.revert(ids[4])
    new = await session.append(reply(here.id, "new"))
    assert new.id.startswith("msg_b")
    assert await members(session, ids[1]) == [ids[1], aside.id, here.id, "msg_side_0000000005", new.id]
    await session.delete_branch("side")
    assert [one.id for one in await session.thread(ids[1])] == [ids[1], here.id, new.id]
    assert [one.root.id for one in await session.threads()] == [ids[1]]


async def test_another_owner_sees_no_threads(store):
    session, ids = await spoken(store, 2)
    await session.append(reply(ids[0]))
    stranger = store.acting_as(Principal("eve"))
    for call in (
        stranger.threads(session.id),
        stranger.thread(session.id, ids[0]),
        stranger.append(session.id, [reply(ids[0])]),
    ):
        with pytest.raises(NotFound, match="no such session"):
            await call


@pytest.mark.covers("XX-06")
async def test_many_who_reply_at_once_lose_nothing(store):
    session, ids = await spoken(store, 8)
    stores = [store, beside(store), beside(store)]

    async def work(number):
        one, mine = stores[number % 3], []
        last = ids[number % 4]
        for _ in range(6):
            (said,) = (await one.append(session.id, [reply(last)])).messages
            await one.append(session.id, [user("meanwhile")])
            mine.append(said.id)
            last = said.id
        return ids[number % 4], mine

    wanted: dict[str, set[str]] = {}
    for root, mine in await asyncio.gather(*map(work, range(9))):
        wanted.setdefault(root, set()).update(mine)
    for root, replies in wanted.items():
        found = await members(session, root)
        assert found[0] == root
        assert sorted(found[1:]) == sorted(replies), "in the order of their commits, each once"
        assert found[1:] == sorted(found[1:])


class Forest:
    """Union-find: which messages are in one thread."""

    def __init__(self):
        self.above = {}

    def root(self, one):
        while one in self.above:
            one = self.above[one]
        return one


@pytest.mark.parametrize("seed", [1, 2])
async def test_thousands_of_replies_are_each_where_they_belong(clock, seed):
    print("seed", seed)
    chance, forest = random.Random(seed), Forest()
    storage = MemorySessionStorage()
    stores = [on(storage, clock), on(storage, clock)]
    session, ids = await spoken(stores[0], 10)
    for _ in range(60):
        batch, said = [], []
        for _ in range(chance.randrange(1, 60)):
            to = ids[int(len(ids) * chance.random() ** chance.choice([0.2, 1, 4]))]
            batch.append(user() if chance.random() < 0.2 else reply(to))
            said.append(None if len(batch[-1]) == 2 else to)
        made = (await chance.choice(stores).append(session.id, batch)).messages
        forest.above.update({one.id: to for one, to in zip(made, said, strict=True) if to is not None})
        ids += [one.id for one in made]
    wanted = {}
    for one in ids:
        wanted.setdefault(forest.root(one), []).append(one)
    several = {root: found for root, found in wanted.items() if len(found) > 1}
    fresh = on(storage, clock)
    again = await fresh.get(session.id)
    assert await told(again, 50) == {root: (len(found) - 1, found[-1]) for root, found in several.items()}
    for root, found in several.items():
        assert await members(again, chance.choice(found), chance.choice([1, 31, 32, 33, 100, 500])) == found, root


def irc():
    """Each log: its lines, and by line those that people linked it to. A line that begins a thread is linked to itself."""
    with tarfile.open(IRC) as archive:
        files = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                files[member.name] = io.TextIOWrapper(file, "utf-8").read()
    for name in sorted(name for name in files if name.endswith(".raw.txt")):
        lines = files[name].removesuffix("\n").split("\n")
        links = {}
        for row in files[name.replace(".raw.", ".annotation.")].splitlines():
            one, other = sorted(map(int, row.split()[:2]))
            links.setdefault(other, []).append(one)
        yield lines, links


@pytest.mark.skipif(not IRC.is_file(), reason="the logs are not beside the checkout (shared/data)")
async def test_every_line_of_the_logs_is_in_the_thread_that_people_put_it_in(clock):
    """A message replies to one: the first that its line is linked to. The others are in that thread, too, but for one."""
    count = linked = joined = 0
    for lines, links in irc():
        replies = {number: to[0] for number, to in links.items() if to[0] != number}
        store = on(MemorySessionStorage(), clock)
        session = await store.create(owner="ana")
        waiting = []
        for number, line in enumerate(lines):
            to = replies.get(number)
            if waiting and (to is not None or len(waiting) == 500):
                await store.append(session.id, waiting)
                waiting = []
            waiting.append(user(line) if to is None else reply(message_id(to), line))
        await store.append(session.id, waiting)
        forest = Forest()
        forest.above = {message_id(number): message_id(to) for number, to in replies.items()}
        wanted = {}
        for number in range(len(lines)):
            wanted.setdefault(forest.root(message_id(number)), []).append(message_id(number))
        several = {root: found for root, found in wanted.items() if len(found) > 1}
        assert await told(session, 50) == {root: (len(found) - 1, found[-1]) for root, found in several.items()}
        for found in several.values():
            assert await members(session, found[-1], 50) == found
        roots = [{forest.root(message_id(one)) for one in to} for to in links.values()]
        joined += sum(len(each) > 1 for each in roots)
        count, linked = count + len(lines), linked + sum(map(len, links.values()))
    assert (count, linked, joined) == (12500, 2607, 1)


async def reads(storage, call):
    """What a call brings back: loads, and records."""
    storage.calls.clear()
    await call
    return storage.calls["load"], storage.calls["records"]


async def test_what_a_thread_costs_follows_it_and_not_the_session(clock):
    costs = {}
    for others in (10, 1000):
        storage = Counting(MemorySessionStorage())
        store = on(storage, clock)
        session, ids = await spoken(store, 3)
        await session.append([reply(ids[0]) for _ in range(4)])
        for start in range(0, others, 10):
            said = (await store.append(session.id, [user() for _ in range(10)])).messages
            await store.append(session.id, [reply(one.id) for one in said])
            assert start < others
        calls = {
            "append": lambda one, id_: one.append(id_, [user()]),
            "thread": lambda one, id_, ids=ids: one.thread(id_, ids[0]),
            "threads": lambda one, id_: one.threads(id_, limit=10),
            "reply": lambda one, id_, ids=ids: one.append(id_, [reply(ids[0])]),
        }
        costs[others] = {
            name: await reads(storage, call(on(storage, clock), session.id)) for name, call in calls.items()
        }
    few, many = costs.values()
    assert {name: loads for name, (loads, _) in few.items()} == {name: loads for name, (loads, _) in many.items()}
    assert all(abs(many[name][1] - records) <= 2 for name, (_, records) in few.items()), (few, many)
    assert costs[10]["append"] == (1, 1), "nothing of threads is read"
    assert costs[10]["thread"][1] < 16


async def test_what_is_exported_and_imported_has_its_threads(store, tmp_path):
    session, _ = await spoken(store, 3)
    await session.clear()
    (root,) = await session.append([user("root")])
    one = await session.append(reply(root.id, "one"))
    await session.fork(at=root.id, name="side")
    aside = await session.append(reply(root.id, "aside"), branch="side")
    await session.append([reply(one.id, "two"), user("else"), reply(aside.id, "lost")])
    path = tmp_path / "one.jsonl"
    path.write_bytes(b"".join([piece async for piece in export(store, session.id)]))
    (done,) = (await import_file(StoreTarget(store), path, Choices("eve", new=True))).sessions
    there = await store.get(done.session)
    page = await there.threads()
    assert [(thread.root.text, thread.replies, thread.last.text) for thread in page] == [("root", 2, "two")]


async def test_a_copy_has_the_threads_too(clock):
    storage, other = MemorySessionStorage(), MemorySessionStorage()
    store = on(storage, clock)
    session, ids = await spoken(store, 3)
    for _ in range(40):
        await session.append(reply(ids[1]))
    await copy(Side(storage), Side(other))
    there = await on(other, clock).get(session.id)
    assert await told(there) == {ids[1]: (40, message_id(42))}
    await there.append(reply(message_id(40)))
    assert len(await members(there, ids[1])) == 42


async def test_large_parts_are_in_their_places_unless_asked_otherwise(store):
    session, ids = await spoken(store, 2)
    large = [{"type": "tool_result", "id": "c", "content": "x" * 100_000}]
    await session.append({"role": "user", "content": large, "reply_to": ids[1]})
    (_, whole) = await session.thread(ids[1])
    assert whole.content == large
    (_, short) = await session.thread(ids[1], whole=False)
    assert len(short.raw) < 1000
    (one,) = await session.threads()
    assert (one.replies, len(one.last.raw) < 1000) == (1, True)


@pytest.mark.parametrize("lane", ["threads", "replies", "places"])
async def test_what_damage_costs_of_threads_stops_nobody(clock, lane):
    storage = MemorySessionStorage()
    session, ids = await spoken(on(storage, clock), 3)
    for number in range(40):
        await session.append(reply(ids[number % 2]))
    head = (await storage.load(f"session/{session.id}")).head
    for position in range(len(head.lanes[lane])):
        address = lane, position
        record, lost = substitute(head, address, 0, "ana")
        assert lost == f"the record {lane}[{position}]"
        step = Step.begin(head.partition, (await storage.load(head.partition)).head, clock.now())
        step.rewrite(lane, position, record)
        await storage.commit(step.commit(Codec()))
    again = await on(storage, clock).get(session.id)
    await pages(again.threads, 3)
    for one in (*ids, message_id(20)):
        await members(again, one)
    assert [await members(again, one) for one in ids] == [[one] for one in ids]
    said = await again.append(reply(ids[0], "after"))
    more = await again.append(reply(said.id, "that"))
    if lane != "threads":
        assert await members(again, more.id) == [ids[0], said.id, more.id]
    begun = await again.append(reply(ids[2]))
    assert await members(again, ids[2]) == [ids[2], begun.id]
