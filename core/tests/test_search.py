"""Searching: with each index, and without one, on storages of two kinds.

Covers CV-06.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import holdall
from holdall import Principal
from holdall.errors import Forbidden, Invalid, NotFound, PluginError, SettingsError
from holdall.plugins import Plugins
from holdall.searching import Query, Wanted

CARDS = str(Path(__file__).parents[2] / "docs/examples/cards.py")


def _indexes():
    try:
        Plugins().search_index("fts")
    except PluginError:
        return [None, "cards"]
    return [None, "cards", "fts"]


@pytest.fixture(params=_indexes())
def index(request):
    return request.param


@pytest.fixture(params=["memory", "file"])
def backend(request):
    return request.param


@pytest.fixture
def config(index, storage_options, tmp_path):
    config = {"storage": storage_options, "sessions": {"sweep_every": 0}}
    if index is not None:
        options = {"path": str(tmp_path / "search")} if index == "fts" else {}
        config |= {"search": {"use": index, "options": options, "every": 0}, "plugins": [CARDS]}
    return config


@pytest.fixture
async def store(config, clock):
    async with holdall.open(config, clock=clock) as opened:
        yield opened


def said(text, **fields):
    return {"role": "user", "content": text, **fields}


async def texts(store, *query, **asked):
    return [match.message.text for match in await store.search(*query, **asked)]


@pytest.mark.covers("CV-06", "XX-09")
async def test_what_was_just_written_is_found(store):
    session = await store.create(owner="ana", messages=[said("the first one")])
    assert await texts(store, "first") == ["the first one"]
    await session.append(said("another first"))
    assert await texts(store, "first") == ["another first", "the first one"]
    assert await texts(store, '"the first"') == ["the first one"]
    assert await texts(store, "anoth* first") == ["another first"]
    assert await texts(store, "third") == []


async def test_a_match_says_where_it_is_and_shows_why(store):
    session = await store.create(
        owner="ana", project="site", title="A title", messages=[said("x " * 200 + "here it is")]
    )
    (match,) = await store.search("HERE is")
    assert (match.session, match.owner, match.project, match.title) == (session.id, "ana", "site", "A title")
    assert (match.message.id, match.branch) == ("msg_main_0000000000", "main")
    assert [piece.text for piece in match.snippet if piece.match] == ["here", "is"]
    assert (match.snippet[0].text, match.snippet[-1].text) == ("…", "is")
    assert len("".join(piece.text for piece in match.snippet)) < 300


async def test_filters(store, clock):
    await store.create(owner="ana", project="one", tags=["red"], messages=[said("word", created_at=5)])
    call = {"type": "tool_call", "id": "1", "name": "Bash", "arguments": {"command": "make word"}}
    answer = {"role": "assistant", "content": [call], "created_at": 7, "metadata": {"model": "m-1", "n": 2}}
    await store.create(owner="ana", project="two", tags=["red", "blue"], messages=[answer])
    await store.create(owner="bob", project="two", messages=[said("word", created_at=9)])

    async def times(**asked):
        return [match.message.created_at for match in await store.search("word", **asked)]

    assert sorted(await times()) == [5, 7, 9]
    assert await times(role="assistant") == [7]
    assert await times(tool="Bash") == [7]
    assert await times(metadata={"model": "m-1", "n": 2}) == [7]
    assert await times(metadata={"n": "2"}) == []
    assert sorted(await times(owner="ana")) == [5, 7]
    assert sorted(await times(project="two")) == [7, 9]
    assert await times(project="two", owner="bob") == [9]
    assert sorted(await times(tag="red")) == [5, 7]
    assert await times(tag="blue") == [7]
    assert sorted(await times(since=6)) == [7, 9]
    assert await times(since=6, until=9) == [7]
    assert [match.message.created_at for match in await store.search(tool="Bash")] == [7]
    for wrong in ({"role": "nobody"}, {"metadata": {"a": []}}, {"order": "worst"}, {"cursor": "x"}, {"limit": 0}):
        with pytest.raises(Invalid):
            await store.search("word", **wrong)


async def test_a_session_that_moves_to_another_project_is_found_there(store, clock):
    session = await store.create(owner="ana", project="one", messages=[said("word")])
    assert await texts(store, "word", project="one") == ["word"]
    clock.advance(3600)
    await store.create(owner="ana", messages=[said("other")])
    assert await texts(store, "other") == ["other"]
    await session.update(project="two", tags=["new"])
    assert await texts(store, "word", project="one") == []
    assert await texts(store, "word", project="two", tag="new") == ["word"]


@pytest.mark.covers("SE-12")
@pytest.mark.req("SEC-AUZ-06")
async def test_nobody_finds_what_they_may_not_see(store):
    anas = await store.create(owner="ana", messages=[said("secret of ana")])
    await store.create(owner="bob", messages=[said("secret of bob")])
    bob = store.acting_as(Principal("bob"))
    assert await texts(bob, "secret") == ["secret of bob"]
    assert await texts(bob, "secret", owner="bob") == ["secret of bob"]
    with pytest.raises(Forbidden):
        await bob.search("secret", owner="ana")
    with pytest.raises(NotFound):
        await bob.search("secret", session=anas.id)
    with pytest.raises(Forbidden):
        await bob.reindex()
    admin = store.acting_as(Principal("root", admin=True))
    assert len(await texts(admin, "secret")) == 2
    assert await texts(admin, "secret", owner="ana") == ["secret of ana"]


async def test_in_one_session(store):
    one = await store.create(owner="ana", messages=[said(f"word {number}") for number in range(3)])
    await store.create(owner="ana", messages=[said("word elsewhere")])
    assert await texts(store, "word", session=one.id) == ["word 2", "word 1", "word 0"]
    assert [match.message.text for match in await one.search("word 1")] == ["word 1"]
    with pytest.raises(NotFound):
        await store.search("word", session="no-such-session-00000")


async def test_pages_visit_everything_once_while_others_write(store, clock):
    sessions = [await store.create(owner="ana", messages=[said(f"{n} word") for n in range(7)]) for _ in range(5)]
    found, cursor = [], None
    while True:
        page = await store.search("word", limit=4, cursor=cursor)
        found += [(match.session, match.message.id) for match in page]
        assert len(page) == 4 or page.next is None
        cursor = page.next
        if cursor is None:
            break
        clock.advance(1)
        await store.create(owner="ana", messages=[said("a new word")])
    assert sorted(found) == sorted((s.id, f"msg_main_{n:010}") for s in sessions for n in range(7))
    page = await store.search("word", limit=4)
    with pytest.raises(Invalid, match="something else"):
        await store.search("words", limit=4, cursor=page.next)


async def test_edits_deletions_and_clearing(store):
    session = await store.create(owner="ana", messages=[said("alpha one"), said("alpha two")])
    assert len(await texts(store, "alpha")) == 2
    await session.edit("msg_main_0000000000", content="beta one")
    assert await texts(store, "alpha") == ["alpha two"]
    assert await texts(store, "beta") == ["beta one"]
    await session.restore_version("msg_main_0000000000", 1)
    assert await texts(store, "beta") == []
    assert len(await texts(store, "alpha")) == 2
    await session.clear()
    assert await texts(store, "alpha") == []
    await session.append(said("alpha three"))
    assert await texts(store, "alpha") == ["alpha three"]
    await store.delete(session.id)
    assert await texts(store, "alpha") == []


async def test_what_was_redacted_is_not_found(store, index, clock):
    session = await store.create(owner="ana", messages=[said("alpha secret"), said("beta")])
    assert await texts(store, "secret") == ["alpha secret"]
    clock.advance(3600)
    await store.create(owner="ana", messages=[said("later")])
    assert await texts(store, "later") == ["later"]
    await store.redact(session.id, "msg_main_0000000000", spans=[{"at": "/content", "start": 6, "stop": 12}])
    assert await texts(store, "secret") == []
    assert len(await texts(store, "alpha")) == 1
    if index is not None:  # it is not only left out: it is in the index no more
        needs = Query("secret").needs
        assert [*(await store.engine.keeper.index.find(Wanted(needs=needs))).hits] == []


async def test_what_is_kept_apart_for_its_size_is_found(store):
    long = "word " * 60_000 + "needle " + "word " * 60_000
    session = await store.create(owner="ana", messages=[said("short")])
    part = {"type": "tool_result", "id": "1", "content": long}
    await session.append({"role": "tool", "content": [part]})
    (match,) = await store.search("needle")
    assert match.message.id == "msg_main_0000000001"
    assert [piece.text for piece in match.snippet if piece.match] == ["needle"]


async def test_branches(store):
    session = await store.create(owner="ana", messages=[said("root word"), said("main word")])
    await session.fork(at="msg_main_0000000000", name="x")
    await session.append(said("x word"), branch="x")
    await session.fork(at="msg_x_0000000001", name="y")
    await session.append(said("y word"), branch="y")
    assert sorted(await texts(store, "word")) == ["main word", "root word", "x word", "y word"]
    assert {match.branch for match in await store.search("word")} == {"main", "x", "y"}
    await session.delete_branch("y")
    assert sorted(await texts(store, "word")) == ["main word", "root word", "x word"]
    await session.restore_branch("y")
    await session.delete_branch("x")
    assert sorted(await texts(store, "word")) == ["main word", "root word", "x word", "y word"]
    await session.delete_branch("y")
    assert sorted(await texts(store, "word")) == ["main word", "root word"]


async def test_an_expired_session_is_not_found(store, clock):
    await store.create(owner="ana", ttl=60, messages=[said("soon gone")])
    assert await texts(store, "gone") == ["soon gone"]
    clock.advance(61)
    assert await texts(store, "gone") == []


async def test_best_first(store, index):
    await store.create(owner="ana", messages=[said("word " + "and much more " * n) for n in range(12)])
    await store.create(owner="ana", messages=[said("word word word")])
    if index is None:
        with pytest.raises(Invalid, match="needs a search index"):
            await store.search("word", order="best")
        return
    found, cursor = [], None
    while True:
        page = await store.search("word", order="best", limit=5, cursor=cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
        await store.create(owner="ana", messages=[said("word")])
    assert len(found) == len({(match.session, match.message.id) for match in found}) == 13
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    if index == "fts":
        assert found[0].message.text == "word word word"


async def test_what_was_there_before_the_index_is_found(index, tmp_path, clock):
    """Also of a session that is too long to be read at once, and of its branches."""
    plain = {"storage": {"use": "file", "options": {"path": str(tmp_path / "data")}}, "sessions": {"sweep_every": 0}}
    async with holdall.open(plain, clock=clock) as store:
        session = await store.create(owner="ana", messages=[said("word 0")])
        for start in range(1, 5000, 1000):
            await session.append([said(f"word {number}") for number in range(start, start + 1000)])
        await session.fork(name="x")
        await session.append(said("a rare one"), branch="x")
    options = {"path": str(tmp_path / "search")} if index == "fts" else {}
    search = {} if index is None else {"use": index, "options": options, "every": 0}
    async with holdall.open({**plain, "search": search, "plugins": [CARDS]}, clock=clock) as store:
        page = await store.search("rare", session=session.id)
        if index is None:  # it reads some messages for each page
            page = await store.search("rare", session=session.id, cursor=page.next)
        assert (page.complete, [match.branch for match in page]) == (True, ["x"])
        assert await texts(store, '"word 4321"') == ["word 4321"]
        edited = await store.edit(session.id, "msg_main_0000004321", {"content": "changed"})
        assert await texts(store, "changed") == [edited.text]
        assert await texts(store, '"word 4321"') == []
        await store.append(session.id, [said("rarer")])
        assert await texts(store, "rarer") == ["rarer"]


async def test_made_anew(store, index):
    await store.create(owner="ana", messages=[said("word")])
    if index is None:
        with pytest.raises(Invalid, match="no search index"):
            await store.reindex()
        return
    assert await texts(store, "word") == ["word"]
    await store.reindex()
    assert await texts(store, "word") == ["word"]


@pytest.mark.req("SEC-CRY-09")
async def test_an_encrypted_store_has_no_index_unless_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDALL_TEST_KEY", "00" * 32)
    config = {
        "storage": {"use": "memory"},
        "encryption": {"use": "aesgcm", "keys": {"use": "env", "options": {"variable": "HOLDALL_TEST_KEY"}}},
        "search": {"use": "cards", "every": 0},
        "plugins": [CARDS],
    }
    with pytest.raises(SettingsError, match="holds their words"):
        async with holdall.open(config):
            pass
    async with holdall.open({**config, "search": {}}) as store:
        await store.create(owner="ana", messages=[said("word")])
        assert await texts(store, "word") == ["word"]
    async with holdall.open({**config, "search": {"use": "cards", "plaintext": "accept", "every": 0}}) as store:
        await store.create(owner="ana", messages=[said("word")])
        assert await texts(store, "word") == ["word"]
