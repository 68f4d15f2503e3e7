"""Large parts: stored once by the hash of what they are, whole when they are read, collected with their last message."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from typing import Any

import pytest
from support.stores import beside, user

from holdall import Invalid, NotFound, TooLarge
from holdall.sessions.steps import Step
from holdall.transfer.verifying import verify

BIG = "aé日" * 40_000
"""240,000 bytes of characters of one, two and three bytes, so that some lie where chunks are cut."""
OTHER = "\x00\x1f" * 30_000
"""Six times as large as JSON."""
pytestmark = pytest.mark.covers("XX-10", "CV-01")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def result(text: Any, call: str = "c1") -> dict[str, Any]:
    """A tool's answer."""
    return {"role": "tool", "content": [{"type": "tool_result", "id": call, "content": text}]}


async def counted(session):
    return {part.hash: part.references for part in await session.parts()}


@pytest.fixture
def policy():
    return {"large_part_bytes": 20_000, "max_message_bytes": 60_000, "max_whole_message_bytes": 2_000_000}


SHAPES = {
    "words": user(BIG),
    "a text part": user([{"type": "text", "text": BIG}, {"type": "text", "text": "small"}]),
    "an image": user([{"type": "image", "data": "QUJD" * 30_000, "media_type": "image/png", "x": {"y": 1}}]),
    "a tool's answer in parts": result([{"type": "text", "text": BIG}, {"type": "image", "data": OTHER}]),
    "data": user([{"type": "data", "data": {"a/b~c": [BIG, {"n": 1.5}]}, "kept": None}]),
    "numbers": user([{"type": "data", "data": list(range(20_000))}]),
    "arguments": {"role": "assistant", "content": [{"type": "tool_call", "id": "1", "name": "t", "arguments": BIG}]},
    "an unknown part": user([{"type": "other", "thing": BIG}]),
    "many that are not large": user([{"type": "text", "text": str(n) * 9_000} for n in range(10)]),
}


@pytest.mark.parametrize("message", SHAPES.values(), ids=SHAPES)
async def test_every_large_part_comes_back_as_it_was(store, message):
    session = await store.create(owner="ana", messages=[message])
    stored = await session.append(message)
    first, second = await session.history()
    assert second.raw == stored.raw
    assert (await session.message(stored.id)).raw == stored.raw
    for found in (first, second, *await beside(store).history(session.id)):
        assert {name: value for name, value in found.items() if name not in ("id", "created_at")} == message
    small = await session.history(whole=False)
    assert all(len(found.raw) <= 60_000 + 100 and found["large_parts"] for found in small)
    assert all(references == 2 for references in (await counted(session)).values())
    assert [found.raw for found in await session.whole(small.items)] == [first.raw, second.raw]


async def test_what_is_the_same_is_stored_once_whoever_appends_it(store):
    session = await store.create(owner="ana")
    writers = [store, beside(store)]
    for turn in range(6):
        await writers[turn % 2].append(session.id, [result(BIG, f"c{turn}"), result(BIG, f"d{turn}")])
    await session.refresh()
    assert await counted(session) == {digest(BIG): 12}
    assert len(BIG.encode()) < session.size < len(BIG.encode()) + 10_000
    (part,) = await session.parts()
    assert (part.size, (await part.read()).decode()) == (len(BIG.encode()), BIG)


async def test_two_writers_at_once_store_it_once(store):
    session = await store.create(owner="ana")
    writers = [store, beside(store), beside(store)]
    await asyncio.gather(*(writers[n % 3].append(session.id, [result(BIG, f"c{n}")]) for n in range(9)))
    await session.refresh()
    assert await counted(session) == {digest(BIG): 9}
    assert session.size < len(BIG.encode()) + 10_000
    assert [found["content"][0]["content"] == BIG for found in await session.history()] == [True] * 9


async def test_any_range_of_a_part_is_read(store):
    session = await store.create(owner="ana", messages=[user(BIG)])
    part, data = await session.part(digest(BIG)), BIG.encode()
    seed = random.randrange(1 << 30)
    print("seed", seed)
    generator = random.Random(seed)
    for _ in range(30):
        start, stop = sorted(generator.randrange(len(data) + 1) for _ in range(2))
        assert b"".join([piece async for piece in part.stream(start, stop)]) == data[start:stop]
    with pytest.raises(NotFound):
        await session.part(digest("nothing"))


async def test_a_repeated_request_is_answered_whole(store):
    session = await store.create(owner="ana")
    first = await session.append(user(BIG), key="k")
    again = await session.append(user(BIG), key="k")
    assert again.raw == first.raw
    assert await counted(session) == {digest(BIG): 1}


@pytest.mark.covers("CV-09")
async def test_versions_keep_the_parts_they_had(store):
    session = await store.create(owner="ana", messages=[result(BIG)])
    name = (await session.history()).items[0].id
    edited = await session.edit(name, metadata={"seen": True})
    assert edited["content"][0]["content"] == BIG
    assert await counted(session) == {digest(BIG): 2}
    shorter = await session.edit(name, content=OTHER)
    assert shorter.text == OTHER
    assert await counted(session) == {digest(BIG): 2, digest(OTHER): 1}
    restored = await session.restore_version(name, 1)
    assert restored["content"][0]["content"] == BIG
    versions = await session.versions(name)
    assert [version.get("metadata") for version in versions] == [None, {"seen": True}, {"seen": True}, None]
    texts = [version.text or version["content"][0]["content"] for version in versions]
    assert texts == [BIG, OTHER, BIG, BIG]
    assert await counted(session) == {digest(BIG): 3, digest(OTHER): 1}


@pytest.mark.covers("CV-08")
async def test_branches_have_the_parts_of_what_they_share(store):
    session = await store.create(owner="ana", messages=[user(BIG), user("b")])
    await session.fork(at="msg_main_0000000000", name="x")
    await session.append(user(OTHER), branch="x")
    for reader in (store, beside(store), store):
        assert [found.text for found in await reader.history(session.id, branch="x")] == [BIG, OTHER]
        comparison = await reader.compare(session.id, "x", "main")
        assert [found.text for found in comparison.left.page] == [OTHER]
    assert await counted(session) == {digest(BIG): 1, digest(OTHER): 1}


async def test_nothing_is_left_of_what_was_cleared(store):
    session = await store.create(owner="ana", messages=[user(BIG)])
    await session.clear()
    snapshot = await store.engine.storage.load(f"session/{session.id}")
    lanes = {name: len(lane) for name, lane in snapshot.head.lanes.items()}
    assert not any(lanes[name] for name in ("parts", "chunks", "messages/main"))
    assert (await session.parts(), session.size) == ([], 0)
    await session.append(user(BIG))
    assert [found.text for found in await beside(store).history(session.id)] == [BIG]
    assert await counted(session) == {digest(BIG): 1}


async def test_a_page_of_whole_messages_ends_before_it_is_too_large(store, monkeypatch):
    monkeypatch.setattr("holdall.sessions.parts.joining.MOST", 600_000)
    session = await store.create(owner="ana")
    said = [f"{n}" + BIG for n in range(7)]
    for text in said:
        await session.append(user(text))
    latest = await session.history()
    assert [found.text for found in latest] == said[-2:]
    back, cursor = list(latest.items), latest.previous
    while cursor is not None:
        page = await session.history(before=cursor)
        back[:0], cursor = page.items, page.previous
    assert [found.text for found in back] == said
    on = await session.history(after=back[0].id)
    assert ([found.text for found in on], on.next) == (said[1:3], back[2].id)
    assert len(await session.history(whole=False)) == 7


async def test_limits_are_of_the_rest_and_of_the_whole(store):
    session = await store.create(owner="ana")
    with pytest.raises(TooLarge) as refused:
        await session.append(user("x" * 2_000_001))
    assert refused.value.limit == 2_000_000
    with pytest.raises(TooLarge) as refused:
        await session.append(user("x", metadata={"large": "x" * 70_000}))
    assert refused.value.limit == 60_000
    assert (await session.parts(), len(await session.history())) == ([], 0)


async def test_references_are_the_stores_own(store):
    session = await store.create(owner="ana", messages=[user(BIG)])
    reference = dict((await session.history(whole=False)).items[0])
    del reference["id"]
    for refused in (session.append(reference), session.edit("msg_main_0000000000", large_parts=[])):
        with pytest.raises(Invalid):
            await refused
    said = await session.append(user('say "large_parts": [{"at": 1}]', metadata={"large_parts": [{"at": "/content"}]}))
    assert (await session.message(said.id)).raw == said.raw
    assert (await session.history()).items[1].raw == said.raw


async def test_a_step_that_fails_leaves_no_part(store):
    session = await store.create(owner="ana")
    storage = store.engine.storage
    commit = storage.commit

    async def refused(_):
        raise OSError("no")

    storage.commit = refused
    try:
        with pytest.raises(OSError, match="no"):
            await session.append(user(BIG))
    finally:
        storage.commit = commit
    assert await session.parts() == []
    await session.append(user(BIG))
    assert await counted(session) == {digest(BIG): 1}


@pytest.mark.covers("CV-07")
async def test_exports_are_whole(store):
    from holdall.formats import export  # noqa: PLC0415 - only here

    session = await store.create(owner="ana", messages=[user(BIG), result(OTHER)])
    lines = b"".join([piece async for piece in export(store, session.id, "jsonl")])
    found = [json.loads(line) for line in lines.splitlines()]
    assert any(str(each) == BIG or BIG in json.dumps(each, ensure_ascii=False) for each in found)
    assert not any("large_parts" in str(each) for each in found)


@pytest.mark.covers("XX-05")
async def test_a_part_that_is_not_what_its_hash_says_is_found_and_costs_itself(store):
    storage, codec = store.engine.storage, store.engine.codec
    session = await store.create(owner="ana", messages=[user(BIG), user("small")])
    assert (await verify(storage, codec)).problems == []
    head = (await storage.load(f"session/{session.id}")).head
    step = Step.begin(head.partition, head, head.version + 1)
    step.rewrite("chunks", 0, b"null")
    await storage.commit(step.commit(codec))
    (problem,) = (await verify(storage, codec)).problems
    assert digest(BIG) in problem
    first, second = await beside(store).history(session.id)
    assert (first["content"], first["large_parts"][0]["hash"], second.text) == ("", digest(BIG), "small")
    with pytest.raises(NotFound):
        await (await beside(store).part(session.id, digest(BIG))).read()
