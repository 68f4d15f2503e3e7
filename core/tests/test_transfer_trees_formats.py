"""Trees of other programs than ChatGPT: LibreChat's choices, linear exports, rejected answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.trees import all_paths, narrow, shown, write

from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget

pytestmark = pytest.mark.covers("CV-08", "CV-16")


@pytest.fixture
async def memory() -> AsyncIterator[Store]:
    async with narrow() as opened:
        yield opened


LIBRE = {"conversationId": "l-1", "title": "L", "endpoint": "x", "branches": True, "recursive": True, "messages": [
    {"messageId": "1", "isCreatedByUser": True, "text": "hi", "createdAt": "2026-03-01T10:00:00.250Z", "children": [
        {"messageId": "2", "isCreatedByUser": False, "sender": "Model", "text": "", "children": [], "content": [
            {"type": "think", "think": "they greet"},
            {"type": "text", "text": {"value": "hello"}},
            {"type": "tool_call", "tool_call": {"id": "c1", "name": "clock", "args": '{"zone": "UTC"}', "output": "10:00"}},
            {"type": "hologram", "x": 1},
        ]},
        {"messageId": "3", "isCreatedByUser": False, "text": "hello again", "children": []},
    ]}]}  # fmt: skip


async def test_librechat_shows_the_latest_of_each_choice_and_its_parts_are_read(memory: Store, tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    write(path, LIBRE)
    report = await import_file(StoreTarget(memory), path, Choices("ana"))
    (done,) = report.sessions
    assert (done.format, report.faults, await shown(memory, done.session)) == ("librechat", [], ["hi", "hello again"])
    other = (await memory.branches(done.session)).items[1].name
    answer = (await memory.history(done.session, branch=other)).items[-1]
    assert answer["name"] == "Model"
    assert answer.content == [
        {"type": "thinking", "text": "they greet"},
        {"type": "text", "text": "hello"},
        {"type": "tool_call", "id": "c1", "name": "clock", "arguments": {"zone": "UTC"}},
        {"type": "tool_result", "id": "c1", "content": "10:00"},
        {"type": "data", "data": {"type": "hologram", "x": 1}},
    ]
    (run,) = (await memory.tool_runs(done.session)).items
    assert (run["tool"], run["call"], run["status"], run["message"], run["result"]) == (
        "clock", "c1", "succeeded", answer.id, "10:00",
    )  # fmt: skip


async def test_a_linear_export_is_a_row_whatever_its_messages_say_of_parents(memory: Store, tmp_path: Path) -> None:
    row = [
        {"messageId": str(n), "isCreatedByUser": n % 2 == 0, "text": f"{n}", "parentMessageId": "?"} for n in range(4)
    ]
    path = tmp_path / "l.json"
    write(path, {**LIBRE, "branches": False, "recursive": False, "messages": row})
    (done,) = (await import_file(StoreTarget(memory), path, Choices("ana"))).sessions
    assert await all_paths(memory, done.session) == [["0", "1", "2", "3"]]


async def test_what_was_rejected_is_a_branch_beside_what_was_chosen(memory: Store, tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "Which?"}]
    pair = {
        "conversations": turns,
        "chosen": {"from": "gpt", "value": "This."},
        "rejected": {"from": "gpt", "value": "That."},
    }
    path = tmp_path / "p.json"
    write(path, [pair, pair, {"conversations": [{"from": "elf", "value": "?"}, *turns]}])
    report = await import_file(StoreTarget(memory), path, Choices("ana"))
    assert [fault.reason for fault in report.faults] == ["0: is not of anybody known, with a value that is text"]
    assert len({session.session for session in report.sessions}) == 3
    for session in report.sessions[:2]:
        assert await shown(memory, session.session) == ["Which?", "This."]
        assert await all_paths(memory, session.session) == [["Which?", "That."], ["Which?", "This."]]
    assert await shown(memory, report.sessions[2].session) == ["Which?"]
