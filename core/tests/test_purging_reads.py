"""Reading a message whose large part is purged between the two reads that it takes: as it was, or as it is, never between."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.storages import Passing
from support.stores import beside, user

from holdall.contract import Snapshot, Span
from holdall.formats import export
from holdall.sessions.steps import Step
from holdall.sessions.store import Store

BIG = "aé日" * 20_000
NAME, FORKED = "msg_main_0000000001", "msg_side_0000000003"
pytestmark = pytest.mark.covers("CV-09", "XX-10")


class Purging(Passing):
    """Does ``meanwhile`` before the index of large parts is read: after the messages, and before their parts."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        if self.meanwhile is not None and any(span.lane == "parts" for span in spans):
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().load(partition, *spans)


@pytest.fixture
def policy():
    return {"large_part_bytes": 20_000}


async def begun(store: Store) -> str:
    """A session with a large message, which was edited, between two small ones; a branch has one of its own, too."""
    session = await store.create(owner="ana", messages=[user("first"), user(BIG), user("last")])
    await store.edit(session.id, NAME, {"content": [{"type": "text", "text": BIG}, {"type": "text", "text": "again"}]})
    await session.fork(name="side", at="msg_main_0000000002")
    await store.append(session.id, [user("in a branch " + BIG)], branch="side")
    return session.id


def purged_meanwhile(store: Store, session: str, name: str = NAME) -> Store:
    """Another process's view, in which the message is purged as soon as its parts are looked for."""
    around = Purging(store.engine.storage)
    around.meanwhile = lambda: store.purge(session, message=name)
    return beside(store, lambda _: around)


async def page(store: Store, session: str) -> list[Any]:
    return [*await store.history(session, branch="main")]


async def forked(store: Store, session: str) -> list[Any]:
    return [*await store.history(session, branch="side")]


async def alone(store: Store, session: str) -> list[Any]:
    found = await store.message(session, NAME)
    assert found.version == (await store.get(session)).version, "what its ETag says"
    return [found]


async def walked(store: Store, session: str) -> list[Any]:
    return [message async for message in store.messages(session, branch="main")]


async def versions(store: Store, session: str) -> list[Any]:
    return [*await store.versions(session, NAME)]


async def context(store: Store, session: str) -> list[Any]:
    return (await store.active_context(session, branch="main")).messages


async def exported(store: Store, session: str) -> list[Any]:
    lines = b"".join([piece async for piece in export(store, session, every=True)]).splitlines()
    told = [json.loads(line) for line in lines]
    return [line[line["type"]] for line in told if line["type"] in ("message", "version")]


READS = [page, forked, alone, walked, versions, context, exported]


@pytest.mark.parametrize("read", READS, ids=[read.__name__ for read in READS])
async def test_a_read_that_a_purge_overtakes_shows_no_message_that_never_was(store, read):
    session = await begun(store)
    before = list(map(dict, await read(beside(store), session)))
    found = list(map(dict, await read(purged_meanwhile(store, session), session)))
    after = list(map(dict, await read(beside(store), session)))
    assert all(message in before or message in after for message in found)
    assert [message for message in found if message["id"] != NAME] == [one for one in after if one["id"] != NAME]
    assert {message["content"] for message in found if message["id"] == NAME} == {"[purged]"}


async def test_what_is_compared_and_what_was_redacted_is_so_too(store):
    session = await begun(store)
    found = await purged_meanwhile(store, session, FORKED).compare(session, "main", "side")
    assert [message.content for message in found.right.page] == ["[purged]"]
    await store.redact(session, NAME)
    assert len(await store.redacted(session, NAME)) == 2
    assert await purged_meanwhile(store, session).redacted(session, NAME) == []


async def test_only_what_was_purged_is_read_again(store):
    """A part that is gone by itself is damage: the message still says that it has it."""
    session = await begun(store)
    storage = store.engine.storage
    found = await storage.load(f"session/{session}", Span("chunks", 0, 1))
    step = Step.begin(f"session/{session}", found.head, store.engine.clock.now())
    step.rewrite("chunks", 0, b"null")
    await storage.commit(step.commit(store.engine.codec))
    first, damaged, last = await page(beside(store), session)
    assert (first.content, last.content) == ("first", "last")
    assert (damaged.content[0]["text"], len(damaged["large_parts"])) == ("", 1)
