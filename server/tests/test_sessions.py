"""Sessions over HTTP: API-01 to API-05, and their style."""

from __future__ import annotations

import asyncio

import pytest


@pytest.mark.covers("API-02")
async def test_a_created_session_says_where_it_is_and_at_which_version(ana):
    made = await ana.post("/api/sessions", json={"project": "site", "title": "Plan", "tags": ["a"], "ttl": 60})
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/sessions/{made.json()['id']}"
    assert made.headers["etag"] == f'"{made.json()["version"]}"'
    assert made.json()["owner"] == "ana"
    got = await ana.get(made.headers["location"])
    assert (got.status_code, got.json(), got.headers["etag"]) == (200, made.json(), made.headers["etag"])


@pytest.mark.covers("API-02")
async def test_a_session_is_created_without_a_body(ana):
    assert (await ana.post("/api/sessions")).status_code == 201


@pytest.mark.covers("API-02", "LC-04")
async def test_a_session_starts_with_messages(ana):
    made = await ana.post("/api/sessions", json={"messages": [{"role": "system", "content": "be brief"}]})
    page = await ana.get(f"{made.headers['location']}/history")
    assert [message["content"] for message in page.json()["items"]] == ["be brief"]


@pytest.mark.covers("API-02")
async def test_a_key_finds_the_session_that_it_made(ana):
    first = await ana.post("/api/sessions", json={"key": "thread-42"})
    again = await ana.post("/api/sessions", json={"key": "thread-42"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    wrong = await ana.post("/api/sessions", json={"key": "other"}, headers={"Idempotency-Key": "x" * 201})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed-header"), "though not needed"
    assert (await ana.post("/api/sessions", json={"key": "other"})).status_code == 201, "nothing was made"


@pytest.mark.covers("API-02")
async def test_a_repeated_creation_creates_once(ana):
    key = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(ana.post("/api/sessions", json={"title": "t"}, headers=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    other = await ana.post("/api/sessions", json={"title": "other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")


@pytest.mark.covers("API-01")
async def test_sessions_are_listed_most_recent_first_by_page_and_filter(ana):
    made = []
    for number in range(5):
        body = {"title": str(number), "project": "odd" if number % 2 else "even", "tags": ["x"] if number else []}
        made.append((await ana.post("/api/sessions", json=body)).json()["id"])
    seen, url = [], "/api/sessions?limit=2"
    while url:
        page = await ana.get(url)
        assert page.status_code == 200, page.text
        seen += [session["id"] for session in page.json()["items"]]
        url = page.links.get("next", {}).get("url")
        assert (page.json()["next"] is None) == (url is None)
    assert seen == made[::-1]
    odd = (await ana.get("/api/sessions", params={"project": "odd"})).json()["items"]
    assert {session["title"] for session in odd} == {"1", "3"}
    assert len((await ana.get("/api/sessions", params={"tag": "x", "status": "active"})).json()["items"]) == 4
    assert (await ana.get("/api/sessions", params={"status": "ended"})).json()["items"] == []


@pytest.mark.covers("API-03")
async def test_what_the_client_has_is_not_sent_again(ana, session):
    url = f"/api/sessions/{session['id']}"
    tag = f'"{session["version"]}"'
    for header in (tag, f"W/{tag}", "*", f'"1", {tag}'):
        answer = await ana.get(url, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await ana.get(url, headers={"If-None-Match": '"1"'})).status_code == 200


async def test_a_patch_changes_what_it_names(ana, session):
    url = f"/api/sessions/{session['id']}"
    changed = await ana.patch(url, json={"title": "second", "metadata": {"a": 1}})
    assert changed.status_code == 200
    assert (changed.json()["title"], changed.json()["metadata"]) == ("second", {"a": 1})
    assert changed.json()["version"] > session["version"]
    assert (await ana.patch(url, json={"title": None})).json()["title"] is None


@pytest.mark.req("SEC-HTTP-03")
async def test_a_change_names_the_version_that_it_means(ana, session):
    url = f"/api/sessions/{session['id']}"
    stale = {"If-Match": f'"{session["version"] - 1}"'}
    right = {"If-Match": f'"{session["version"]}"'}
    refusals = [
        await ana.patch(url, json={"title": "x"}, headers=stale),
        await ana.put(f"{url}/extend", json={"ttl": 5}, headers=stale),
        await ana.post(f"{url}/end", headers=stale),
        await ana.delete(f"{url}/history", headers=stale),
        await ana.delete(url, headers=stale),
        await ana.post(f"{url}/messages", json={"role": "user", "content": "x"}, headers=stale),
        await ana.patch(url, json={"title": "x"}, headers={"If-Match": f"W/{right['If-Match']}"}),
        await ana.patch(url, json={"title": "x"}, headers={"If-Match": '"someone-elses"'}),
        await ana.patch(url, json={"title": "x"}, headers={"If-Match": '"1", "2"'}),
    ]
    assert [answer.status_code for answer in refusals] == [412] * len(refusals)
    assert (await ana.get(url)).json() == session
    assert (await ana.patch(url, json={"title": "x"}, headers={"If-Match": "no quotes"})).status_code == 400
    several = {"If-Match": f'"1", {right["If-Match"]}'}
    assert (await ana.patch(url, json={"title": "x"}, headers=several)).status_code == 200
    assert (await ana.patch(url, json={"title": "y"}, headers={"If-Match": "*"})).status_code == 200


@pytest.mark.req("SEC-HTTP-03")
async def test_of_fifty_changes_to_one_version_one_succeeds(ana, session):
    url = f"/api/sessions/{session['id']}/extend"
    header = {"If-Match": f'"{session["version"]}"'}
    answers = await asyncio.gather(*(ana.put(url, json={"ttl": 100 + n}, headers=header) for n in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 49


@pytest.mark.req("SEC-HTTP-03")
async def test_versions_are_demanded_where_configured(start):
    site = await start(server={"require_if_match": True})
    ana = site.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    for method, path in (("PATCH", ""), ("PUT", "/extend"), ("POST", "/end"), ("DELETE", "/history"), ("DELETE", "")):
        answer = await ana.request(method, url + path, json={} if method != "DELETE" else None)
        assert (answer.status_code, answer.json()["code"]) == (428, "precondition-required")
    assert (await ana.post(f"{url}/messages", json={"role": "user", "content": "x"})).status_code == 201


@pytest.mark.covers("API-05", "LC-09")
async def test_extending_restarts_the_idle_time(ana, session):
    url = f"/api/sessions/{session['id']}/extend"
    assert (await ana.put(url)).status_code == 422  # it has no ttl yet
    extended = await ana.put(url, json={"ttl": 60})
    assert extended.json()["expires_at"] == extended.json()["active_at"] + 60_000
    assert (await ana.put(url)).json()["expires_at"] >= extended.json()["expires_at"]
    for ttl in (0, -1, 1.5, "60", True, 10**9):
        assert (await ana.put(url, json={"ttl": ttl})).status_code == 422


@pytest.mark.covers("LC-06")
async def test_a_heartbeat_keeps_a_session_alive(ana):
    made = (await ana.post("/api/sessions", json={"ttl": 60})).json()
    beat = await ana.post(f"/api/sessions/{made['id']}/heartbeat")
    assert beat.status_code == 200
    assert beat.json()["expires_at"] >= made["expires_at"]
    assert beat.json()["version"] == made["version"]


@pytest.mark.covers("LC-11", "LC-13")
async def test_what_has_ended_is_read_and_no_longer_written(ana, session):
    url = f"/api/sessions/{session['id']}"
    ended = await ana.post(f"{url}/end", json={"reason": "done", "force": True})
    assert ended.json()["status"] == "ended"
    assert ended.json()["ended"] == {**ended.json()["ended"], "by": "ana", "reason": "done", "forced": True}
    for answer in (
        await ana.post(f"{url}/messages", json={"role": "user", "content": "late"}),
        await ana.post(f"{url}/end"),
        await ana.patch(url, json={"title": "x"}),
        await ana.post(f"{url}/heartbeat"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "ended")
    assert (await ana.get(f"{url}/history")).status_code == 200
    assert (await ana.post(f"{url}/end", json={"reason": "x" * 1001})).status_code == 422


@pytest.mark.covers("API-04")
async def test_what_is_deleted_is_gone(ana, session):
    url = f"/api/sessions/{session['id']}"
    assert (await ana.delete(url)).status_code == 204
    assert (await ana.get(url)).status_code == 404
    assert (await ana.delete(url)).status_code == 404
    assert (await ana.get("/api/sessions")).json()["items"] == []
