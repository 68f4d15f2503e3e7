"""Edits: the newest version is shown, every version can be read and restored, and says who made it when."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.storages import Counting
from support.stores import beside, on, text, user

from holdall import Conflict, Ended, Invalid, NotFound, Principal, TooLarge
from holdall.contract import Span
from holdall.formats import export
from holdall.sessions.views import Message
from holdall_memory import MemorySessionStorage


@pytest.mark.covers("CV-09", "XX-04")
async def test_every_version_of_a_message_is_kept(store, clock):
    session = await store.create(owner="ana", messages=[user("one", mood="new"), user("other")])
    name = "msg_main_0000000000"
    first = await session.message(name)
    mine = store.acting_as(Principal("ana"))
    clock.advance(5)
    edited = await mine.edit(session.id, name, {"content": "two", "metadata": {"why": "typo"}})
    assert (edited.text, edited["mood"], edited.created_at) == ("two", "new", first.created_at)
    assert (edited["edited"]["version"], edited["edited"]["by"]) == (2, "ana")
    assert edited["edited"]["at"] == clock.now() // 1000
    assert (await session.message(name)).raw == edited.raw
    assert text(await session.history()) == ["two", "other"]
    third = await session.edit(name, mood=None, metadata=None, role="assistant")
    assert (third.role, "mood" in third, third.metadata, third["edited"]["by"]) == ("assistant", False, {}, "system")
    page = await session.versions(name)
    assert [version.raw for version in page] == [third.raw, edited.raw, first.raw]
    back = await session.restore_version(name, 1)
    assert {**back.fields, "edited": None} == {**first.fields, "edited": None}
    assert (back["edited"]["version"], len(await session.versions(name))) == (4, 4)
    assert text(await session.versions("msg_main_0000000001")) == ["other"]
    assert session.counts.messages == 2


@pytest.mark.covers("CV-09")
async def test_many_versions_are_read_by_page(store):
    session = await store.create(owner="ana", messages=[user("v1")])
    name = "msg_main_0000000000"
    for number in range(2, 42):
        await session.edit(name, content=f"v{number}")
    seen, cursor = [], None
    while True:
        page = await session.versions(name, limit=7, cursor=cursor)
        seen += text(page)
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"v{number}" for number in range(41, 0, -1)]
    assert (await session.restore_version(name, 3)).text == "v3"
    with pytest.raises(NotFound, match="version"):
        await session.restore_version(name, 43)


@pytest.mark.covers("CV-08", "CV-09")
async def test_branches_that_have_a_message_show_its_newest_version(store):
    session = await store.create(owner="ana", messages=[user("m0"), user("m1")])
    await session.fork(at="msg_main_0000000000", name="x")
    own = await session.append(user("x1"), branch="x")
    assert text(await session.history(branch="x")) == ["m0", "x1"]
    await session.edit("msg_main_0000000000", content="M0")
    await beside(store).edit(session.id, own.id, {"content": "X1"})
    for one in (store, beside(store)):
        assert text(await one.history(session.id, branch="x")) == ["M0", "X1"]
        assert text(await one.history(session.id)) == ["M0", "m1"]
        assert text(await one.versions(session.id, own.id)) == ["X1", "x1"]


@pytest.mark.covers("CV-09", "XX-06")
async def test_two_editors_at_once_lose_nothing(store):
    session = await store.create(owner="ana", messages=[user("start")])
    name, stores = "msg_main_0000000000", [store, beside(store)]
    edits = (stores[n % 2].edit(session.id, name, {"content": f"e{n}"}) for n in range(8))
    await asyncio.gather(*edits)
    seen = text(await session.versions(name))
    assert (sorted(seen), seen[-1]) == (sorted(["start", *(f"e{n}" for n in range(8))]), "start")
    version = (await store.get(session.id)).version
    await session.edit(name, content="x", expect=version)
    with pytest.raises(Conflict):
        await session.edit(name, content="y", expect=version)
    assert (await session.message(name)).text == "x"


@pytest.mark.covers("CV-09")
@pytest.mark.parametrize("policy", [{"max_message_bytes": 300, "max_session_bytes": 900}])
async def test_what_is_refused(store):
    session = await store.create(owner="ana", messages=[user("m0")])
    name = "msg_main_0000000000"
    for changes, match in (
        ({}, "nothing to change"),
        ({"id": "mine"}, "/id"),
        ({"created_at": 1}, "/created_at"),
        ({"edited": {}}, "/edited"),
        ({"role": "king"}, "/role"),
        ({"content": None}, "/content"),
        ({"content": [{"type": "text"}]}, "/content/0/text"),
    ):
        with pytest.raises(Invalid, match=match):
            await session.edit(name, **changes)
    with pytest.raises(TooLarge):
        await session.edit(name, content="x" * 300)
    with pytest.raises(NotFound, match="no such message"):
        await session.edit("msg_main_0000000001", content="x")
    with pytest.raises(NotFound, match="no such session"):
        await store.acting_as(Principal("eve")).edit(session.id, name, {"content": "x"})
    with pytest.raises(NotFound, match="no such session"):
        await store.acting_as(Principal("eve")).versions(session.id, name)
    with pytest.raises(Invalid, match="cursor"):
        await session.versions(name, cursor="x")
    assert (await session.message(name)).text == "m0"
    for _ in range(3):
        await session.edit(name, content="x" * 100)
    with pytest.raises(TooLarge, match="session"):
        await session.edit(name, content="x" * 100)
    await session.end()
    with pytest.raises(Ended):
        await session.edit(name, content="late")


@pytest.mark.covers("CV-01", "CV-09")
async def test_a_clients_own_field_of_that_name_is_no_edit(store):
    theirs = {"version": 7, "at": 1, "by": "eve", "earlier": [0, 5]}
    session = await store.create(owner="ana", messages=[user("m0", edited=True), user("m1", edited=theirs), user("m2")])
    assert (await session.message("msg_main_0000000000"))["edited"] is True
    await session.edit("msg_main_0000000002", content="M2")
    assert text(await session.versions("msg_main_0000000000")) == ["m0"]
    assert text(await session.versions("msg_main_0000000001")) == ["m1"], "nothing of another message"
    await session.edit("msg_main_0000000000", content="M0")
    assert [one["edited"] for one in await session.versions("msg_main_0000000000")][1] is True


@pytest.mark.covers("CV-09", "XX-04")
@pytest.mark.parametrize("earlier", [[0], [1, 0], [0, 0, 0], [], [10**18], [0] * 40], ids=str)
@pytest.mark.parametrize("version", [2, 3, 1 << 64])
async def test_a_message_that_comes_with_versions_of_its_own_has_only_ours(store, version, earlier):
    """As the exports of some formats have them; what an edit kept must be found by whoever redacts, purges and exports."""
    theirs = {"version": min(version, (1 << 64) - 1), "at": 1, "by": "eve", "earlier": earlier}
    session = await store.create(owner="ana", messages=[user("one", edited=theirs)])
    name = "msg_main_0000000000"
    for words in ("two", "three"):
        await session.edit(name, content=words)
    page = await session.versions(name)
    assert (text(page), page.items[0]["edited"]["version"]) == (["three", "two", "one"], 3)
    lines = b"".join([piece async for piece in export(store, session.id, "jsonl", every=True)]).splitlines()
    assert [json.loads(line)["version"]["content"] for line in lines if b'"type":"version"' in line] == ["one", "two"]
    await session.restore_version(name, 1)
    await session.redact(name)
    assert text(await session.versions(name)) == ["[redacted]"] * 4
    assert len(await session.redacted(name)) == 4
    await session.purge(message=name)
    view = await store.engine.view(session.id, Span("edits"), check=lambda _: None)
    assert {Message(raw)["content"] for raw in view.run(Span("edits"))} == {"[purged]"}


@pytest.mark.covers("CV-09")
async def test_many_versions_of_a_message_that_says_so_itself_are_exported_once(store):
    theirs = {"version": 9, "at": 1, "by": "eve", "earlier": [0]}
    session = await store.create(owner="ana", messages=[user("v1", edited=theirs)])
    for number in range(2, 42):
        await session.edit("msg_main_0000000000", content=f"v{number}")
    lines = b"".join([piece async for piece in export(store, session.id, "jsonl", every=True)]).splitlines()
    told = [json.loads(line)["version"]["content"] for line in lines if b'"type":"version"' in line]
    assert told == [f"v{number}" for number in range(1, 41)]
    assert len(await session.versions("msg_main_0000000000", limit=100)) == 41


@pytest.mark.covers("CV-09")
async def test_a_clear_erases_versions_too(store):
    session = await store.create(owner="ana", messages=[user("secret")])
    await session.edit("msg_main_0000000000", content="public")
    await session.clear()
    snapshot = await store.engine.storage.load(f"session/{session.id}")
    assert not len(snapshot.head.lanes["edits"])
    assert session.size == 0


@pytest.mark.covers("CV-09", "XX-02")
async def test_edits_change_nothing_in_what_appends_and_pages_cost(clock):
    storage = Counting(MemorySessionStorage())
    store = on(storage, clock)
    session = await store.create(owner="ana", messages=[user(str(n)) for n in range(200)])
    for number in range(150):
        await session.edit(f"msg_main_{number:010d}", content="edited")
    storage.calls.clear()
    await session.append(user())
    assert len(await on(storage, clock).history(session.id, limit=50)) == 50
    assert dict(storage.calls) == {"commit": 1, "load": 1, "records": 51}
