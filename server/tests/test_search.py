"""Searching over HTTP, with an index and without one.

Covers CV-06, XX-09.
"""

from __future__ import annotations

import json

import pytest

CALL = {"type": "tool_call", "id": "1", "name": "Bash", "arguments": {"command": "make world"}}


@pytest.fixture(params=["index", "no index"])
async def site(request, start, tmp_path):
    search = {"use": "fts", "options": {"path": str(tmp_path / "search")}, "every": 0}
    return await start(search=search if request.param == "index" else {})


@pytest.fixture
async def url(site):
    ana = site.client("ana")
    made = await ana.post("/api/sessions", json={"project": "site", "tags": ["red"], "title": "A title"})
    url = made.headers["location"]
    said = [
        {"role": "user", "content": "Hello, world", "created_at": 1000},
        {"role": "assistant", "content": [CALL], "created_at": 2000, "metadata": {"n": 1}},
        {"role": "user", "content": "在人工智能领域", "created_at": 3000},
    ]
    assert (await ana.post(f"{url}/messages", json={"messages": said})).status_code == 201
    await site.client("bob").post("/api/sessions", json={"messages": [{"role": "user", "content": "world of bob"}]})
    return url


async def ids(client, path="/api/search", **asked):
    answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.covers("CV-06", "XX-09")
async def test_what_is_found(site, url):
    ana = site.client("ana")
    answer = await ana.get("/api/search", params={"q": "HELLO"})
    (item,) = answer.json()["items"]
    assert item == {
        "id": "msg_main_0000000000",
        "role": "user",
        "created_at": 1000,
        "session": url.rpartition("/")[2],
        "branch": "main",
        "owner": "ana",
        "project": "site",
        "title": "A title",
        "snippet": [{"text": "Hello", "match": True}, {"text": ", world", "match": False}],
        "score": None,
    }
    assert (answer.json()["next"], answer.json()["complete"]) == (None, True)
    assert await ids(ana, q="人工智能") == ["msg_main_0000000002"]
    assert await ids(ana, q="hell*") == ["msg_main_0000000000"]
    assert await ids(ana, q='"world hello"') == []


async def test_filters_and_pages(site, url):
    ana = site.client("ana")
    assert await ids(ana) == [f"msg_main_000000000{n}" for n in (2, 1, 0)]
    assert await ids(ana, q="world") == ["msg_main_0000000001", "msg_main_0000000000"]
    assert await ids(ana, q="world", tool="Bash") == ["msg_main_0000000001"]
    assert await ids(ana, q="world", role="user") == ["msg_main_0000000000"]
    assert await ids(ana, metadata=json.dumps({"n": 1})) == ["msg_main_0000000001"]
    assert await ids(ana, since=1500, until=2500) == ["msg_main_0000000001"]
    assert await ids(ana, project="site", tag="red", q="hello") == ["msg_main_0000000000"]
    assert await ids(ana, project="other", q="hello") == []
    assert await ids(ana, f"{url}/search", q="world") == ["msg_main_0000000001", "msg_main_0000000000"]
    first = await ana.get("/api/search", params={"q": "world", "limit": 1})
    assert "cursor=" in first.headers["link"]
    assert await ids(ana, q="world", limit=1, cursor=first.json()["next"]) == ["msg_main_0000000000"]


async def test_nobody_finds_what_they_may_not_see(site, url):
    bob = site.client("bob")
    assert len(await ids(bob, q="world")) == 1
    assert (await bob.get("/api/search", params={"q": "world", "owner": "ana"})).status_code == 403
    assert (await bob.get(f"{url}/search", params={"q": "world"})).status_code == 404
    assert len(await ids(site.client("root"), q="world")) == 3
    assert len(await ids(site.client("root"), q="world", owner="ana")) == 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"q": "..."}, 400),
        ({"q": " ".join(map(str, range(40)))}, 400),
        ({"q": "world", "cursor": "abc"}, 400),
        ({"q": "world", "role": "x"}, 400),
        ({"q": "world", "since": "yesterday"}, 400),
        ({"q": "world", "until": "999999999999999"}, 400),
        ({"q": "world", "metadata": "[1]"}, 400),
        ({"q": "world", "metadata": '{"a":[1]}'}, 400),
        ({"q": "world", "order": "worst"}, 400),
        ({"order": "best"}, 400),
        ({"qq": "world"}, 400),
    ],
)
async def test_what_is_refused(site, asked, status):
    answer = await site.client("ana").get("/api/search", params=asked)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
