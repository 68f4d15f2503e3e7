"""Verifying and repairing what others write to all the time: it is looked at as it is at one moment."""

from __future__ import annotations

import pytest
from support.storages import Passing, Rotten
from support.stores import on, user

from holdall.codecs import Codec
from holdall.transfer.repairing import repair
from holdall.transfer.verifying import verify
from holdall_memory import MemorySessionStorage

NAME = "msg_main_0000000001"
pytestmark = pytest.mark.covers("ST-11", "ST-14")


class Restless(Passing):
    """Has something happen to a session before each look at it."""

    def __init__(self, storage, store, session, kind):
        super().__init__(storage)
        self.partition = f"session/{session}"
        self.happen = {
            "append": lambda: store.append(session, [user("more", usage={"input_tokens": 1})]),
            "reply": lambda: store.append(session, [user("more", reply_to=NAME)]),
            "edit": lambda: store.edit(session, NAME, {"content": "again"}),
            "large": lambda: store.append(session, [user("larger " * 10_000)]),
            "drop": self.drop,
        }[kind]
        self.times = 0

    async def drop(self):
        found = await self.inner.load(self.partition)
        if found is not None:
            await self.inner.drop(self.partition, expect=found.head.version)

    async def load(self, partition, *spans):
        if partition == self.partition:
            self.times += 1
            await self.happen()
        return await super().load(partition, *spans)


async def begun(clock, messages=5):
    """A storage with a session that has threads, totals and a large part, and its store."""
    storage = MemorySessionStorage()
    store = on(storage, clock, large_part_bytes=20_000)
    session = await store.create(owner="ana", messages=[user(str(n)) for n in range(min(messages, 1000))])
    for start in range(1000, messages, 1000):
        await session.append([user(str(n)) for n in range(start, min(start + 1000, messages))])
    await session.append(user("large " * 10_000, reply_to=NAME, usage={"input_tokens": 3, "output_tokens": 4}))
    await store.totals(session.id)
    return storage, store, session.id


@pytest.mark.parametrize("kind", ["append", "reply", "edit", "large"])
async def test_a_session_that_never_rests_is_verified(clock, kind):
    storage, store, session = await begun(clock)
    restless = Restless(storage, store, session, kind)
    found = await verify(restless, Codec())
    assert (found.problems, found.sessions, restless.times > 2) == ([], 1, True)
    assert found.records >= (await verify(storage, Codec())).records - 10 * restless.times
    said = await repair(restless, Codec(), apply=False, owner="root")
    assert (said.storage, said.losses, said.again, said.left) == ([], [], [], [])


async def test_damage_is_found_in_one_that_never_rests(clock):
    """The control: what is wrong is told, and nothing else."""
    storage, store, session = await begun(clock)
    restless = Restless(Rotten(storage, f"session/{session}", ("messages/main", 3)), store, session, "append")
    told = f"session/{session} messages/main[3]: a record of session/{session} is damaged: it rots"
    assert (await verify(restless, Codec())).problems == [told]
    said = await repair(restless, Codec(), apply=False, owner="root")
    assert ([loss.hurt.position for loss in said.losses], said.left) == ([3], [])


async def test_one_that_goes_meanwhile_is_nobodys_fault(clock):
    for read, more in ((verify, {}), (repair, {"apply": False, "owner": "root"})):
        storage, store, session = await begun(clock)
        found = await read(Restless(storage, store, session, "drop"), Codec(), **more)
        assert (found.problems if read is verify else found.left) == []
        assert await storage.load(f"session/{session}") is None


async def test_one_too_large_to_be_held_is_verified_while_it_is_appended_to(clock):
    storage, store, session = await begun(clock, 1500)
    found = await verify(Restless(storage, store, session, "append"), Codec())
    assert (found.problems, found.records > 1500) == ([], True)
    said = await repair(Restless(storage, store, session, "append"), Codec(), apply=False, owner="root")
    assert (said.losses, said.left) == ([], [])


async def test_one_that_is_too_large_and_overwritten_each_time_is_named(clock):
    storage, store, session = await begun(clock, 1500)
    restless = Restless(storage, store, session, "edit")
    assert (await verify(restless, Codec())).problems == [
        f"session/{session}: it changed each of 5 times that it was read"
    ]
    said = await repair(restless, Codec(), apply=False, owner="root")
    assert [line.partition(":")[0] for line in said.left] == [f"session/{session}"]
