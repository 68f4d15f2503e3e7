"""Who may do what: every operation against every kind of caller.

Covers QA-05.
"""

from __future__ import annotations

import hashlib
import logging

import pytest

from holdall_server.api import OPERATIONS
from holdall_server.operations import Policy

MISSING = "0123456789abcdef0123456789abcdef0123"
HELLO = {"role": "user", "content": "hello"}
BODIES = {
    "create_session": {},
    "update_session": {"title": "x"},
    "append_messages": HELLO,
    "log_tool_run": {"tool": "ls"},
    "finish_tool_run": {"result": 1},
    "export_session": {"format": "jsonl"},
    "update_branch": {"title": "x"},
    "edit_message": {"content": "x"},
    "restore_version": {"version": 1},
    "purge": {"message": "msg_main_0000000000"},
    "revert": {"to": "msg_main_0000000000"},
}
PRIVATE = [operation for operation in OPERATIONS if operation.policy is not Policy.OPEN]
OBJECTS = [operation for operation in OPERATIONS if operation.names]
"""The operations on one session, the destructive ones last."""
ORDER = {"delete_branch": 1, "end_session": 2, "clear_history": 3, "follow_session": 3, "purge": 4, "delete_session": 5}
"""Ends and deletions come after everything else."""


@pytest.fixture
def quick(shared):
    return shared


async def call(client, operation, **names):
    path = operation.path.format(**{name: names[name] for name in operation.names})
    return await client.request(operation.method, path, json=BODIES.get(operation.name))


async def filled(ana):
    url = (await ana.post("/api/sessions", json={"ttl": 600})).headers["location"]
    large = "large" * 20_000
    batch = {"messages": [HELLO, {"role": "user", "content": large}], "tools": [{"tool": "ls", "status": "running"}]}
    await ana.post(f"{url}/messages", json=batch)
    await ana.post(f"{url}/branches", json={"name": "x"})
    summary = (await ana.post(f"{url}/summaries", json={"text": "Hello."})).json()["id"]
    compaction = (await ana.post(f"{url}/compact", json={"budget": 100})).json()["compaction"]["id"]
    session, part = url.rpartition("/")[2], hashlib.sha256(large.encode()).hexdigest()
    return {
        "session": session,
        "message": "msg_main_0000000000",
        "run": "toolrun_0000000000",
        "branch": "x",
        "part": part,
        "summary": summary,
        "compaction": compaction,
    }


@pytest.mark.req("SEC-AUZ-01")
@pytest.mark.parametrize("operation", PRIVATE, ids=lambda operation: operation.name)
async def test_nobody_gets_in_without_a_valid_token(quick, operation):
    names = await filled(quick.client("ana"))
    for who, error in ((None, ""), ("wrong-token-0123456789", 'error="invalid_token"')):
        answer = await call(quick.client(who), operation, **names)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="holdall"')
        assert error in answer.headers["www-authenticate"]


@pytest.mark.covers("SE-02")
@pytest.mark.req("SEC-AUZ-01", "SEC-AUZ-04")
@pytest.mark.parametrize("operation", OBJECTS, ids=lambda operation: operation.name)
async def test_what_is_another_owners_looks_missing(quick, operation):
    names = await filled(quick.client("ana"))
    theirs = await call(quick.client("bob"), operation, **names)
    missing = await call(quick.client("bob"), operation, **{**names, "session": MISSING})
    assert theirs.status_code == missing.status_code == 404
    assert theirs.content.replace(names["session"].encode(), MISSING.encode()) == missing.content
    named = ("content-length", "x-request-id", "date")
    assert {name: value for name, value in theirs.headers.items() if name not in named} == {
        name: value for name, value in missing.headers.items() if name not in named
    }


@pytest.mark.req("SEC-AUZ-01")
@pytest.mark.parametrize("who", ["ana", "root"])
async def test_owners_and_admins_may_do_everything(quick, who):
    names = await filled(quick.client("ana"))
    for operation in sorted(OBJECTS, key=lambda operation: ORDER.get(operation.name, 0)):
        answer = await call(quick.client(who), operation, **names)
        admins = (200,) if who == "root" else (403,)
        wanted = {"clear_history": (409,), **dict.fromkeys(("get_redacted", "purge"), admins)}
        assert answer.status_code in wanted.get(operation.name, (200, 201, 204)), operation.name


@pytest.mark.req("SEC-AUZ-01")
async def test_lists_show_ones_own_and_admins_see_all(start):
    quick = await start()
    for who in ("ana", "bob"):
        await quick.client(who).post("/api/sessions")
    for who, owners in (("ana", {"ana"}), ("bob", {"bob"}), ("root", {"ana", "bob"})):
        page = await quick.client(who).get("/api/sessions")
        assert {session["owner"] for session in page.json()["items"]} == owners
    refused = await quick.client("ana").get("/api/sessions?owner=bob")
    assert (refused.status_code, refused.json()["detail"]) == (403, "only an admin may act for another owner")
    assert (await quick.client("ana").get("/api/sessions?owner=ana")).status_code == 200
    bobs = await quick.client("root").get("/api/sessions?owner=bob")
    assert [session["owner"] for session in bobs.json()["items"]] == ["bob"]


@pytest.mark.req("SEC-AUZ-02")
@pytest.mark.parametrize("name", ["id", "version", "created_at", "expires_at", "active_at", "status", "owner", "size"])
async def test_what_the_server_owns_is_not_taken_from_a_body(quick, name):
    ana = quick.client("ana")
    made = await ana.post("/api/sessions", json={name: "x"})
    assert (made.status_code, made.json()["pointer"]) == (400, f"/{name}")
    url = (await ana.post("/api/sessions")).headers["location"]
    changed = await ana.patch(url, json={name: "x"})
    assert (changed.status_code, changed.json()["pointer"]) == (400, f"/{name}")


async def test_words_of_our_own_code_are_no_way_in(quick):
    ana = quick.client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    for name in ("expect", "session", "self", "idempotency_key", "messages", "run"):
        answer = await ana.patch(url, json={name: 1})
        assert (answer.status_code, answer.json()["pointer"]) == (422, f"/{name}")
    for name in ("expect", "session", "self", "idempotency_key"):
        assert (await ana.post("/api/sessions", json={name: 1})).status_code == 422


async def test_an_admin_creates_for_others(quick):
    made = await quick.client("root").post("/api/sessions", json={"owner": "bob"})
    assert made.json()["owner"] == "bob"
    assert (await quick.client("bob").get(made.headers["location"])).status_code == 200


@pytest.mark.req("SEC-AUZ-03")
async def test_measures_are_for_operators(quick):
    assert (await quick.client("ana").get("/metrics")).status_code == 403
    assert (await quick.client("root").get("/metrics")).status_code == 200


@pytest.mark.req("SEC-TOK-05")
@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "Authorization"])
async def test_a_token_in_the_url_is_refused(quick, name):
    answer = await quick.client("ana").get("/api/sessions", params={name: "secret-value-0123456789"})
    assert (answer.status_code, answer.json()["code"]) == (400, "token-in-url")
    assert "secret-value" not in answer.text


@pytest.mark.req("SEC-TOK-05")
async def test_tokens_are_neither_logged_nor_shown(quick, caplog):
    caplog.set_level(logging.DEBUG)
    client = quick.client("wrong-token-0123456789")
    shown = [(await client.get(path)).text for path in ("/api/sessions", "/nope", "/metrics", "/docs", "/openapi.json")]
    shown.append((await quick.client("root").get("/metrics")).text)
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for text in (*shown, logged):
        assert "wrong-token" not in text
        assert "hld1_token" not in text


@pytest.mark.parametrize(
    "header",
    ["Basic YTpi", "Bearer", "Bearer a b", "Token hld1_token-of-ana-0123456789abcdef", "Bearer é"],
)
async def test_only_bearer_tokens_are_understood(quick, header):
    answer = await quick.client(None).get("/api/sessions", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


async def test_the_scheme_is_case_insensitive(quick):
    header = {"Authorization": "bEARER hld1_token-of-ana-0123456789abcdef"}
    assert (await quick.client(None).get("/api/sessions", headers=header)).status_code == 200


async def test_without_tokens_one_owner_acts_on_loopback(start):
    site = await start(server={"tokens": [], "anonymous": "me"})
    client = site.client(None)
    assert (await client.post("/api/sessions")).json()["owner"] == "me"
    assert (await client.get("/metrics")).status_code == 200
    assert (await site.client("ana").get("/api/sessions")).status_code == 401
    for host in ("localhost", "localhost:80", f"127.0.0.1:{site.port}", "[::1]:5"):
        assert (await client.get("/api/sessions", headers={"Host": host})).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example:80", "evil.example:8700"):
        answer = await client.get("/api/sessions", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")


async def test_an_admin_who_names_nobody_as_the_owner_is_told_so(quick):
    answer = await quick.client("root").post("/api/sessions", json={"owner": ""})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/owner")


@pytest.mark.req("SEC-AUZ-04")
async def test_who_has_no_token_is_not_told_what_is_wrong_with_the_rest(quick):
    for query in ("limit=many", "metadata=x", "there-is-no-such=1"):
        answer = await quick.client(None).get(f"/api/sessions/{MISSING}/history?{query}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
