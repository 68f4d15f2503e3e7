"""Redaction: less is seen, nothing is lost yet, and only an admin reads what was said."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from support.stores import beside, user

from holdall import Forbidden, Invalid, NotFound, Principal
from holdall.formats import export
from holdall.sessions import edits

SECRET = "SECRET-4711"
pytestmark = pytest.mark.covers("CV-09", "XX-04")


async def shown(store, session) -> str:
    """All that an owner can be shown of a session, as one text."""
    mine = store.acting_as(Principal("ana"))
    seen: list[bytes] = []
    for branch in await mine.branches(session.id):
        seen += [message.raw for message in await mine.history(session.id, branch=branch.name)]
        for message in await mine.history(session.id, branch=branch.name):
            seen += [version.raw for version in await mine.versions(session.id, message.id)]
    seen += [original.encode() for original in await mine.originals(session.id)]
    for part in await mine.parts(session.id):
        seen.append(await part.read())
    seen.append(b"".join([piece async for piece in export(mine, session.id, "jsonl")]))
    return b"\n".join(seen).decode()


async def test_a_redacted_message_says_who_when_and_why_and_nothing_else(store, clock):
    session = await store.create(owner="ana", messages=[user("before")])
    usage = {"input_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1, "of": SECRET}, SECRET: 1, "said": SECRET}
    used = {"usage": usage, "model": "m"}
    said = await session.append({**user(f"my number is {SECRET}", metadata={"raw": SECRET}, other=SECRET), **used})
    await session.edit(said.id, content=f"it is {SECRET} still")
    await session.fork(at=said.id, name="x")
    assert SECRET in await shown(store, session)
    ana = store.acting_as(Principal("ana"))
    found = await ana.redact(session.id, said.id, reason="a number")
    told = {name: found["redacted"][name] for name in ("at", "by", "reason")}
    assert told == {"at": clock.now() // 1000, "by": "ana", "reason": "a number"}
    assert (found["content"], found["model"], found["edited"]["version"]) == ("[redacted]", "m", 2)
    assert SECRET not in await shown(store, session)
    assert found["usage"] == {"input_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}
    totals = await session.totals()
    assert (totals.input_tokens, totals.cached_tokens) == (3, 1)
    assert [version["content"] for version in await session.versions(said.id)] == ["[redacted]"] * 2
    restored = await session.restore_version(said.id, 1)
    assert restored["content"] == "[redacted]"


async def test_a_field_of_a_client_that_says_edited_is_redacted_with_the_rest(store):
    theirs = {"version": 2, "at": 1, "by": SECRET, "earlier": [0]}
    session = await store.create(owner="ana", messages=[user("a", edited=SECRET), user("b", edited=theirs)])
    for number in (0, 1):
        await session.edit(f"msg_main_{number:010}", content="again")
    await session.append(user("c", edited=theirs))
    for number in range(3):
        await session.redact(f"msg_main_{number:010}")
    assert SECRET not in await shown(store, session)


async def test_only_an_admin_reads_what_it_said(store):
    session = await store.create(owner="ana", messages=[user(SECRET)])
    name = (await session.history()).items[0].id
    await session.edit(name, content="second " + SECRET)
    await session.redact(name)
    with pytest.raises(Forbidden):
        await store.acting_as(Principal("ana")).redacted(session.id, name)
    with pytest.raises(NotFound):
        await store.acting_as(Principal("ben")).redacted(session.id, name)
    for reader in (store.acting_as(Principal("root", admin=True)), beside(store)):
        found = [kept.as_dict() for kept in await reader.redacted(session.id, name)]
        assert [kept["said"]["content"] for kept in found] == ["second " + SECRET, SECRET]
        assert {(kept["message"], kept["by"], kept["reason"]) for kept in found} == {(name, "system", None)}


async def test_parts_and_spans_are_redacted_and_pairs_stay_pairs(store):
    call = {"type": "tool_call", "id": "c1", "name": "read", "arguments": {"path": SECRET}}
    result = {"type": "tool_result", "id": "c1", "content": SECRET}
    text = {"type": "text", "text": f"ab {SECRET} cd {SECRET}!"}
    session = await store.create(owner="ana", messages=[user([text, call, result, {"type": "data", "data": 1}])])
    name = (await session.history()).items[0].id
    at = "/content/0/text"
    spans = [{"at": at, "start": 3, "stop": 14}, {"at": at, "start": 18, "stop": 29}]
    found = await session.redact(name, parts=[1, 2], spans=spans)
    assert found["content"] == [
        {"type": "text", "text": "ab [redacted] cd [redacted]!"},
        {"type": "tool_call", "id": "c1", "name": "read", "arguments": {}},
        {"type": "tool_result", "id": "c1", "content": "[redacted]"},
        {"type": "data", "data": 1},
    ]
    again = await session.redact(name)
    assert [part["type"] for part in again["content"]] == ["text", "tool_call", "tool_result", "text"]
    said = [kept.as_dict()["said"]["content"][0]["text"] for kept in await session.redacted(name)]
    assert said[0] == "ab [redacted] cd [redacted]!" or said[-1] == "ab [redacted] cd [redacted]!"
    assert text["text"] in said


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("spans", "left"),
    [
        ([(0, 10), (5, 8)], "[redacted]ABCDEF"),
        ([(0, 3), (0, 10)], "[redacted]ABCDEF"),
        ([(2, 6), (4, 9), (12, 14)], "01[redacted]9AB[redacted]EF"),
        ([(2, 4), (4, 6), (2, 4)], "01[redacted][redacted]6789ABCDEF"),
    ],
)
async def test_spans_that_overlap_leave_nothing_of_what_they_have(store, spans, left, order):
    session = await store.create(owner="ana", messages=[user("0123456789ABCDEF")])
    asked = [{"at": "/content", "start": start, "stop": stop} for start, stop in spans[::order]]
    assert (await session.redact("msg_main_0000000000", spans=asked))["content"] == left


@pytest.mark.parametrize("at", ["/content/-1/text", "/content/00/text", "x/content/0/text", "/content/+0/text"])
async def test_a_text_has_one_pointer(store, at):
    session = await store.create(owner="ana", messages=[user([{"type": "text", "text": "hello"}])])
    with pytest.raises(Invalid):
        await session.redact("msg_main_0000000000", spans=[{"at": at, "start": 0, "stop": 1}])


@pytest.mark.parametrize(
    "asked",
    [
        {"parts": [1]},
        {"parts": [-1]},
        {"spans": [{"at": "/content", "start": 0, "stop": 99}]},
        {"spans": [{"at": "/content", "start": 2, "stop": 2}]},
        {"spans": [{"at": "/role", "start": 0, "stop": 1}]},
        {"spans": [{"at": "/content/0/text", "start": 0, "stop": 1}]},
        {"spans": [{"start": 0, "stop": 1}]},
        {"reason": "x" * 1001},
    ],
)
async def test_what_is_not_there_is_not_redacted(store, asked):
    session = await store.create(owner="ana", messages=[user("hello")])
    with pytest.raises(Invalid):
        await session.redact("msg_main_0000000000", **asked)
    assert [message["content"] for message in await session.history()] == ["hello"]


@pytest.mark.covers("XX-10")
async def test_large_parts_and_originals_go_with_it(store):
    large = SECRET * 20_000
    session = await store.create(owner="ana")
    original = json.dumps({"said": SECRET})
    messages = [user(large, original=0), user("large: " + large[:1000])]
    await store.append(session.id, messages, originals=[original])
    (part,) = await session.parts()
    await session.redact("msg_main_0000000000")
    await session.redact("msg_main_0000000001", spans=[{"at": "/content", "start": 7, "stop": 1007}])
    assert SECRET not in await shown(store, session)
    with pytest.raises(NotFound):
        await session.part(part.hash)
    kept = [each.as_dict()["said"] for each in await session.redacted("msg_main_0000000000")]
    assert (kept[0]["content"], kept[1]) == (large, original)
    await session.append(user(large))
    assert [part.references for part in await session.parts()] == [1]


@pytest.mark.parametrize("erase", ["redact", "purge"])
async def test_a_version_that_is_restored_meanwhile_says_nothing_of_it(store, monkeypatch, erase):
    session = await store.create(owner="ana", messages=[user(SECRET)])
    name = (await session.history()).items[0].id
    await session.edit(name, content="second")
    numbered, calls = edits.numbered, list[None]()

    async def slow(*asked):
        found = await numbered(*asked)
        if not calls:
            calls.append(None)
            await (session.redact(name) if erase == "redact" else session.purge(message=name))
        return found

    monkeypatch.setattr(edits, "numbered", slow)
    with suppress(NotFound):
        await session.restore_version(name, 1)
    assert calls, "the control: it came between"
    assert SECRET not in await shown(store, session)
