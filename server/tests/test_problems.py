"""What a refusal says: which field or parameter, which limit, and never what was sent."""

from __future__ import annotations

import dataclasses
import json

import httpx
import pytest

from holdall_server.api import OPERATIONS
from holdall_server.app import create_app
from holdall_server.exchange import Reply
from holdall_server.operations import Policy
from holdall_server.running import serving

HELLO = {"role": "user", "content": "hello"}
JSON = {"Content-Type": "application/json"}
STRICT = [
    (operation, model)
    for operation in OPERATIONS
    for model in (operation.body.models if operation.body else ())
    if model.model_config.get("extra") == "forbid"
]
MISSPELT = {
    "metadata": "metadta",
    "ttl": "tttl",
    "reason": "reson",
    "messages": "mesages",
    "format": "fromat",
    "switch": "swich",
    "current": "curent",
    "branch": "brnach",
    "version": "vresion",
}


@pytest.fixture
async def ana(shared):
    return shared.client("ana")


@pytest.fixture
async def url(ana):
    return (await ana.post("/api/sessions")).headers["location"]


async def refused(answer, status, **said):
    problem = answer.json()
    assert (answer.status_code, {name: problem.get(name) for name in said}) == (status, said), problem
    return problem["detail"]


async def test_a_sessions_key_is_no_token(ana):
    detail = await refused(await ana.get("/api/sessions?key=thread-42"), 400, code="unknown-parameter", parameter="key")
    assert detail.startswith("unknown query parameter 'key'")
    assert "thread-42" not in detail


async def test_an_unknown_parameter_is_named_with_the_nearest_one(ana, url):
    detail = await refused(await ana.get(f"{url}/history?lmit=5"), 400, code="unknown-parameter", parameter="lmit")
    assert detail.startswith("unknown query parameter 'lmit'; did you mean 'limit'? (allowed: limit, ")
    odd = await ana.get(f"{url}/history?%3Cb%3E{'x' * 90}=5")
    detail = await refused(odd, 400, code="unknown-parameter", parameter=f"<b>{'x' * 61}")
    assert "<b>" not in detail


@pytest.mark.parametrize("limit", ["0", "-1", "78", "100000", "99999999999999", "abc", "1.5", ""])
@pytest.mark.parametrize("path", ["/api/sessions", "{}/history", "{}/tools", "{}/originals"])
async def test_a_limit_out_of_range_is_one_kind_of_fault(visit, path, limit):
    ana = (await visit(sessions={"max_page": 77}, server={"page": 7})).client("ana")
    url = (await ana.post("/api/sessions")).headers["location"]
    answer = await ana.get(path.format(url), params={"limit": limit})
    detail = await refused(answer, 400, code="invalid-parameter", parameter="limit", pointer=None)
    assert detail == "must be a whole number from 1 to 77"
    assert (await ana.get(path.format(url), params={"limit": "77"})).status_code == 200


async def test_what_the_store_finds_in_a_query_names_the_parameter(ana, url):
    both = await ana.get(f"{url}/history?before=msg_main_0000000000&after=msg_main_0000000000")
    await refused(both, 400, code="invalid-parameter", parameter="after", pointer=None)
    foreign = await ana.get("/api/sessions?cursor=garbage")
    await refused(foreign, 400, code="invalid-parameter", parameter="cursor", pointer=None)


async def test_a_single_message_over_the_limit_is_the_whole_body(ana, url):
    big = {**HELLO, "metadata": {"x": "x" * 300_000}}
    detail = await refused(await ana.post(f"{url}/messages", json=big), 422, code="too-large", pointer="")
    assert detail.startswith("a message (bytes) is 300,")
    detail = await refused(
        await ana.post(f"{url}/messages", json={"messages": [HELLO, big]}), 422, pointer="/messages/1"
    )
    assert detail.startswith("a message (bytes) is 300,")
    detail = await refused(
        await ana.post(f"{url}/messages", json={"role": "king", "content": ""}), 422, pointer="/role"
    )
    assert detail == "must be one of system, developer, user, assistant, tool"


async def test_a_single_tool_run_over_the_limit_is_the_whole_body(ana, url):
    big = await ana.post(f"{url}/tools", json={"tool": "cat", "result": "x" * 300_000})
    detail = await refused(big, 422, code="too-large", pointer="")
    assert detail.startswith("a tool run (bytes) is 300,")
    assert detail.endswith("over the limit of 262,144")


@pytest.mark.parametrize("place", STRICT, ids=lambda place: f"{place[0].name}-{place[1].__name__}")
async def test_every_strict_body_says_which_field_it_does_not_know(ana, url, place):
    operation, model = place
    known = next(iter(set(MISSPELT) & set(model.model_fields)), "status")
    wrong = MISSPELT.get(known, "stauts")
    await ana.post(f"{url}/tools", json={"tool": "ls", "status": "running"})
    names = {"run": "toolrun_0000000000", "branch": "main", "message": "msg_main_0000000000"}
    path = operation.path.format(session=url.rpartition("/")[2], **names)
    detail = await refused(await ana.request(operation.method, path, json={wrong: 1}), 422, pointer=f"/{wrong}")
    assert detail.startswith(f"is not known; did you mean {known!r}? (allowed: ")


async def test_an_unknown_field_of_a_tool_run_is_named_alone_and_in_a_batch(ana, url):
    detail = await refused(await ana.post(f"{url}/tools", json={"nme": "ls"}), 422, pointer="/nme")
    assert detail.startswith("is not known (allowed: tool, arguments, ")
    batch = {"messages": [HELLO], "tools": [{"tool": "ls"}, {"tol": "ls"}]}
    detail = await refused(await ana.post(f"{url}/messages", json=batch), 422, pointer="/tools/1/tol")
    assert "did you mean 'tool'?" in detail


async def test_too_many_bytes_are_told_with_the_limit(start):
    ana = (await start(server={"max_body_bytes": 5000})).client("ana")
    detail = await refused(await ana.post("/api/sessions", json={"title": "x" * 6000}), 413, code="too-large")
    assert detail == "the body has more than 5,000 bytes (server.max_body_bytes)"


async def test_a_head_that_is_too_long_is_not_taken_for_a_body(quick):
    answer = await quick.client("ana").get("/api/sessions", headers={"X-Long": "x" * 9000})
    detail = await refused(answer, 413, code="too-large")
    assert detail == "the head of the request has more than 8,192 bytes"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"title": "secret",\n "tags": secret}', ": invalid character at line 2, column 10"),
        ('{"é": [1,]}'.encode(), ": trailing comma in array at line 1, column 10"),
        (b'{"title":\n\n"secret"', ": it ends too early, at line 3, column 9"),
        (rb'{"title": "\ud800"}', ": it ends too early, or has half a surrogate pair"),
        (b'{"secret": 1e400}', ": a number is out of range"),
    ],
)
async def test_malformed_json_is_told_with_its_place(ana, body, said):
    detail = await refused(await ana.post("/api/sessions", content=body, headers=JSON), 400, code="malformed-body")
    assert detail == f"the body is not valid JSON{said}"


async def test_what_is_not_utf8_is_told_with_its_place(ana):
    answer = await ana.post("/api/sessions", content=b'{\n"title": "\xff"}', headers=JSON)
    assert await refused(answer, 400, code="malformed-body") == "the body is not UTF-8 at line 2, column 11"


async def test_links_keep_the_filters(ana, url):
    """A page's neighbours are of the same list: its filters, spelt so that they survive, and its limit."""
    hard = {"project": "a b&c=d", "tag": "é/ü+#"}
    made = [
        (await ana.post("/api/sessions", json={"project": hard["project"], "tags": [hard["tag"]]})).json()["id"]
        for _ in range(3)
    ]
    page = await ana.get("/api/sessions", params={**hard, "status": "active", "limit": 2})
    following = await ana.get(page.links["next"]["url"])
    assert dict(following.request.url.params) == {
        **hard,
        "status": "active",
        "limit": "2",
        "cursor": page.json()["next"],
    }
    assert [item["id"] for item in (*page.json()["items"], *following.json()["items"])] == made[::-1]
    assert "link" not in following.headers
    batch = {"messages": [HELLO], "tools": [{"tool": name, "result": n} for n in range(5) for name in ("a b", "other")]}
    await ana.post(f"{url}/messages", content=json.dumps(batch), headers=JSON)
    seen, at = [], f"{url}/tools?tool=a%20b&status=succeeded&limit=2"
    while at:
        page = await ana.get(at)
        seen = [run["result"] for run in page.json()["items"]] + seen
        before = page.links.get("prev", {}).get("url")
        assert before is None or "tool=a+b&status=succeeded&limit=2&before=" in before
        at = before
    assert seen == list(range(5))
    onwards = await ana.get(page.links["next"]["url"])
    assert "tool=a+b&status=succeeded&limit=2&after=" in page.links["next"]["url"]
    assert {run["tool"] for run in onwards.json()["items"]} == {"a b"}


async def test_a_header_that_would_end_early_is_never_sent(shared, free_socket):
    async def careless(_) -> Reply:
        return Reply(200, b"{}", {"X-Thing": "a\r\nSet-Cookie: b"})

    operation = dataclasses.replace(OPERATIONS[0], handler=careless, method="GET", path="/careless", policy=Policy.OPEN)
    async with (
        serving(create_app(shared.settings, operations=[operation]), free_socket),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_socket.getsockname()[1]}") as client,
    ):
        answer = await client.get("/careless")
    assert "set-cookie" not in answer.headers
    await refused(answer, 500, code="internal")
