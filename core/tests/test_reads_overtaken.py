"""Every read, and every step of somebody else before any of the calls that it takes: it shows what was before, or after."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.storages import Passing
from support.stores import beside, user

from holdall.contract import Snapshot, Span
from holdall.errors import Conflict, Damaged, HoldallError, NotFound
from holdall.formats import export
from holdall.searching import Known
from holdall.sessions.search.reading import read_piece
from holdall.sessions.steps import Step
from holdall.sessions.store import Store

BIG = "aé日" * 2000
NAME, LAST = "msg_main_0000000001", "msg_side_0000000003"
pytestmark = pytest.mark.covers("CV-02", "XX-10")


class Overtaken(Passing):
    """Does ``meanwhile`` before one of the times that a session is read: before the first, the second …"""

    meanwhile: Callable[[], Awaitable[Any]]
    left = 0

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        if partition.startswith("session/"):
            self.left -= 1
            if self.left == 0:
                await self.meanwhile()
        return await super().load(partition, *spans)


@pytest.fixture
def backend():
    return "memory"


@pytest.fixture
def policy():
    return {"large_part_bytes": 2000}


async def begun(store: Store) -> str:
    """A session with large parts in a message that was edited, in a reply to it, in a branch, and in what was redacted."""
    session = await store.create(owner="ana", messages=[user("first"), user(BIG), user("last")])
    await store.edit(session.id, NAME, {"content": [{"type": "text", "text": BIG}, {"type": "text", "text": "again"}]})
    await session.fork(name="side", at="msg_main_0000000002")
    await store.append(session.id, [user(f"branch {BIG}")], branch="side")
    await store.append(session.id, [user(f"answer {BIG}", reply_to=NAME)], branch="main", key="once")
    await store.redact(session.id, LAST)
    return session.id


async def told(messages: Any) -> list[Any]:
    return [dict(message) for message in messages]


async def page(store: Store, session: str) -> Any:
    return await told(await store.history(session, branch="main"))


async def branch(store: Store, session: str) -> Any:
    return await told(await store.history(session, branch="side"))


async def selected(store: Store, session: str) -> Any:
    return await told(await store.history(session, branch="side", role="user"))


async def alone(store: Store, session: str) -> Any:
    return dict(await store.message(session, NAME))


async def versions(store: Store, session: str) -> Any:
    return await told(await store.versions(session, NAME))


async def context(store: Store, session: str) -> Any:
    return await told((await store.active_context(session, branch="main")).messages)


async def thread(store: Store, session: str) -> Any:
    return await told(await store.thread(session, NAME))


async def threads(store: Store, session: str) -> Any:
    return [one.as_dict() for one in await store.threads(session)]


async def compared(store: Store, session: str) -> Any:
    found = await store.compare(session, "main", "side")
    return [await told(side.page) for side in (found.left, found.right)]


async def branches(store: Store, session: str) -> Any:
    return [one.as_dict() for one in await store.branches(session)]


async def redacted(store: Store, session: str) -> Any:
    return [kept.data for kept in await store.redacted(session, LAST)]


async def replayed(store: Store, session: str) -> Any:
    said = user(f"answer {BIG}", reply_to=NAME)
    return await told((await store.append(session, [said], branch="main", key="once")).messages)


async def cleared(store: Store, session: str) -> None:
    await store.clear(session)


async def begun_again(store: Store, session: str) -> None:
    await store.clear(session)
    await store.append(session, [user(f"new {number}") for number in range(5)])


async def deleted(store: Store, session: str) -> None:
    await store.delete(session)


async def edited(store: Store, session: str) -> None:
    await store.edit(session, NAME, {"content": "small"})


async def hidden(store: Store, session: str) -> None:
    await store.redact(session, NAME)


async def purged(store: Store, session: str) -> None:
    await store.purge(session, message=NAME)


async def unbranched(store: Store, session: str) -> None:
    await store.delete_branch(session, "side")


async def forked(store: Store, session: str) -> None:
    await store.fork(session, name="another", at=NAME)


READS = [page, branch, selected, alone, versions, context, thread, threads, compared, branches, redacted, replayed]
STEPS = [cleared, begun_again, deleted, edited, hidden, purged, unbranched, forked]


async def outcome(read: Any, store: Store, session: str) -> str:
    """What it shows, as a client gets it, or what it is refused with."""
    try:
        return json.dumps(await read(store, session), default=lambda raw: bytes(raw).decode(), sort_keys=True)
    except HoldallError as error:
        return type(error).__name__


@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
@pytest.mark.parametrize("read", READS, ids=[read.__name__ for read in READS])
async def test_a_read_that_a_step_overtakes_shows_what_was_before_it_or_after(store, read, step):
    around, at = Overtaken(store.engine.storage), 0
    while around.left <= 0:
        session, at = await begun(store), at + 1
        before = await outcome(read, beside(store), session)
        around.meanwhile, around.left = lambda session=session: step(store, session), at
        found = await outcome(read, beside(store, lambda _: around), session)
        after = await outcome(read, beside(store), session)
        assert found.replace(session, "") in {before.replace(session, ""), after.replace(session, "")}, f"at call {at}"
    assert at > 2


async def searched(store: Store, session: str) -> list[Any]:
    try:
        return [match.as_dict() for match in await store.search("aé日*", session=session)]
    except NotFound:
        return []


@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
async def test_a_search_that_a_step_overtakes_shows_each_message_as_it_was_or_is(store, step):
    around, at = Overtaken(store.engine.storage), 0
    while around.left <= 0:
        session, at = await begun(store), at + 1
        before = await searched(beside(store), session)
        around.meanwhile, around.left = lambda session=session: step(store, session), at
        found = await searched(beside(store, lambda _: around), session)
        after = await searched(beside(store), session)
        assert all(match in before or match in after for match in found), f"at call {at}"
    assert at > 4


async def test_no_message_comes_into_an_index_without_what_it_says(store):
    around, at = Overtaken(store.engine.storage), 0
    while around.left <= 0:
        session, at = await begun(store), at + 1
        head = (await store.engine.storage.load(f"session/{session}")).head
        around.meanwhile, around.left = lambda session=session: store.clear(session), at
        piece = await read_piece(beside(store, lambda _: around).engine, head, Known(0, 0, {}), {})
        assert all(document.text for lane in piece.update.lanes for document in lane.documents), f"at call {at}"
    assert at > 2


async def walked(store: Store, session: str) -> Any:
    return [message async for message in store.messages(session, branch="side")]


async def exported(store: Store, session: str) -> Any:
    lines = b"".join([piece async for piece in export(store, session, every=True)]).splitlines()
    return [line[line["type"]] for line in map(json.loads, lines) if line["type"] in {"message", "version"}]


@pytest.mark.parametrize("read", [walked, exported])
async def test_what_reads_page_by_page_says_that_it_was_cleared_meanwhile(store, read):
    around, at, outcomes = Overtaken(store.engine.storage), 0, set()
    while around.left <= 0:
        session, at = await begun(store), at + 1
        around.meanwhile, around.left = lambda session=session: store.clear(session), at
        try:
            found = await read(beside(store, lambda _: around), session)
        except (Conflict, NotFound) as error:
            outcomes.add(type(error))
        else:
            outcomes.add(len(found))
            assert not [message["id"] for message in found if "large_parts" in message]
    assert Conflict in outcomes
    assert len(outcomes) == 3, "as it was, cleared already, or refused"


@pytest.mark.parametrize("write", [edited, hidden])
async def test_a_write_whose_message_is_cleared_at_once_does_not_answer_with_what_is_not_there(store, write):
    around, found = Overtaken(store.engine.storage), set()
    for at in range(1, 12):
        session = await begun(store)
        around.meanwhile, around.left = lambda session=session: store.clear(session), at
        found.add(await outcome(with_answer(write), beside(store, lambda _: around), session))
    assert "NotFound" in found
    assert not [answer for answer in found if "large_parts" in answer]


def with_answer(write: Any) -> Any:
    async def answer(store: Store, session: str) -> Any:
        if write is hidden:
            return dict(await store.redact(session, NAME, parts=[1]))
        return dict(await store.edit(session, NAME, {"content": [{"type": "text", "text": "now " + BIG}]}))

    return answer


async def test_messages_that_were_read_before_a_clearing_are_not_made_whole(store):
    session = await begun(store)
    found = await store.history(session, branch="main", whole=False)
    await store.clear(session)
    with pytest.raises(Conflict):
        await store.whole(session, found.items)


async def test_a_list_of_threads_that_names_what_is_not_there_is_damage_and_comes_to_an_end(store):
    session = await begun(store)
    storage = store.engine.storage
    step = Step.begin(f"session/{session}", (await storage.load(f"session/{session}")).head, store.engine.clock.now())
    step.remove("replies")
    await storage.commit(step.commit(store.engine.codec))
    with pytest.raises(Damaged):
        await beside(store).threads(session)
    with pytest.raises(Damaged):
        await beside(store).thread(session, NAME)
