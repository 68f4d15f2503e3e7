"""Branches, reverts and pages of a branch over HTTP."""

from __future__ import annotations

import pytest


@pytest.fixture
def site(shared_site):
    return shared_site


def said(number):
    return {"role": "user", "content": f"m{number}"}


@pytest.fixture
async def url(ana, session) -> str:
    url = f"/api/sessions/{session['id']}"
    made = await ana.post(f"{url}/messages", json={"messages": [said(n) for n in range(6)]})
    assert made.status_code == 201
    return url


def ids(answer):
    return [message["id"] for message in answer.json()["items"]]


@pytest.mark.covers("CV-08")
@pytest.mark.req("SEC-HTTP-04")
async def test_a_branch_is_made_once_for_a_key(ana, url):
    for body in ({"at": "msg_main_0000000002"}, {"under": "msg_main_0000000002", "kind": "agent"}):
        headers = {"Idempotency-Key": f"once-{len(body)}"}
        made, again = [await ana.post(f"{url}/branches", json=body, headers=headers) for _ in range(2)]
        assert (made.status_code, again.status_code) == (201, 201)
        assert (made.json(), made.headers["location"]) == (again.json(), again.headers["location"])
        assert "idempotent-replayed" not in made.headers
        assert again.headers["idempotent-replayed"] == "true"
        other = await ana.post(f"{url}/branches", json={"title": "other"}, headers=headers)
        assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (422, "key-reused")
    assert len((await ana.get(f"{url}/branches")).json()["items"]) == 2


@pytest.mark.covers("CV-08")
async def test_a_branch_is_made_written_and_read(ana, url):
    made = await ana.post(f"{url}/branches", json={"name": "other", "title": "Another", "at": "msg_main_0000000002"})
    assert made.status_code == 201
    assert made.headers["location"] == f"{url}/branches/other"
    assert made.json() == {
        "name": "other",
        "title": "Another",
        "parent": "main",
        "at": "msg_main_0000000002",
        "created_at": made.json()["created_at"],
        "created_by": "ana",
        "messages": 3,
        "last": "msg_main_0000000002",
        "current": False,
        "deleted_at": None,
        "deleted_by": None,
        "under": None,
    }
    got = await ana.get(made.headers["location"])
    assert (got.json(), got.headers["etag"]) == (made.json(), made.headers["etag"])
    seen = {"If-None-Match": got.headers["etag"]}
    assert (await ana.get(made.headers["location"], headers=seen)).status_code == 304
    one = await ana.post(f"{url}/messages", params={"branch": "other"}, json=said("x"))
    assert one.json()["id"] == "msg_other_0000000003"
    assert (await ana.get(one.headers["location"])).json() == one.json()
    batch = await ana.post(f"{url}/messages", params={"branch": "other"}, json={"messages": [said("y")]})
    assert batch.json()["messages"][0]["id"] == "msg_other_0000000004"
    page = await ana.get(f"{url}/history", params={"branch": "other", "limit": 3})
    assert ids(page) == ["msg_main_0000000002", "msg_other_0000000003", "msg_other_0000000004"]
    assert "branch=other" in page.headers["link"]
    before = await ana.get(f"{url}/history", params={"branch": "other", "before": page.json()["previous"]})
    assert ids(before) == ["msg_main_0000000000", "msg_main_0000000001"]
    assert (await ana.get(url)).json()["branch"] == "main"
    assert ids(await ana.get(f"{url}/history", params={"limit": 1})) == ["msg_main_0000000005"]


@pytest.mark.covers("CV-08")
async def test_branches_are_listed_changed_deleted_and_brought_back(ana, url):
    for name in ("a", "b", "c"):
        assert (await ana.post(f"{url}/branches", json={"name": name})).status_code == 201
    page = await ana.get(f"{url}/branches", params={"limit": 2})
    assert [branch["name"] for branch in page.json()["items"]] == ["main", "a"]
    rest = await ana.get(f"{url}/branches", params={"cursor": page.json()["next"]})
    assert [branch["name"] for branch in rest.json()["items"]] == ["b", "c"]
    titled = await ana.patch(f"{url}/branches/a", json={"title": "First"})
    assert (titled.status_code, titled.json()["title"]) == (200, "First")
    current = await ana.patch(f"{url}/branches/a", json={"current": True})
    assert (current.json()["current"], (await ana.get(url)).json()["branch"]) == (True, "a")
    refused = await ana.delete(f"{url}/branches/a")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert (await ana.delete(f"{url}/branches/b")).status_code == 204
    assert (await ana.delete(f"{url}/branches/b")).status_code == 404
    deleted = await ana.get(f"{url}/branches", params={"deleted": "true"})
    assert [(branch["name"], branch["deleted_by"]) for branch in deleted.json()["items"]] == [("b", "ana")]
    back = await ana.patch(f"{url}/branches/b", json={"deleted": False})
    assert (back.status_code, back.json()["deleted_at"]) == (200, None)


@pytest.mark.covers("CV-08")
async def test_a_sub_conversation_is_started_and_listed_under_its_message(ana, url):
    asked = {"under": "msg_main_0000000002", "kind": "reviewer", "call": "toolu_1", "title": "Look", "name": "sub-x"}
    made = await ana.post(f"{url}/branches", json=asked)
    assert (made.status_code, made.headers["location"]) == (201, f"{url}/branches/sub-x")
    under = {"branch": "main", "message": "msg_main_0000000002", "kind": "reviewer", "call": "toolu_1"}
    assert (made.json()["under"], made.json()["messages"]) == (under, 0)
    one = await ana.post(f"{url}/messages", params={"branch": "sub-x"}, json=said("x"))
    assert one.json()["id"] == "msg_sub-x_0000000003"
    await ana.post(f"{url}/branches", json={"under": "main"})
    ordinary = await ana.get(f"{url}/branches")
    assert [branch["name"] for branch in ordinary.json()["items"]] == ["main"]
    first = await ana.get(f"{url}/branches", params={"subs": "true", "limit": 1})
    assert [branch["name"] for branch in first.json()["items"]] == ["sub-2"]
    assert "subs=true" in first.headers["link"]
    rest = await ana.get(f"{url}/branches", params={"subs": "true", "cursor": first.json()["next"]})
    assert [branch["name"] for branch in rest.json()["items"]] == ["sub-x"]
    found = await ana.get(f"{url}/branches", params={"under": "msg_main_0000000002"})
    assert [branch["name"] for branch in found.json()["items"]] == ["sub-x"]
    assert (await ana.get(f"{url}/branches", params={"under": "msg_main_0000000099"})).status_code == 404


@pytest.mark.covers("CV-08")
async def test_a_stale_etag_makes_no_branch(ana, url):
    old = (await ana.get(url)).headers["etag"]
    assert (await ana.post(f"{url}/branches", json={"name": "a"}, headers={"If-Match": old})).status_code == 201
    late = await ana.post(f"{url}/branches", json={"name": "b"}, headers={"If-Match": old})
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")


@pytest.mark.covers("CV-08")
async def test_two_branches_are_compared(ana, url):
    await ana.post(f"{url}/branches", json={"name": "x", "at": "msg_main_0000000003"})
    await ana.post(f"{url}/messages", params={"branch": "x"}, json={"messages": [said("x"), said("y")]})
    found = await ana.get(f"{url}/branches/x/compare", params={"limit": 1})
    assert found.json()["ancestor"] == "msg_main_0000000003"
    left, right = found.json()["left"], found.json()["right"]
    assert (left["branch"], left["messages"], left["next"]) == ("x", 2, "msg_x_0000000004")
    assert [message["content"] for message in right["items"]] == ["m4"]
    same = await ana.get(f"{url}/branches/x/compare", params={"to": "x"})
    assert (same.json()["ancestor"], same.json()["left"]["messages"]) == ("msg_x_0000000005", 0)


@pytest.mark.covers("CV-08", "XX-04")
async def test_a_revert_and_what_follows_it(ana, url):
    reverted = await ana.post(f"{url}/revert", json={"to": "msg_main_0000000001"})
    assert (reverted.status_code, reverted.json()["reverted_to"]) == (200, "msg_main_0000000001")
    assert len(ids(await ana.get(f"{url}/history"))) == 2
    assert len(ids(await ana.get(f"{url}/history", params={"branch": "main"}))) == 6
    made = await ana.post(f"{url}/messages", json=said("new"))
    assert made.json()["id"] == "msg_b1_0000000002"
    now = (await ana.get(url)).json()
    assert (now["branch"], now["reverted_to"], now["counts"]["messages"]) == ("b1", None, 7)
    back = await ana.post(f"{url}/unrevert")
    assert (back.status_code, back.json()["branch"]) == (200, "main")
    again = await ana.post(f"{url}/unrevert")
    assert (again.status_code, again.json()["detail"]) == (422, "nothing was reverted")
    export = await ana.post(f"{url}/export", json={"format": "markdown", "branch": "b1"})
    assert ("new" in export.text, "m5" in export.text) == (True, False)


@pytest.mark.covers("CV-08", "SE-06")
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "pointer"),
    [
        ("POST", "branches", {"name": "a b"}, 422, "/name"),
        ("POST", "branches", {"name": "main"}, 422, "/name"),
        ("POST", "branches", {"name": 5}, 422, "/name"),
        ("POST", "branches", {"title": "x" * 501}, 422, "/title"),
        ("POST", "branches", {"at": "a", "before": "b"}, 422, "/before"),
        ("POST", "branches", {"att": "a"}, 422, "/att"),
        ("POST", "branches", {"at": "msg_main_0000000099"}, 404, None),
        ("POST", "branches", {"switch": 1}, 422, "/switch"),
        ("POST", "branches", {"under": "main", "switch": True}, 422, "/switch"),
        ("POST", "branches", {"under": "main", "at": "msg_main_0000000002"}, 422, "/at"),
        ("POST", "branches", {"under": "main", "name": "x"}, 422, "/name"),
        ("POST", "branches", {"under": "msg_main_0000000099"}, 404, None),
        ("POST", "branches", {"kind": "x"}, 422, "/kind"),
        ("POST", "branches", {"name": "sub-x"}, 422, "/name"),
        ("PATCH", "branches/main", {"title": "x"}, 422, "/title"),
        ("PATCH", "branches/main", {}, 422, None),
        ("PATCH", "branches/main", {"current": False}, 422, "/current"),
        ("PATCH", "branches/nobody", {"current": True}, 404, None),
        ("PATCH", "branches/nobody", {"deleted": False}, 404, None),
        ("DELETE", "branches/main", None, 422, None),
        ("GET", "branches/nobody", None, 404, None),
        ("GET", "branches/main/compare?to=nobody", None, 404, None),
        ("GET", "history?branch=nobody", None, 404, None),
        ("GET", "history?branch=../x", None, 404, None),
        ("POST", "messages?branch=nobody", {"role": "user", "content": ""}, 404, None),
        ("POST", "revert", {}, 422, "/to"),
        ("POST", "revert", {"to": "msg_x_0000000000"}, 404, None),
    ],
)
async def test_what_is_refused(ana, url, method, path, body, status, pointer):  # noqa: PLR0917 - a row of the table
    answer = await ana.request(method, f"{url}/{path}", json=body)
    assert (answer.status_code, answer.json().get("pointer") or None) == (status, pointer)


@pytest.mark.covers("CV-08", "SE-02")
async def test_nobody_else_sees_a_branch(site, ana, url):
    bob = site.client("bob")
    await ana.post(f"{url}/branches", json={"name": "x"})
    for method, path, body in (
        ("GET", "branches", None),
        ("POST", "branches", {"name": "y"}),
        ("POST", "branches", {"under": "main"}),
        ("GET", "branches/x", None),
        ("PATCH", "branches/x", {"title": "t"}),
        ("DELETE", "branches/x", None),
        ("GET", "branches/x/compare", None),
        ("GET", "history?branch=x", None),
        ("POST", "messages?branch=x", {"role": "user", "content": ""}),
        ("POST", "revert", {"to": "msg_main_0000000000"}),
        ("POST", "unrevert", None),
    ):
        assert (await bob.request(method, f"{url}/{path}", json=body)).status_code == 404
