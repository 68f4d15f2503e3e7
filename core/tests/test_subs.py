"""Sub-conversations: branches under a message, or under a branch, that go with what they are under and come back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from support.storages import Counting
from support.stores import beside, on, text, user

from holdall import Invalid, NotFound, Principal
from holdall.sessions.names import message_id
from holdall_memory import MemorySessionStorage


async def spoken(store, count=6):
    session = await store.create(owner="ana", messages=[user(f"m{n}") for n in range(count)])
    return session, [message_id(n) for n in range(count)]


async def names(session, **asked):
    """All that a listing gives, a page of two at a time."""
    page = await session.branches(limit=2, **asked)
    found = [one.name for one in page]
    while page.next is not None:
        page = await session.branches(limit=2, cursor=page.next, **asked)
        found += [one.name for one in page]
    return found


@pytest.mark.covers("CV-08")
async def test_a_sub_conversation_is_started_under_a_message_and_talked_in(store):
    session, ids = await spoken(store)
    sub = await session.start_sub(ids[3], kind="reviewer", call="toolu_1", title="Look at it")
    assert (sub.name, sub.title, sub.parent, sub.at, sub.messages, sub.last) == (
        "sub-1",
        "Look at it",
        None,
        None,
        0,
        None,
    )
    assert sub.under is not None
    assert sub.under.as_dict() == {"branch": "main", "message": ids[3], "kind": "reviewer", "call": "toolu_1"}
    said = await session.append([user("look"), user("looked")], branch="sub-1")
    assert [one.id for one in said] == ["msg_sub-1_0000000004", "msg_sub-1_0000000005"]
    assert text(await session.history(branch="sub-1")) == ["look", "looked"]
    assert text(await session.history(branch="sub-1", limit=1, before=said[1].id)) == ["look"]
    assert text(await session.history()) == [f"m{n}" for n in range(6)]
    assert (await session.message(said[0].id)).text == "look"
    found = await session.branch("sub-1")
    assert (found.messages, found.last, found.under) == (2, said[1].id, sub.under)
    assert await names(session) == ["main"]
    fork = await session.fork(at=said[0].id, name="otherwise")
    assert (fork.parent, fork.messages) == ("sub-1", 1)
    assert await names(session) == ["main", "otherwise"]


@pytest.mark.covers("CV-08")
async def test_those_under_a_message_a_branch_or_the_session_are_listed(store):
    session, ids = await spoken(store)
    await session.fork(at=ids[2], name="side")
    (aside,) = await session.append([user("s3")], branch="side")
    for under in (ids[3], ids[3], aside.id, ids[1], ids[3], "main", "side"):
        await session.start_sub(under)
    (deep,) = await session.append([user("deep")], branch="sub-3")
    assert (await session.start_sub(deep.id)).name == "sub-9"
    assert (await session.start_sub("sub-3", name="sub-named")).name == "sub-named"
    every = ["sub-2", "sub-3", "sub-4", "sub-5", "sub-6", "sub-7", "sub-8", "sub-9", "sub-named"]
    assert await names(session, subs=True) == every
    assert await names(session, under=ids[3]) == ["sub-2", "sub-3", "sub-6"]
    assert await names(session, under=aside.id) == ["sub-4"]
    assert await names(session, under=ids[0]) == []
    assert await names(session, under="main") == ["sub-2", "sub-3", "sub-5", "sub-6", "sub-7"]
    assert await names(session, under="side") == ["sub-4", "sub-8"]
    assert await names(session, under="sub-3") == ["sub-9", "sub-named"]
    assert await names(session, under=deep.id) == ["sub-9"]
    for wrong in ("nobody", message_id(6), message_id(2, "side"), message_id(1, "nobody"), "../x"):
        with pytest.raises(NotFound):
            await session.branches(under=wrong)


@pytest.mark.covers("CV-08")
async def test_they_go_with_what_they_are_under_and_come_back_with_it(store):
    session, ids = await spoken(store)
    await session.fork(at=ids[2], name="side")
    (aside,) = await session.append([user("s3")], branch="side")
    await session.start_sub(aside.id, name="sub-a")
    (deep,) = await session.append([user("deep")], branch="sub-a")
    await session.start_sub(deep.id, name="sub-b")
    await session.start_sub("sub-b", name="sub-c")
    await session.start_sub(ids[1], name="sub-else")
    await session.start_sub(aside.id, name="sub-before")
    await session.delete_branch("sub-before")
    await session.delete_branch("side")
    assert await names(session, subs=True) == ["sub-else"]
    assert await names(session, subs=True, deleted=True) == ["sub-a", "sub-b", "sub-before", "sub-c"]
    for call in (
        session.append(user(), branch="sub-b"),
        session.history(branch="sub-c"),
        session.start_sub(deep.id),
        session.start_sub("side"),
    ):
        with pytest.raises(NotFound):
            await call
    await session.restore_branch("side")
    assert await names(session, subs=True) == ["sub-a", "sub-b", "sub-c", "sub-else"]
    assert text(await session.history(branch="sub-a")) == ["deep"]
    await session.delete_branch("sub-b")
    await session.delete_branch("side")
    await session.restore_branch("side")
    assert await names(session, subs=True) == ["sub-a", "sub-else"], "what went before stays away"
    await session.restore_branch("sub-b")
    assert await names(session, subs=True) == ["sub-a", "sub-b", "sub-c", "sub-else"]
    await session.switch("sub-c")
    with pytest.raises(Invalid, match="sub-c"):
        await session.delete_branch("side")


@pytest.mark.covers("CV-08")
async def test_clearing_and_deleting_the_session_take_all(store):
    session, ids = await spoken(store)
    await session.start_sub(ids[0])
    await session.append(user("inside"), branch="sub-1")
    assert session.counts.messages == 7
    assert await session.clear() == 7
    assert await names(session, subs=True) == []
    with pytest.raises(NotFound):
        await session.start_sub(ids[0])
    await session.delete()
    with pytest.raises(NotFound):
        await store.branches(session.id, subs=True)


@pytest.mark.covers("CV-08")
@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": "side"}, "/name"),
        ({"name": "sub-"}, None),
        ({"name": "sub-" + "x" * 37}, "/name"),
        ({"kind": ""}, "/kind"),
        ({"call": "x" * 201}, "/call"),
        ({"title": "x" * 501}, "/title"),
        ({"name": "sub-taken"}, "/name"),
    ],
)
async def test_what_is_refused(store, given, pointer):
    session, ids = await spoken(store, 1)
    await session.start_sub(ids[0], name="sub-taken")
    if pointer is None:
        assert (await session.start_sub(ids[0], **given)).name == given["name"]
        return
    with pytest.raises(Invalid) as refused:
        await session.start_sub(ids[0], **given)
    assert refused.value.pointer == pointer
    with pytest.raises(Invalid, match="only the names of sub-conversations"):
        await session.fork(name="sub-x")


@pytest.mark.covers("CV-08", "SE-02")
async def test_those_of_another_owner_look_missing(store):
    session, ids = await spoken(store, 1)
    stranger = store.acting_as(Principal("eve"))
    for call in (stranger.start_sub(session.id, ids[0]), stranger.branches(session.id, subs=True)):
        with pytest.raises(NotFound, match="no such session"):
            await call


@pytest.mark.covers("CV-08", "XX-06")
async def test_one_that_is_started_while_its_branch_is_deleted_is_gone_or_refused(store):
    for _ in range(5):
        session, _ = await spoken(store, 1)
        await session.fork(name="side")
        other = beside(store)
        await other.start_sub(session.id, "side")
        calls = [other.start_sub(session.id, "side") for _ in range(3)]
        done = await asyncio.gather(store.delete_branch(session.id, "side"), *calls, return_exceptions=True)
        started = [one.name for one in done[1:] if not isinstance(one, BaseException)]
        assert all(isinstance(one, NotFound) for one in done if isinstance(one, BaseException))
        assert await names(session, subs=True) == []
        assert len(await names(session, subs=True, deleted=True)) == len(started) + 1
        both = [other.restore_branch(session.id, "side"), store.restore_branch(session.id, "side")]
        await asyncio.gather(*both)
        assert len(await names(session, subs=True)) == len(started) + 1


@pytest.mark.covers("CV-08", "CV-14")
async def test_those_under_a_message_are_listed_without_reading_the_others(clock):
    storage = Counting(MemorySessionStorage())
    store = on(storage, clock)
    session, ids = await spoken(store, 20)
    for number in range(200):
        await session.start_sub(ids[number % 20])
    storage.calls.clear()
    assert len(await session.branches(under=ids[7], limit=50)) == 10
    assert storage.calls["records"] < 30


@pytest.mark.covers("CV-08", "LC-15")
async def test_followers_are_told_what_went_along(store):
    session, ids = await spoken(store, 1)
    await session.fork(at=ids[0], name="side")
    await session.start_sub("side")
    await session.delete_branch("side")
    await session.restore_branch("side")
    told = []
    async with contextlib.aclosing(session.follow(after="0")) as changes:
        async for change in changes:
            told.append((change.type, change.fields.get("branch"), change.fields.get("along")))
            if change.type == "branch_restored":
                break
    assert told[-4:] == [
        ("forked", "side", None),
        ("forked", "sub-2", None),
        ("branch_deleted", "side", ["sub-2"]),
        ("branch_restored", "side", ["sub-2"]),
    ]
