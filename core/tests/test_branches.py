"""Branches, reverts and what they cost. That they are right in any order, ``test_branches_model.py`` shows."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.branched import spoken, whole
from support.stores import beside, text, user

from holdall import Ended, Invalid, NotFound, Principal, TooLarge
from holdall.errors import KeyReused
from holdall.formats import export
from holdall.transfer.verifying import verify


@pytest.mark.covers("CV-08")
@pytest.mark.req("SEC-HTTP-04")
async def test_a_request_with_a_key_makes_one_branch(store, clock):
    """Repeated, by two processes at once, and after the session has gone on; another request may not have the key."""
    session, ids = await spoken(store)
    asked = {"at": ids[3], "title": "Another way", "switch": True, "key": "k"}
    others = [beside(store) for _ in range(4)]
    made = await asyncio.gather(*(each.fork(session.id, **asked) for each in others))
    assert sorted(branch.replayed for branch in made) == [False, True, True, True]
    assert {branch.name for branch in made} == {"b1"}
    await store.append(session.id, [user("x")])
    again = await store.fork(session.id, **asked)
    assert (again.replayed, again.name, again.messages, again.as_dict().keys()) == (
        True,
        "b1",
        5,
        made[0].as_dict().keys(),
    )
    sub = await store.start_sub(session.id, ids[1], kind="agent", key="s")
    assert (await store.start_sub(session.id, ids[1], kind="agent", key="s")).name == sub.name
    for wrong in (store.fork(session.id, at=ids[4], key="k"), store.append(session.id, [user("y")], key="k")):
        with pytest.raises(KeyReused):
            await wrong
    assert [branch.name for branch in (await store.branches(session.id)).items] == ["main", "b1"]
    await store.end(session.id)
    assert (await store.fork(session.id, **asked)).replayed
    with pytest.raises(Ended):
        await store.fork(session.id, key="new")
    assert (await verify(store.engine.storage, store.engine.codec)).problems == []


@pytest.mark.covers("CV-08", "CV-11")
async def test_a_branch_goes_on_where_it_was_made_and_changes_nothing_else(store):
    session, ids = await spoken(store)
    branch = await session.fork(at=ids[3], name="other", title="Another way")
    assert (branch.name, branch.title, branch.parent, branch.at) == ("other", "Another way", "main", ids[3])
    assert (branch.messages, branch.last, branch.created_by) == (4, ids[3], "system")
    stored = await session.append([user("o4"), user("o5")], branch="other")
    assert [message.id for message in stored] == ["msg_other_0000000004", "msg_other_0000000005"]
    assert await whole(store, session.id, "other") == ["m0", "m1", "m2", "m3", "o4", "o5"]
    assert await whole(store, session.id) == [f"m{n}" for n in range(10)]
    inner = await session.fork(at=stored[0].id, name="inner", switch=True)
    assert (inner.parent, inner.at, inner.messages) == ("other", stored[0].id, 5)
    await session.append(user("i5"))
    assert await whole(store, session.id) == ["m0", "m1", "m2", "m3", "o4", "i5"]
    assert session.current_branch == "inner"
    assert [each.name for each in await session.branches()] == ["main", "inner", "other"]
    assert (await session.message(stored[1].id)).text == "o5"
    assert session.counts.messages == 13


@pytest.mark.covers("CV-08")
async def test_a_branch_can_begin_before_the_first_message(store):
    session, ids = await spoken(store, 2)
    branch = await session.fork(before=ids[0], name="again")
    assert (branch.parent, branch.at, branch.messages, branch.last) == (None, None, 0, None)
    assert text(await session.history(branch="again")) == []
    await session.append(user("better"), branch="again")
    assert await whole(store, session.id, "again") == ["better"]
    found = await session.compare("again")
    assert (found.ancestor, found.left.messages, found.right.messages) == (None, 1, 2)


@pytest.mark.covers("CV-08")
async def test_branches_are_listed_by_name_page_by_page(store):
    session, ids = await spoken(store, 2)
    for name in ("b10", "b2", "a", None, None):
        await session.fork(at=ids[0], name=name)
    names, cursor = [], None
    while True:
        page = await session.branches(limit=2, cursor=cursor)
        names += [branch.name for branch in page]
        cursor = page.next
        if cursor is None:
            break
    assert names == ["main", "a", "b2", "b4", "b5", "b10"]


@pytest.mark.covers("CV-08", "XX-04")
async def test_a_deleted_branch_is_gone_until_it_is_restored(store):
    session, ids = await spoken(store, 3)
    await session.fork(at=ids[0], name="old", switch=True)
    said = await session.append(user("kept"))
    await session.fork(name="child")
    with pytest.raises(Invalid, match="switch to another"):
        await session.delete_branch("old")
    await session.switch("main")
    await session.delete_branch("old")
    assert [branch.name for branch in await session.branches()] == ["main", "child"]
    (gone,) = await session.branches(deleted=True)
    assert (gone.name, gone.deleted_by, gone.messages) == ("old", "system", 2)
    for call in (
        session.history(branch="old"),
        session.append(user("no"), branch="old"),
        session.switch("old"),
        session.delete_branch("old"),
        session.compare("old"),
    ):
        with pytest.raises(NotFound, match="no such branch: old"):
            await call
    with pytest.raises(Invalid, match="take another name"):
        await session.fork(name="old")
    assert await whole(store, session.id, "child") == ["m0", "kept"], "made from it, and whole"
    assert (await session.message(said.id)).text == "kept"
    await session.restore_branch("old")
    assert await whole(store, session.id, "old") == ["m0", "kept"]
    with pytest.raises(Invalid, match="always there"):
        await session.delete_branch("main")


@pytest.mark.covers("CV-08")
async def test_two_branches_side_by_side(store):
    session, ids = await spoken(store, 6)
    await session.fork(at=ids[3], name="left")
    mine = await session.append([user("l4"), user("l5"), user("l6")], branch="left")
    found = await session.compare("left", "main", limit=2)
    assert found.ancestor == ids[3]
    assert (found.left.branch, found.left.messages, text(found.left.page)) == ("left", 3, ["l4", "l5"])
    assert (found.right.branch, found.right.messages, text(found.right.page)) == ("main", 2, ["m4", "m5"])
    assert found.right.page.next is None
    assert text(await session.history(branch="left", after=found.left.page.next)) == ["l6"]
    await session.fork(at=mine[1].id, name="deep")
    found = await session.compare("deep", "left")
    assert (found.ancestor, found.left.messages, found.right.messages) == (mine[1].id, 0, 1)


@pytest.mark.covers("CV-08", "XX-04")
async def test_a_revert_hides_and_loses_nothing(store):
    session, ids = await spoken(store, 6)
    await session.revert(ids[2])
    assert (session.reverted_to, session.current_branch) == (ids[2], "main")
    assert await whole(store, session.id) == ["m0", "m1", "m2"]
    assert await whole(store, session.id, "main") == [f"m{n}" for n in range(6)], "the full history, by its name"
    page = await session.history(limit=2)
    assert (text(page), page.next) == (["m1", "m2"], None)
    await session.unrevert()
    assert (session.reverted_to, await whole(store, session.id)) == (None, [f"m{n}" for n in range(6)])
    with pytest.raises(Invalid, match="nothing was reverted"):
        await session.unrevert()


@pytest.mark.covers("CV-08", "XX-04")
async def test_what_follows_a_revert_is_a_branch_that_can_be_left_again(store):
    session, ids = await spoken(store, 6)
    await session.revert(ids[2])
    await session.log_tool("ls")
    assert session.reverted_to == ids[2], "a tool run is no message"
    said = await session.append([user("n3"), user("n4")], key="once")
    assert [message.id for message in said] == ["msg_b1_0000000003", "msg_b1_0000000004"]
    assert [message.id for message in await session.append([user("n3"), user("n4")], key="once")] == [
        message.id for message in said
    ]
    assert (session.current_branch, session.reverted_to) == ("b1", None)
    assert await whole(store, session.id) == ["m0", "m1", "m2", "n3", "n4"]
    await session.revert(ids[0])
    await session.append(user("again"))
    assert await whole(store, session.id) == ["m0", "again"]
    await session.unrevert()
    assert await whole(store, session.id) == ["m0", "m1", "m2", "n3", "n4"]
    await session.unrevert()
    assert await whole(store, session.id) == [f"m{n}" for n in range(6)]
    await session.append(user("to main"), branch="main")
    with pytest.raises(NotFound):
        await session.revert("msg_b1_0000000003")
    await session.revert("msg_b1_0000000003", branch="b1")
    assert await whole(store, session.id) == ["m0", "m1", "m2", "n3"]


@pytest.mark.covers("CV-02", "CV-08")
async def test_a_key_belongs_to_a_branch(store):
    session, ids = await spoken(store, 2)
    await session.fork(at=ids[0], name="x")
    one = await session.append(user("once"), key="k", branch="x")
    await session.append(user("more"), branch="x")
    again = await beside(store).append(session.id, [user("once")], key="k", branch="x")
    assert (again.replayed, again.messages[0].raw) == (True, one.raw)
    with pytest.raises(KeyReused):
        await session.append(user("once"), key="k")


@pytest.mark.covers("CV-08")
@pytest.mark.parametrize("name", ["", "-x", "a b", "ü", "x" * 41, "../x", "main", "taken"])
async def test_a_name_that_cannot_be(store, name):
    session, ids = await spoken(store, 1)
    await session.fork(at=ids[0], name="taken")
    with pytest.raises(Invalid, match="/name"):
        await session.fork(name=name)
    assert [branch.name for branch in await session.branches()] == ["main", "taken"]


@pytest.mark.covers("CV-08")
async def test_what_is_not_there(store):
    session, ids = await spoken(store, 2)
    await session.fork(at=ids[0], name="x")
    for message in ("msg_main_0000000002", "msg_x_0000000000", "msg_x_0000000001", "msg_y_0000000000", "nonsense"):
        for call in (session.fork(at=message), session.revert(message), session.message(message)):
            with pytest.raises(NotFound, match="no such message"):
                await call
    for cursor in (ids[1], "msg_x_0000000000", "msg_x_0000000002", "msg_y_0000000000"):
        for side in ("before", "after"):
            with pytest.raises(NotFound, match="cursor"):
                await session.history(branch="x", **{side: cursor})
    with pytest.raises(NotFound, match="no such branch"):
        await session.history(branch="nobody")
    with pytest.raises(NotFound, match="no such branch"):
        await session.history(branch="x" * 300)
    with pytest.raises(Invalid, match="not both"):
        await session.fork(at=ids[0], before=ids[1])


@pytest.mark.covers("CV-08", "ST-09")
@pytest.mark.parametrize("policy", [{"max_branches": 2, "max_messages": 4, "max_session_bytes": 1000}])
async def test_limits(store):
    session, ids = await spoken(store, 3)
    await session.fork(at=ids[0], name="x")
    await session.fork(at=ids[0], name="y")
    with pytest.raises(TooLarge, match="number of branches"):
        await session.fork(at=ids[0])
    await session.append([user(), user(), user()], branch="x")
    with pytest.raises(TooLarge, match="number of messages"):
        await session.append(user(), branch="x")
    with pytest.raises(TooLarge, match="bytes"):
        await session.update_branch("y", title="y" * 500)
    await session.end()
    for call in (session.fork(), session.switch("x"), session.revert(ids[0]), session.delete_branch("x")):
        with pytest.raises(Ended):
            await call
    assert len(await session.branches()) == 3


@pytest.mark.covers("CV-08", "SE-02")
async def test_branches_of_another_owner_look_missing(store):
    session, ids = await spoken(store, 2)
    await session.fork(at=ids[0], name="x")
    stranger = store.acting_as(Principal("eve"))
    for call in (
        stranger.fork(session.id),
        stranger.branches(session.id),
        stranger.branch(session.id, "x"),
        stranger.history(session.id, branch="x"),
        stranger.append(session.id, [user()], branch="x"),
        stranger.compare(session.id, "x"),
        stranger.switch(session.id, "x"),
        stranger.revert(session.id, ids[0]),
        stranger.unrevert(session.id),
        stranger.update_branch(session.id, "x", title="t"),
        stranger.delete_branch(session.id, "x"),
        stranger.restore_branch(session.id, "x"),
    ):
        with pytest.raises(NotFound, match="no such session"):
            await call
    mine = store.acting_as(Principal("ana"))
    assert (await mine.fork(session.id, name="y")).created_by == "ana"


@pytest.mark.covers("CV-08", "XX-06")
async def test_two_writers_fork_and_append_at_once(store):
    session, ids = await spoken(store, 5)
    stores = [store, beside(store)]
    await session.fork(at=ids[1], name="shared")

    async def work(number):
        one, name = stores[number % 2], f"w{number}"
        await one.fork(session.id, at=ids[number % 5], name=name)
        for n in range(4):
            await one.append(session.id, [user(f"{name}-{n}")], branch=name)
            await one.append(session.id, [user(f"{name}-{n}")], branch="shared")
        return (await one.fork(session.id, at=ids[0])).name

    made = await asyncio.gather(*map(work, range(8)))
    assert len(set(made)) == 8
    for number in range(8):
        before = [f"m{n}" for n in range(number % 5 + 1)]
        assert await whole(store, session.id, f"w{number}") == before + [f"w{number}-{n}" for n in range(4)]
    shared = (await whole(store, session.id, "shared", limit=7))[2:]
    assert len(shared) == 32
    for number in range(8):
        own = [words for words in shared if words.startswith(f"w{number}-")]
        assert own == [f"w{number}-{n}" for n in range(4)]


async def test_one_of_two_gets_a_name(store):
    session, _ = await spoken(store, 1)
    stores = [store, beside(store)]
    calls = (one.fork(session.id, name="same") for one in stores)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Branch", "Invalid"]


@pytest.mark.covers("CV-08")
async def test_after_a_clear_no_id_comes_again(store):
    session, ids = await spoken(store, 2)
    await session.fork(at=ids[0], name="x")
    said = await session.append([user(f"x{n}") for n in range(5)], branch="x")
    await session.revert(ids[0])
    assert await session.clear() == 7
    assert [branch.name for branch in await session.branches()] == ["main"]
    assert (await session.history()).items == []
    assert (session.reverted_to, session.size) == (None, 0)
    new = await session.append(user("new"))
    await session.fork(at=new.id, name="x")
    newer = await session.append(user("newer"), branch="x")
    assert {new.id, newer.id}.isdisjoint({*ids, *(message.id for message in said)})
    assert await whole(store, session.id, "x") == ["new", "newer"]


@pytest.mark.covers("CV-07", "CV-08")
async def test_an_export_is_of_what_is_shown_or_of_a_branch(store):
    session, ids = await spoken(store, 4)
    await session.fork(at=ids[1], name="x")
    await session.append([user(f"x{n}") for n in range(3)], branch="x")
    await session.revert(ids[2])

    async def said(**asked):
        lines = b"".join([piece async for piece in export(store, session.id, "jsonl", **asked)]).splitlines()
        return [line["message"]["content"] for line in map(json.loads, lines) if line["type"] == "message"]

    assert await said() == ["m0", "m1", "m2"]
    assert await said(branch="main") == ["m0", "m1", "m2", "m3"]
    assert await said(branch="x") == ["m0", "m1", "x0", "x1", "x2"]
    with pytest.raises(NotFound):
        await said(branch="nobody")
