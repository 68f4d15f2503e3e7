"""A session leaves in every form, streamed, as it was when the export began, and only to who may see it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.storages import Counting, Passing
from support.stores import beside

from holdall.contract import Snapshot, Span
from holdall.errors import Conflict, Invalid, NotFound
from holdall.formats import Formats, export
from holdall.formats.markdown import fenced
from holdall.sessions.access import Principal
from holdall.sessions.store import Store

TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "List `a` please", "created_at": 1_772_359_200_000},
    {"role": "assistant", "created_at": 1_772_359_201_000, "content": [
        {"type": "thinking", "text": "they want\n\na list"},
        {"type": "tool_call", "id": "c1", "name": "ls", "arguments": {"path": "a"}},
    ]},
    {"role": "tool", "created_at": 1_772_359_202_000, "content": [
        {"type": "tool_result", "id": "c1", "content": "````\nnasty\n`````", "is_error": True},
        {"type": "image", "url": "https://pictures.example/x.png", "media_type": "image/png"},
        {"type": "weather", "sky": "grey"},
    ]},
]  # fmt: skip


pytestmark = pytest.mark.covers("CV-07")


async def filled(store: Store) -> str:
    session = await store.create(owner="ana", project="site", title="A\n# title", tags=["x"], metadata={"k": [1]})
    tools = [{"tool": "ls", "call": "c1", "status": "failed", "error": "nasty"}]
    await store.append(session.id, TALK, tools=tools, originals=['{"n": 1}', '{ "n":2 }\r'])
    return session.id


async def text(store: Store, session: str, form: str) -> str:
    return b"".join([piece async for piece in export(store, session, form)]).decode()


async def test_json_is_one_document_with_everything(store: Store) -> None:
    session = await filled(store)
    found = json.loads(await text(store, session, "json"))
    assert list(found) == ["session", "messages", "tools", "originals"]
    assert found["session"] == (await store.get(session)).as_dict()
    assert [message["content"] for message in found["messages"]] == [message["content"] for message in TALK]
    assert (found["tools"][0]["error"], found["originals"]) == ("nasty", ['{"n": 1}', '{ "n":2 }\r'])


class Growing(Passing):
    """Has something appended before each look at a session: a message and the tool run that goes with it."""

    append: Any = None

    async def load(self, partition: str, *spans: Span) -> Snapshot | None:
        if partition.startswith("session/") and self.append is not None:
            await self.append()
        return await super().load(partition, *spans)


@pytest.mark.parametrize("every", [False, True])
async def test_it_is_of_one_moment_however_the_session_grows_meanwhile(store: Store, *, every: bool) -> None:
    session = await filled(store)
    growing = Growing(store.engine.storage)
    reading = beside(store, lambda _: growing)
    growing.append = lambda: store.append(session, TALK[:1], tools=[{"tool": "ls", "status": "succeeded"}])
    told = b"".join([piece async for piece in export(reading, session, every=every)]).decode().splitlines()
    head, *lines = map(json.loads, told)
    counted = {kind: sum(line["type"] == kind for line in lines) for kind in ("message", "tool", "original")}
    counts = head["session"]["counts"]
    assert counted == {"message": counts["messages"], "tool": counts["tools"], "original": counts["originals"]}
    assert counted["message"] == counted["tool"] + 2


async def test_it_ends_where_the_branch_is_cleared_before_it_was_read(store: Store) -> None:
    session = await filled(store)
    await store.fork(session, name="side")
    growing = Growing(store.engine.storage)
    looks = [lambda: store.append(session, TALK[:1]), lambda: store.clear(session)]

    async def next_look() -> None:
        if looks:
            await looks.pop(0)()

    growing.append = next_look
    with pytest.raises(Conflict):
        b"".join([piece async for piece in export(beside(store, lambda _: growing), session, branch="side")])


async def test_an_empty_session_exports_in_every_form(store: Store) -> None:
    session = (await store.create(owner="ana")).id
    for form in Formats().writable:
        await text(store, session, form)
    assert json.loads(await text(store, session, "json"))["messages"] == []


async def test_originals_come_back_byte_for_byte(store: Store) -> None:
    assert await text(store, await filled(store), "original") == '{"n": 1}\n{ "n":2 }\r\n'


async def test_markdown_reads_well(store: Store) -> None:
    shown = await text(store, await filled(store), "markdown")
    assert shown.startswith("# A # title\n\nproject site · session `")
    assert re.findall(r"^## (\w+) · 2026-03-01 10:00:0\d UTC$", shown, re.MULTILINE) == ["User", "Assistant", "Tool"]
    assert "<details><summary>Thinking</summary>\n\n> they want\n>\n> a list\n\n</details>" in shown
    assert '**Tool call** `ls` `c1`\n\n```json\n{\n  "path": "a"\n}\n```' in shown
    assert "**Tool error** `c1`\n\n``````\n````\nnasty\n`````\n``````" in shown
    assert "**Image** image/png <https://pictures.example/x.png>" in shown
    assert '"sky": "grey"' in shown


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fenced("a") == "```\na\n```"
    assert fenced("```` b", "json").startswith("`````json\n")


async def test_an_unknown_form_and_an_unknown_session_are_refused_before_the_first_piece(store: Store) -> None:
    with pytest.raises(Invalid, match="must be one of jsonl, json, markdown, original, openai, atif"):
        await anext(export(store, "0" * 20, "pdf"))
    with pytest.raises(NotFound):
        await anext(export(store, "0" * 20, "json"))


async def test_who_may_not_see_a_session_may_not_export_it(store: Store) -> None:
    session = await filled(store)
    for form in Formats().writable:
        assert await text(store.acting_as(Principal("ana")), session, form)
        with pytest.raises(NotFound):
            await text(store.acting_as(Principal("eve")), session, form)


async def test_an_export_holds_a_page_at_a_time_and_stops_where_it_began(store: Store) -> None:
    session = (await store.create(owner="ana")).id
    for start in range(0, 250, 50):
        await store.append(session, [{"role": "user", "content": f"{start + n}"} for n in range(50)])
    counting = beside(store, Counting)
    pieces = export(counting, session, "jsonl")
    await anext(pieces)
    await store.append(session, [{"role": "user", "content": "late"}])
    sizes = [len(piece.splitlines()) async for piece in pieces]
    assert sizes == [100, 100, 50]


async def test_an_export_of_a_session_that_is_cleared_meanwhile_does_not_end_as_if_whole(store: Store) -> None:
    session = (await store.create(owner="ana", messages=[{"role": "user", "content": "x"}])).id
    for form in ("jsonl", "json"):
        await store.append(session, [{"role": "user", "content": "y"}])
        pieces = export(store, session, form)
        await anext(pieces)
        await store.clear(session)
        with pytest.raises(Conflict):
            [piece async for piece in pieces]


async def test_openai_messages_say_what_they_can(store: Store) -> None:
    session = await filled(store)
    await store.append(session, [
        {"role": "user", "content": [
            {"type": "tool_result", "id": "c2", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "texts"}]},
            {"type": "text", "text": "and"},
            {"type": "image", "media_type": "image/png", "data": "aGk="},
            {"type": "data", "data": {"type": "input_audio", "input_audio": {"data": "aGk="}}},
        ], "name": "ana"},
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}], "metadata": {"secret": 1}},
        {"role": "assistant", "content": [{"type": "tool_call", "id": "c3", "name": "run", "arguments": "raw {"}]},
    ])  # fmt: skip
    told = [json.loads(line) for line in (await text(store, session, "openai")).splitlines()]
    called = {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": '{"path":"a"}'}}
    raw = {"id": "c3", "type": "function", "function": {"name": "run", "arguments": "raw {"}}
    assert told[:3] == [
        {"role": "user", "content": "List `a` please"},
        {"role": "assistant", "content": None, "reasoning_content": "they want\n\na list", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "````\nnasty\n`````"},
    ]
    assert [one["type"] for one in told[3]["content"]] == ["image_url", "text"]
    assert told[4]["content"] == [{"type": "text", "text": "two"}, {"type": "text", "text": "texts"}]
    assert told[5] == {"role": "user", "name": "ana", "content": [
        {"type": "text", "text": "and"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "input_audio", "input_audio": {"data": "aGk="}},
    ]}  # fmt: skip
    assert told[6:] == [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": None, "tool_calls": [raw]},
    ]


async def branched(store: Store) -> str:
    """A session with a branch, one of that, a deleted one with a branch of its own, a sub-conversation and edits."""
    say = lambda text: [{"role": "user", "content": text}]  # noqa: E731
    session = await store.create(owner="ana", title="Tree", messages=[*say("m0"), *say("m1"), *say("m2")])
    for name, after, text in (("a", "msg_main_0000000001", "a2"), ("z", "msg_a_0000000002", "z3")):
        await store.fork(session.id, at=after, name=name, title=f"the {name}")
        await store.append(session.id, say(text), branch=name)
    await store.fork(session.id, at="msg_main_0000000000", name="gone")
    await store.append(session.id, say("g1"), branch="gone")
    await store.fork(session.id, at="msg_gone_0000000001", name="b")
    await store.append(session.id, say("b2"), branch="b")
    await store.delete_branch(session.id, "gone")
    await store.start_sub(session.id, "msg_main_0000000002", name="sub-1", kind="reviewer")
    await store.append(session.id, say("s"), branch="sub-1")
    for text in ("m1 again", "m1 at last"):
        await store.edit(session.id, "msg_main_0000000001", {"content": text})
    await store.switch(session.id, "a")
    return session.id


OWN = {"main": ["m0", "m1 at last", "m2"], "a": ["a2"], "z": ["z3"], "gone": ["g1"], "b": ["b2"], "sub-1": ["s"]}


@pytest.mark.covers("CV-08", "CV-09")
async def test_every_branch_is_written_once_with_how_it_began(store: Store) -> None:
    session = await branched(store)
    found = json.loads(b"".join([piece async for piece in export(store, session, "json", every=True)]))
    branches = {branch["name"]: branch for branch in found["branches"]}
    assert {name: [one["content"] for one in branch["messages"]] for name, branch in branches.items()} == OWN
    assert branches["z"]["origin"]["path"] == [["main", 2], ["a", 3]]
    assert branches["gone"]["deleted"]["by"] == "system"
    assert branches["sub-1"]["origin"]["under"]["kind"] == "reviewer"
    assert [one["content"] for one in found["versions"]] == ["m1", "m1 again"]
    order = list(branches)
    assert [order.index(upper) < order.index(lower) for upper, lower in (("a", "z"), ("gone", "b"))] == [True, True]


async def test_every_branch_in_lines_and_in_markdown(store: Store) -> None:
    session = await branched(store)
    lines = [json.loads(line) for line in b"".join([x async for x in export(store, session, every=True)]).splitlines()]
    kinds = [line["type"] for line in lines]
    assert (kinds[0], lines[0]["version"], kinds.count("branch"), kinds[1:5]) == (
        "session", 2, 5, ["message", "version", "version", "message"],
    )  # fmt: skip
    shown = b"".join([piece async for piece in export(store, session, "markdown", every=True)]).decode()
    assert "\n# Branch z: the z\n\nafter `msg_a_0000000002`\n\n## User" in shown
    assert "\n# Sub-conversation sub-1\n\nunder `msg_main_0000000002`\n" in shown
    assert re.search(r"\n# Branch gone\n\nafter `msg_main_0000000000` · deleted 20", shown)


async def test_formats_of_one_branch_refuse_every_branch_and_nobody_asks_for_both(store: Store) -> None:
    session = await branched(store)
    for form in ("openai", "original"):
        with pytest.raises(Invalid, match="all of them go to jsonl, json, markdown"):
            await anext(export(store, session, form, every=True))
    with pytest.raises(Invalid, match="not both"):
        await anext(export(store, session, "json", "a", every=True))


async def test_an_export_of_every_branch_ends_when_the_session_is_cleared_and_is_the_owners_only(store: Store) -> None:
    session = await branched(store)
    with pytest.raises(NotFound):
        await anext(export(store.acting_as(Principal("eve")), session, every=True))
    pieces = export(store, session, every=True)
    await anext(pieces)
    await store.clear(session)
    with pytest.raises(Conflict):
        [piece async for piece in pieces]
