"""Active contexts, compaction and summaries over HTTP."""

from __future__ import annotations

import json

import pytest

from holdall.contract import Span
from holdall.sessions.steps import Step


@pytest.fixture
async def url(ana, session) -> str:
    url = f"/api/sessions/{session['id']}"
    messages = [{"role": "system", "content": "be brief"}]
    for number in range(20):
        call = {"type": "tool_call", "id": f"c{number}", "name": "run", "arguments": {"n": number}}
        result = {"type": "tool_result", "id": f"c{number}", "content": "out " * 60}
        messages += [{"role": "user", "content": f"Question {number} is about the cache."}]
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert (await ana.post(f"{url}/messages", json={"messages": messages})).status_code == 201
    return url


@pytest.mark.covers("CV-13", "XX-04")
async def test_a_conversation_is_compacted_and_a_model_sees_what_is_left(ana, url):
    whole = await ana.get(f"{url}/active-context")
    assert (len(whole.json()["messages"]), whole.json()["compaction"], whole.json()["tokens"]) == (61, None, None)
    small = (await ana.get(f"{url}/active-context", params={"budget": 300})).json()
    assert (small["met"], small["budget"], small["tokens"] <= 300) == (True, 300, True)
    done = await ana.post(f"{url}/compact", json={"budget": 500}, headers={"If-Match": whole.headers["etag"]})
    assert done.status_code == 200
    assert (done.json()["new"], done.json()["met"], done.json()["budget"]) == (True, True, 500)
    made = done.json()["compaction"]
    assert (made["last"], made["created_by"]) == ("msg_main_0000000060", "ana")
    seen = await ana.get(f"{url}/active-context")
    assert (seen.json()["compaction"], seen.headers["etag"]) == (made["id"], done.headers["etag"])
    assert len(seen.json()["messages"]) == done.json()["messages"]
    again = await ana.get(f"{url}/active-context", headers={"If-None-Match": seen.headers["etag"]})
    assert again.status_code == 304
    chat = (await ana.get(f"{url}/active-context", params={"format": "openai"})).json()["messages"]
    assert chat[0] == {"role": "system", "content": "be brief"}
    assert {one["tool_call_id"] for one in chat if one["role"] == "tool"} == {
        call["id"] for one in chat for call in one.get("tool_calls", ())
    }
    assert (await ana.get(f"{url}/compactions/{made['id']}")).json() == made
    assert (await ana.get(f"{url}/compactions")).json() == {"items": [made], "next": None, "previous": None}
    late = await ana.post(f"{url}/compact", json={"budget": 50}, headers={"If-Match": whole.headers["etag"]})
    assert late.status_code == 412
    assert (await ana.post(f"{url}/compact", json={"budget": 500})).json()["new"] is False
    not_yet = (await ana.post(f"{url}/compact", json={"budget": 5, "above": 600})).json()
    assert (not_yet["new"], not_yet["met"], not_yet["budget"]) == (False, True, 600)
    assert (await ana.post(f"{url}/compact", json={"above": 0})).status_code == 422
    assert len((await ana.get(f"{url}/history", params={"limit": 100})).json()["items"]) == 61


@pytest.mark.covers("CV-10")
async def test_summaries_are_made_written_listed_and_replaced(ana, url):
    made = await ana.post(f"{url}/summaries", json={"last": "msg_main_0000000030", "tokens": 60})
    assert made.status_code == 201
    told = made.json()
    assert (told["summariser"], told["messages"], told["stale"], told["created_by"]) == ("textrank", 31, False, "ana")
    assert made.headers["location"] == f"{url}/summaries/{told['id']}"
    assert (await ana.get(made.headers["location"])).json() == told
    better = await ana.post(f"{url}/summaries", json={"text": "All about the cache.", "replaces": told["id"]})
    assert (better.json()["summariser"], better.json()["replaces"], better.json()["last"]) == (
        None,
        told["id"],
        told["last"],
    )
    page = await ana.get(f"{url}/summaries", params={"limit": 1})
    assert ([one["id"] for one in page.json()["items"]], page.json()["previous"]) == (
        [better.json()["id"]],
        better.json()["id"],
    )
    await ana.patch(f"{url}/messages/msg_main_0000000001", json={"content": "changed"})
    assert [one["stale"] for one in (await ana.get(f"{url}/summaries")).json()["items"]] == [True, True]
    assert (await ana.post(f"{url}/summaries")).json()["messages"] == 61


@pytest.mark.covers("CV-10", "CV-13", "SE-02", "SE-06")
async def test_what_is_refused(ana, site, url):
    eve = site.client("bob")
    for method, path in (
        ("GET", "/active-context"), ("POST", "/compact"), ("GET", "/compactions"), ("GET", "/summaries"),
        ("POST", "/summaries"), ("GET", "/summaries/summary_0000000000"), ("GET", "/compactions/compaction_0000000000"),
    ):  # fmt: skip
        answer = await eve.request(method, f"{url}{path}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "there is no such session")
    for method, path, body, status, pointer in (
        ("POST", "/compact", {"budget": 0}, 422, "/budget"),
        ("POST", "/compact", {"budget": "9"}, 422, "/budget"),
        ("POST", "/compact", {"compactors": ["x"]}, 422, "/compactors"),
        ("POST", "/compact", {"branch": "none"}, 404, None),
        ("POST", "/summaries", {"text": ""}, 422, "/text"),
        ("POST", "/summaries", {"tokens": 0}, 422, "/tokens"),
        ("POST", "/summaries", {"summariser": "x"}, 422, "/summariser"),
        ("POST", "/summaries", {"first": "msg_main_9999999999"}, 404, None),
        ("GET", "/active-context?budget=0", None, 400, None),
        ("GET", "/active-context?format=xml", None, 400, None),
        ("GET", "/summaries/summary_0000000009", None, 404, None),
        ("GET", "/compactions/x", None, 404, None),
    ):
        answer = (
            await ana.request(method, f"{url}{path}", json=body)
            if body is not None
            else await ana.request(method, f"{url}{path}")
        )
        assert (answer.status_code, answer.json().get("pointer")) == (status, pointer), (path, body, answer.text)


@pytest.mark.covers("CV-13", "ST-11")
async def test_a_compaction_that_an_earlier_version_stored_wrongly_is_passed_over(site, ana, url):
    """It names messages behind the last that it decides about: as if it had not been made, and no error."""
    made = (await ana.post(f"{url}/compact", json={"budget": 500})).json()["compaction"]
    engine, partition = site.service.store.engine, f"session/{url.rpartition('/')[2]}"
    lane = "compactions"
    found = await engine.storage.load(partition, Span(lane))
    record = json.loads(engine.codec.decode(partition, (lane, 0), found.records[lane, 0]))
    step = Step.begin(partition, found.head, engine.clock.now())
    step.append(lane, [json.dumps({**record, "id": "compaction_0000000001", "kept": [[60, 62]]}).encode()])
    await engine.storage.commit(step.commit(engine.codec))
    assert (await ana.get(f"{url}/compactions")).json()["items"] == [made]
    assert (await ana.get(f"{url}/compactions/compaction_0000000001")).status_code == 404
    assert (await ana.get(f"{url}/active-context")).json()["compaction"] == made["id"]
