"""Versions of messages over HTTP."""

from __future__ import annotations

import pytest


@pytest.fixture
def site(shared_site):
    return shared_site


@pytest.fixture
async def url(ana, session) -> str:
    made = await ana.post(f"/api/sessions/{session['id']}/messages", json={"role": "user", "content": "one", "mood": 1})
    return made.headers["location"]


@pytest.mark.covers("CV-09")
async def test_a_message_is_edited_and_what_it_was_is_read_and_restored(ana, url):
    first = await ana.get(url)
    edited = await ana.patch(
        url, json={"content": "two", "mood": None, "expect": 3}, headers={"If-Match": first.headers["etag"]}
    )
    assert edited.status_code == 200
    assert (edited.json()["content"], "mood" in edited.json(), edited.json()["expect"]) == ("two", False, 3)
    assert (edited.json()["edited"]["version"], edited.json()["edited"]["by"]) == (2, "ana")
    got = await ana.get(url)
    assert (got.json(), got.headers["etag"]) == (edited.json(), edited.headers["etag"])
    page = await ana.get(f"{url}/versions", params={"limit": 1})
    assert [version["content"] for version in page.json()["items"]] == ["two"]
    rest = await ana.get(f"{url}/versions", params={"cursor": page.json()["next"]})
    assert (rest.json()["items"], rest.json()["next"]) == ([first.json()], None)
    back = await ana.post(f"{url}/restore", json={"version": 1})
    assert (back.json()["content"], back.json()["mood"], back.json()["edited"]["version"]) == ("one", 1, 3)
    late = await ana.patch(url, json={"content": "x"}, headers={"If-Match": first.headers["etag"]})
    assert late.status_code == 412


@pytest.mark.covers("CV-09", "SE-06")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "pointer"),
    [
        ("PATCH", "", {}, 422, ""),
        ("PATCH", "", [], 422, ""),
        ("PATCH", "", {"id": "x"}, 400, "/id"),
        ("PATCH", "", {"created_at": 5}, 400, "/created_at"),
        ("PATCH", "", {"edited": {}}, 400, "/edited"),
        ("PATCH", "", {"role": "king"}, 422, "/role"),
        ("PATCH", "", {"content": None}, 422, "/content"),
        ("POST", "/restore", {}, 422, "/version"),
        ("POST", "/restore", {"version": "1"}, 422, "/version"),
        ("POST", "/restore", {"version": 9}, 404, ""),
        ("POST", "/restore", {"version": -9}, 404, ""),
        ("GET", "/versions?cursor=x", None, 400, ""),
    ],
)
async def test_what_is_refused(ana, url, method, path, body, status, pointer):  # noqa: PLR0917 - a row of the table
    answer = await ana.request(method, url + path, json=body)
    assert (answer.status_code, answer.json().get("pointer") or "") == (status, pointer)


@pytest.mark.covers("CV-09", "XX-04")
async def test_a_message_is_redacted_over_http(ana, session):
    url = f"/api/sessions/{session['id']}/messages"
    said = (await ana.post(url, json={"role": "user", "content": "my number is 4711"})).json()
    span = {"at": "/content", "start": 13, "stop": 17}
    some = await ana.post(f"{url}/{said['id']}/redact", json={"spans": [span], "reason": "a number"})
    assert (some.status_code, some.json()["content"]) == (200, "my number is [redacted]")
    assert (some.json()["redacted"]["by"], some.json()["redacted"]["reason"]) == ("ana", "a number")
    whole = await ana.post(f"{url}/{said['id']}/redact")
    assert whole.json()["content"] == "[redacted]"
    assert (await ana.get(f"{url}/{said['id']}")).json() == whole.json()
    wrong = await ana.post(f"{url}/{said['id']}/redact", json={"spans": [{**span, "stop": 99}]})
    assert (wrong.status_code, wrong.json()["pointer"]) == (422, "/spans")
    assert (await ana.get(f"{url}/{said['id']}/redacted")).status_code == 403


@pytest.mark.covers("CV-09", "XX-04")
async def test_an_admin_purges_over_http(shared):
    ana, root = shared.client("ana"), shared.client("root")
    url = (await ana.post("/api/sessions", json={"messages": [{"role": "user", "content": "secret"}]})).headers[
        "location"
    ]
    page = await ana.get(f"{url}/history")
    assert page.json()["items"][0]["content"] == "secret"
    asked = {"message": "msg_main_0000000000"}
    assert (await ana.post(f"{url}/purge", json=asked)).status_code == 403
    done = await root.post(f"{url}/purge", json=asked)
    assert (done.status_code, done.json()["messages"], done.json()["verified"], done.json()["left"]) == (
        200,
        1,
        True,
        [],
    )
    assert (await ana.get(f"{url}/history")).json()["items"][0]["content"] == "[purged]"
    both = await root.post(f"{url}/purge", json={**asked, "branch": "x"})
    assert (both.status_code, both.json()["pointer"]) == (422, "/branch")
    assert (await root.post(f"{url}/purge")).json()["messages"] == 1
    assert (await ana.get(url)).status_code == 404
