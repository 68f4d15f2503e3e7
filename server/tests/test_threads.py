"""Threads over HTTP."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.covers("CV-04")


@pytest.fixture
def site(shared_site):
    return shared_site


def said(words, to=None):
    return {"role": "user", "content": words} | ({} if to is None else {"reply_to": to})


@pytest.fixture
async def url(ana, session) -> str:
    url = f"/api/sessions/{session['id']}"
    made = await ana.post(f"{url}/messages", json={"messages": [said(f"m{n}") for n in range(4)]})
    assert made.status_code == 201
    return url


async def test_replies_are_appended_listed_and_read(ana, url):
    one = (await ana.post(f"{url}/messages", json=said("a", "msg_main_0000000001"))).json()
    assert one["reply_to"] == "msg_main_0000000001"
    batch = [said("b", one["id"]), said("c", "msg_main_0000000003"), said("d")]
    assert (await ana.post(f"{url}/messages", json={"messages": batch})).status_code == 201
    listed = await ana.get(f"{url}/threads")
    assert [(item["root"]["content"], item["replies"], item["last"]["content"]) for item in listed.json()["items"]] == [
        ("m1", 2, "b"),
        ("m3", 1, "c"),
    ]
    seen = {"If-None-Match": listed.headers["etag"]}
    assert (await ana.get(f"{url}/threads", headers=seen)).status_code == 304
    last = await ana.get(f"{url}/threads", params={"limit": 1})
    assert (last.json()["items"][0]["root"]["content"], last.json()["next"]) == ("m3", None)
    rest = await ana.get(f"{url}/threads", params={"limit": 1, "before": last.json()["previous"]})
    assert rest.json()["items"][0]["root"]["content"] == "m1"
    thread = await ana.get(f"{url}/threads/{one['id']}")
    assert [item["content"] for item in thread.json()["items"]] == ["m1", "a", "b"]
    page = await ana.get(f"{url}/threads/{one['id']}", params={"limit": 2})
    assert [item["content"] for item in page.json()["items"]] == ["a", "b"]
    assert 'rel="prev"' in page.headers["link"]
    first = await ana.get(f"{url}/threads/{one['id']}", params={"before": page.json()["previous"]})
    assert [item["content"] for item in first.json()["items"]] == ["m1"]


@pytest.mark.covers("SE-06")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "pointer"),
    [
        ("POST", "messages", said("x", "msg_main_0000000004"), 422, "/reply_to"),
        ("POST", "messages", {"messages": [said("x"), said("y", "?")]}, 422, "/messages/1/reply_to"),
        ("POST", "messages", said("x", 5), 422, "/reply_to"),
        ("PATCH", "messages/msg_main_0000000001", {"reply_to": "msg_main_0000000000"}, 422, "/reply_to"),
        ("GET", "threads?before=x", None, 400, None),
        ("GET", "threads/msg_main_0000000004", None, 404, None),
        ("GET", "threads/x", None, 404, None),
        ("GET", "threads/msg_main_0000000001?after=msg_main_0000000000", None, 404, None),
        ("GET", "threads/msg_main_0000000001?before=msg_main_0000000001&after=x", None, 400, None),
    ],
)
async def test_what_is_refused(ana, url, method, path, body, status, pointer):  # noqa: PLR0917 - a row of the table
    answer = await ana.request(method, f"{url}/{path}", json=body)
    found = answer.json()
    assert (answer.status_code, found.get("pointer") or None) == (status, pointer), found


@pytest.mark.covers("SE-02")
async def test_nobody_else_sees_a_thread(site, ana, url):
    await ana.post(f"{url}/messages", json=said("a", "msg_main_0000000001"))
    bob = site.client("bob")
    for path in ("threads", "threads/msg_main_0000000001"):
        assert (await bob.get(f"{url}/{path}")).status_code == 404
