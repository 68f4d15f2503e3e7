"""Messages, tool runs, originals and exports over HTTP: API-06 to API-10, ST-18."""

from __future__ import annotations

import asyncio
import json

import pytest

HELLO = {"role": "user", "content": "hello"}


@pytest.fixture
def site(shared_site):
    return shared_site


@pytest.fixture
def quick(shared):
    return shared


@pytest.fixture
def url(session) -> str:
    return f"/api/sessions/{session['id']}"


@pytest.mark.covers("API-08", "API-09")
async def test_one_message_is_stored_and_found(ana, url):
    sent = {**HELLO, "metadata": {"n": 1}, "unknown": [1, {"a": None}]}
    made = await ana.post(f"{url}/messages", json=sent)
    assert made.status_code == 201
    assert made.json() == {**sent, "id": made.json()["id"], "created_at": made.json()["created_at"]}
    got = await ana.get(made.headers["location"])
    assert (got.json(), got.headers["etag"]) == (made.json(), made.headers["etag"])
    assert got.headers["etag"] == (await ana.get(url)).headers["etag"]
    unchanged = await ana.get(made.headers["location"], headers={"If-None-Match": got.headers["etag"]})
    assert unchanged.status_code == 304


@pytest.mark.covers("API-08", "CV-02")
async def test_a_batch_is_stored_whole_or_not_at_all(ana, url):
    batch = {"messages": [HELLO, HELLO], "tools": [{"tool": "ls", "result": [1]}], "originals": ['{"raw": 1}']}
    made = await ana.post(f"{url}/messages", json=batch)
    assert made.status_code == 201
    assert (len(made.json()["messages"]), len(made.json()["tools"])) == (2, 1)
    assert made.headers["etag"] == f'"{made.json()["version"]}"'
    bad = await ana.post(f"{url}/messages", json={**batch, "messages": [HELLO, {"role": "king", "content": ""}]})
    assert (bad.status_code, bad.json()["pointer"]) == (422, "/messages/1/role")
    counts = (await ana.get(url)).json()["counts"]
    assert counts == {"messages": 2, "tools": 1, "originals": 1}
    assert (await ana.get(f"{url}/originals")).json()["items"] == ['{"raw": 1}']


@pytest.mark.covers("API-08")
@pytest.mark.req("SEC-HTTP-04")
async def test_a_hundred_repeats_store_one_message(ana, url):
    key = {"Idempotency-Key": "the-same"}
    answers = await asyncio.gather(*(ana.post(f"{url}/messages", json=HELLO, headers=key) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert (await ana.get(url)).json()["counts"]["messages"] == 1
    other = await ana.post(f"{url}/messages", json={**HELLO, "content": "other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    assert "the-same" not in other.text
    for bad in ("", "x" * 201, "a b"):
        answer = await ana.post(f"{url}/messages", json=HELLO, headers={"Idempotency-Key": bad})
        assert answer.status_code == 400


@pytest.mark.covers("API-08", "SE-06")
@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"content": "x"}, 422, "/role"),
        ({"role": "king", "content": "x"}, 422, "/role"),
        ({"role": "user", "content": 5}, 422, "/content"),
        ({"role": "user", "content": [{"type": "text"}]}, 422, "/content/0/text"),
        ({"role": "user", "content": "x", "id": "mine"}, 400, "/id"),
        ({"role": "user", "content": "x", "created_at": "now"}, 422, "/created_at"),
        ({"messages": [{**HELLO, "id": "mine"}]}, 400, "/messages/0/id"),
        ({"messages": "all"}, 422, "/messages"),
        ({"messages": None, "tools": [{"tool": "ls"}]}, 422, "/messages"),
        ({"messages": [], "tols": []}, 422, "/tols"),
        ({"originals": [5]}, 422, "/originals/0"),
        ({"messages": []}, 422, "/messages"),
        ([], 422, ""),
        ("text", 422, ""),
        (None, 422, ""),
    ],
)
async def test_a_fault_is_pointed_at(quick, body, status, pointer):
    ana = quick.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    answer = await ana.post(f"{url}/messages", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()["pointer"]) == (status, pointer)


JSON = {"Content-Type": "application/json"}


@pytest.mark.covers("ST-09")
async def test_a_message_over_the_limit_is_refused(start, storage):
    ana = (await start(storage)).client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    answer = await ana.post(f"{url}/messages", json={**HELLO, "metadata": {"x": "x" * 300_000}})
    assert (answer.status_code, answer.json()["code"]) == (422, "too-large")
    answer = await ana.post(f"{url}/messages", json={**HELLO, "content": "x" * 2_000_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert (await ana.get(url)).json()["counts"]["messages"] == 0


@pytest.mark.covers("API-06", "CV-11")
async def test_the_latest_page_comes_first_and_leads_both_ways(ana, url):
    for number in range(7):
        await ana.post(f"{url}/messages", json={**HELLO, "content": str(number)})
    last = await ana.get(f"{url}/history", params={"limit": 3})
    assert [message["content"] for message in last.json()["items"]] == ["4", "5", "6"]
    assert (last.json()["next"], set(last.links)) == (None, {"prev"})
    before = await ana.get(last.links["prev"]["url"])
    assert [message["content"] for message in before.json()["items"]] == ["1", "2", "3"]
    assert set(before.links) == {"prev", "next"}
    assert (await ana.get(before.links["next"]["url"])).json()["items"] == last.json()["items"]
    assert last.headers["etag"] == (await ana.get(url)).headers["etag"]
    same = await ana.get(f"{url}/history", headers={"If-None-Match": last.headers["etag"]})
    assert same.status_code == 304


@pytest.mark.covers("API-06", "CV-11")
async def test_paging_while_others_append_shows_each_message_once(ana, site, url):
    for number in range(40):
        await ana.post(f"{url}/messages", json={**HELLO, "content": str(number)})
    stop = asyncio.Event()
    writers = site.client("root")

    async def append():
        number = 40
        while not stop.is_set():
            await writers.post(f"{url}/messages", json={**HELLO, "content": str(number)})
            number += 1
        return number

    appending = asyncio.create_task(append())
    backwards, at = [], f"{url}/history?limit=7"
    while at:
        page = await ana.get(at)
        backwards = page.json()["items"] + backwards
        at = page.links.get("prev", {}).get("url")
    forwards, at = [], f"{url}/history?limit=7&after=msg_main_0000000009"
    while len(forwards) < 60:
        page = await ana.get(at)
        forwards += page.json()["items"]
        if page.json()["items"]:
            at = f"{url}/history?limit=7&after={page.json()['items'][-1]['id']}"
    stop.set()
    await appending
    numbers = [int(message["content"]) for message in backwards]
    assert numbers == list(range(numbers[-1] + 1))
    assert numbers[-1] >= 39
    assert [int(message["content"]) for message in forwards] == list(range(10, 10 + len(forwards)))


@pytest.mark.covers("API-06")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 400),
        ("limit=-1", 400),
        ("limit=x", 400),
        ("limit=1&limit=2", 400),
        ("limit=1e3", 400),
        ("limit=100000", 400),
        ("limt=5", 400),
        ("before=msg_main_0000000000&after=msg_main_0000000000", 400),
        ("before=../../x", 400),
        ("before=", 400),
        ("before=garbage", 404),
        ("branch=other", 404),
        ("branch=main", 200),
        ("limit", 400),
        ("limit=%ff", 400),
    ],
)
async def test_query_parameters_are_checked(quick, query, status):
    ana = quick.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    answer = await ana.get(f"{url}/history?{query}")
    assert answer.status_code == status
    if query == "limt=5":
        assert "'limit'" in answer.json()["detail"]


@pytest.mark.covers("API-07")
async def test_clearing_says_how_much(ana, url):
    await ana.post(f"{url}/messages", json={"messages": [HELLO] * 3, "tools": [{"tool": "ls"}]})
    assert (await ana.delete(f"{url}/history")).json() == {"cleared": 3}
    assert (await ana.get(f"{url}/history")).json() == {"items": [], "next": None, "previous": None}
    assert (await ana.post(f"{url}/messages", json=HELLO)).json()["id"] == "msg_main_0000000003"


@pytest.mark.covers("ST-18")
async def test_tool_runs_are_logged_finished_paged_and_filtered(ana, url):
    logged = await ana.post(f"{url}/tools", json={"tool": "grep", "arguments": {"q": "x"}, "status": "running"})
    assert logged.status_code == 201
    run = f"{url}/tools/{logged.json()['id']}"
    stale = await ana.patch(run, json={"result": 1}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    done = await ana.patch(run, json={"result": [1, 2], "duration_ms": 5}, headers={"If-Match": logged.headers["etag"]})
    assert (done.status_code, done.json()["status"], done.json()["result"]) == (200, "succeeded", [1, 2])
    assert done.headers["etag"] == (await ana.get(url)).headers["etag"]
    assert (await ana.patch(run, json={})).status_code == 422
    assert (await ana.patch(f"{url}/tools/toolrun_0000000099", json={})).status_code == 404
    for number in range(4):
        await ana.post(f"{url}/tools", json={"tool": "ls", "status": "failed" if number == 2 else "succeeded"})
    page = await ana.get(f"{url}/tools", params={"tool": "ls", "limit": 3})
    assert [run["status"] for run in page.json()["items"]] == ["succeeded", "failed", "succeeded"]
    assert "tool=ls" in page.links["prev"]["url"]
    failed = await ana.get(f"{url}/tools", params={"status": "failed"})
    assert [run["tool"] for run in failed.json()["items"]] == ["ls"]
    key = {"Idempotency-Key": "run"}
    twice = [await ana.post(f"{url}/tools", json={"tool": "once"}, headers=key) for _ in range(2)]
    assert twice[0].json() == twice[1].json()
    assert twice[1].headers["idempotent-replayed"] == "true"
    assert (await ana.post(f"{url}/tools", json={"tool": "ls", "id": "x"})).status_code == 400
    bad = await ana.post(f"{url}/tools", json={"tool": 5})
    assert (bad.status_code, bad.json()["pointer"]) == (422, "/tool")


@pytest.mark.covers("API-10", "CV-07")
@pytest.mark.parametrize("form", ["jsonl", "json", "markdown", "original"])
async def test_a_session_is_exported_as_a_download(ana, url, form):
    batch = {"messages": [HELLO] * 120, "originals": ['{"verbatim":  1}']}
    await ana.post(f"{url}/messages", json=batch)
    answer = await ana.post(f"{url}/export", json={"format": form})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="session-')
    wanted = '{"verbatim":  1}' if form == "original" else "hello"
    assert wanted in answer.text
    missing = await ana.post("/api/sessions/0123456789abcdef0123/export", json={"format": form})
    assert missing.status_code == 404


async def test_every_branch_is_exported_when_asked_for(ana, url):
    await ana.post(f"{url}/messages", json={"messages": [HELLO]})
    await ana.post(f"{url}/branches", json={"name": "retry"})
    await ana.post(f"{url}/messages", json={"messages": [HELLO]}, params={"branch": "retry"})
    answer = await ana.post(f"{url}/export", json={"format": "json", "branches": "all"})
    assert [len(branch["messages"]) for branch in answer.json()["branches"]] == [1, 1]
    for body in ({"format": "openai", "branches": "all"}, {"branch": "main", "branches": "all"}, {"branches": "some"}):
        refused = await ana.post(f"{url}/export", json=body)
        assert (refused.status_code, refused.json()["pointer"][:7]) == (422, "/branch")


async def test_an_unknown_format_is_refused(ana, url):
    answer = await ana.post(f"{url}/export", json={"format": "pdf"})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/format")
    assert "pdf" not in answer.text


@pytest.mark.covers("CV-05")
async def test_totals_are_read_with_their_version(ana, session):
    url = f"/api/sessions/{session['id']}"
    usage = {"input_tokens": 10, "output_tokens": 3, "service": "x"}
    told = {"role": "assistant", "content": "x", "model": "m-1", "usage": usage, "cost_usd": 0.5, "latency_ms": 20}
    stored = await ana.post(f"{url}/messages", json=told)
    assert {name: stored.json()[name] for name in told} == told
    got = await ana.get(f"{url}/totals")
    assert got.json() == {
        "messages": 1, "roles": {"assistant": 1}, "input_tokens": 10, "output_tokens": 3, "cached_tokens": 0,
        "cost_usd": 0.5, "latency_ms": 20.0, "timed": 1,
    }  # fmt: skip
    assert got.headers["etag"] == stored.headers["etag"]
    seen = {"If-None-Match": got.headers["etag"]}
    assert (await ana.get(f"{url}/totals", headers=seen)).status_code == 304
    assert (await ana.get(f"{url}/totals", params={"branch": "main"})).json() == got.json()
    assert (await ana.get(f"{url}/totals", params={"branch": "none"})).status_code == 404


@pytest.mark.covers("XX-10")
async def test_a_large_part_is_read_by_itself_and_in_ranges(ana, session):
    url = f"/api/sessions/{session['id']}"
    large = "läßt " * 40_000
    data = large.encode()
    stored = await ana.post(f"{url}/messages", json={"role": "user", "content": large})
    assert stored.json()["content"] == large
    assert (await ana.get(stored.headers["location"])).content == stored.content
    assert (await ana.get(f"{url}/history")).json()["items"] == [stored.json()]
    (found,) = (await ana.get(f"{url}/history", params={"parts": "reference"})).json()["items"]
    one = await ana.get(stored.headers["location"], params={"parts": "reference"})
    (reference,) = found["large_parts"]
    assert (one.json(), found["content"], reference["at"]) == (found, "", "/content")
    listed = (await ana.get(f"{url}/parts")).json()["items"]
    assert listed == [{"hash": reference["hash"], "bytes": len(data), "references": 1}]
    part = f"{url}/parts/{reference['hash']}"
    got = await ana.get(part)
    assert (got.status_code, got.content, got.headers["etag"]) == (200, data, f'"{reference["hash"]}"')
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await ana.get(part, headers={"If-None-Match": got.headers["etag"]})).status_code == 304
    for asked, start, stop in (("0-9", 0, 10), ("131071-131080", 131071, 131081), ("-5", len(data) - 5, len(data))):
        some = await ana.get(part, headers={"Range": f"bytes={asked}"})
        assert (some.status_code, some.content) == (206, data[start:stop])
        assert some.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(data)}"
    behind = await ana.get(part, headers={"Range": f"bytes={len(data)}-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, f"bytes */{len(data)}")
    changed = await ana.get(part, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, data)
    missing = await ana.get(f"{url}/parts/{'0' * 64}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
