"""What was redacted or purged is not brought back by importing its transcript again, and what is new still comes in."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import SessionReport
from holdall.transfer.targets import StoreTarget

pytestmark = pytest.mark.covers("CV-09", "CV-16", "XX-04")
SECRET = "SECRET-4711"
ERASE = ["redact", "purge", "both"]


@pytest.fixture
async def memory() -> AsyncIterator[Store]:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


def line(number: int, said: Any, *, timed: bool = True, role: str = "user") -> str:
    record = {"type": role, "sessionId": "s-1", "uuid": f"u{number}", "message": {"role": role, "content": said}}
    return json.dumps(record | ({"timestamp": f"2026-03-01T10:00:{number:02}Z"} if timed else {}))


async def bring(store: Store, folder: Path, *lines: str, target: Any = None) -> SessionReport:
    path = folder / "t.jsonl"
    path.write_text("".join(f"{each}\n" for each in lines))
    report = await import_file(target or StoreTarget(store), path, Choices("ana"))
    assert (report.faults, report.error) == ([], None)
    return report.sessions[0]


async def erase(store: Store, session: str, message: str, how: str) -> None:
    if how in ("redact", "both"):
        await store.redact(session, message)
    if how in ("purge", "both"):
        await store.purge(session, message=message)


async def everything(store: Store, session: str) -> str:
    data = b"".join([piece async for piece in export(store, session, "jsonl", every=True)])
    return data.decode() + str([run.fields for run in (await store.tool_runs(session)).items])


def told(report: SessionReport) -> tuple[int, int, int]:
    return report.kept_out, report.added["messages"], report.added["originals"]


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("how", ERASE)
@pytest.mark.parametrize("which", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]])
async def test_a_transcript_that_is_imported_again(memory, tmp_path, how, timed, which):
    def said(number: int) -> str:
        return line(number, f"{SECRET} {number}" if number in which else f"plain {number}", timed=timed)

    lines = [said(number) for number in range(3)]
    first = await bring(memory, tmp_path, *lines)
    for number in which:
        await erase(memory, first.session, f"msg_main_{number:010}", how)
    assert SECRET not in await everything(memory, first.session)
    again = await bring(memory, tmp_path, *lines)
    assert (again.session, told(again), again.present) == (first.session, (len(which), 0, 0), 3 - len(which))
    longer = await bring(memory, tmp_path, *lines, said(3), said(4))
    assert told(longer) == (len(which), 2, 2)
    shown = [message["content"] for message in await memory.history(first.session)]
    mark = "[redacted]" if how == "redact" else "[purged]"
    assert shown == [mark if number in which else f"plain {number}" for number in range(5)]
    assert SECRET not in await everything(memory, first.session)


async def test_what_is_new_comes_in_where_a_line_was_taken_out_of_the_transcript(memory, tmp_path):
    lines = [line(0, "one"), line(1, SECRET)]
    session = (await bring(memory, tmp_path, *lines)).session
    await memory.purge(session, message="msg_main_0000000001")
    assert told(await bring(memory, tmp_path, lines[0], line(2, "two"))) == (0, 1, 1)
    assert told(await bring(memory, tmp_path, *lines, line(2, "two"))) == (1, 0, 0)
    assert [message["content"] for message in await memory.history(session)] == ["one", "[purged]", "two"]


async def test_another_source_is_another_session(memory, tmp_path):
    lines = [line(0, SECRET)]
    session = (await bring(memory, tmp_path, *lines)).session
    await memory.purge(session, message="msg_main_0000000000")
    other = await bring(memory, tmp_path, lines[0].replace("s-1", "s-2"))
    assert (other.new, told(other)) == (True, (0, 1, 1))


async def test_a_result_that_is_kept_out_tells_the_tool_log_nothing(memory, tmp_path):
    call = {"type": "tool_use", "id": "c1", "name": "Bash", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": SECRET}
    asked, answered = line(0, [call], role="assistant"), line(1, [result])
    session = (await bring(memory, tmp_path, answered)).session
    await memory.purge(session, message="msg_main_0000000000")
    report = await bring(memory, tmp_path, asked, answered)
    assert (told(report), report.finished) == ((1, 1, 1), 0)
    assert SECRET not in await everything(memory, session)


def node(name: str, parent: str | None, said: str) -> dict[str, Any]:
    message = {"id": name, "author": {"role": "user"}, "content": {"content_type": "text", "parts": [said]}}
    return {"id": name, "message": message, "parent": parent, "children": []}


def tree(*nodes: dict[str, Any]) -> str:
    return json.dumps({
        "title": "A talk", "id": "talk-1", "current_node": nodes[-1]["id"], "mapping": {one["id"]: one for one in nodes},
    })  # fmt: skip


@pytest.mark.parametrize("how", ERASE)
async def test_a_node_of_a_tree_keeps_its_place(memory, tmp_path, how):
    nodes = [node("q", None, "question"), node("a", "q", SECRET), node("b", "a", "answer")]
    session = (await bring(memory, tmp_path, tree(*nodes))).session
    changed = [nodes[0], node("a", "q", SECRET + " changed"), nodes[2]]
    await bring(memory, tmp_path, tree(*changed))
    assert SECRET + " changed" in await everything(memory, session), "the control: it is among the originals"
    await erase(memory, session, "msg_main_0000000001", how)
    assert SECRET not in await everything(memory, session), "also not as it was changed later"
    report = await bring(memory, tmp_path, tree(*changed, node("c", "b", "more"), node("d", "a", "beside")))
    assert told(report)[:2] == (1, 2)
    mark = "[redacted]" if how == "redact" else "[purged]"
    branches = [branch.name for branch in (await memory.branches(session)).items]
    paths = [[one["content"] for one in await memory.history(session, branch=name)] for name in branches]
    assert sorted(paths) == [["question", mark, "answer", "more"], ["question", mark, "beside"]]
    assert SECRET not in await everything(memory, session)


@pytest.mark.parametrize("how", ERASE)
async def test_messages_that_were_one_record_go_with_it(memory, tmp_path, how):
    call = {"id": "c1", "name": "ls", "args": {}, "status": "success", "result": [
        {"functionResponse": {"response": {"output": SECRET}}}]}  # fmt: skip
    talk: dict[str, Any] = {"sessionId": "g-1", "projectHash": "x", "startTime": "2026-03-01T10:00:00Z", "messages": [
        {"id": "m0", "type": "user", "content": "list", "timestamp": "2026-03-01T10:00:00Z"},
        {"id": "m1", "type": "gemini", "content": "here", "timestamp": "2026-03-01T10:00:01Z", "toolCalls": [call]},
    ]}  # fmt: skip
    session = (await bring(memory, tmp_path, json.dumps(talk))).session
    for message in await memory.history(session):
        if SECRET in str(message["content"]):
            await erase(memory, session, message.id, how)
    originals = str((await memory.originals(session)).items)
    assert SECRET not in originals, "what a tool answered is in the record of its call"
    more = copy.deepcopy(talk)
    more["messages"].append({"id": "m2", "type": "user", "content": "on", "timestamp": "2026-03-01T10:00:02Z"})
    report = await bring(memory, tmp_path, json.dumps(more))
    assert (report.kept_out, report.added["messages"]) == (2, 1)
    history = [message["content"] for message in await memory.history(session)]
    assert SECRET not in str(history) + str((await memory.originals(session)).items)
    assert (len(history), history[-1]) == (4, "on")


@pytest.mark.parametrize("how", ERASE)
@pytest.mark.parametrize("every", [True, False])
async def test_an_export_of_a_session_brings_nothing_back_either(memory, tmp_path, how, every):
    source = await memory.create(owner="ana", title="t", messages=[{"role": "user", "content": "old " + SECRET}])
    await source.edit("msg_main_0000000000", content="new " + SECRET)
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"".join([piece async for piece in export(memory, source.id, "jsonl", every=every)]))
    (done,) = (await import_file(StoreTarget(memory), path, Choices("eve"))).sessions
    await erase(memory, done.session, "msg_main_0000000000", how)
    (again,) = (await import_file(StoreTarget(memory), path, Choices("eve"))).sessions
    assert (again.session, again.added["messages"], again.kept_out) == (done.session, 0, int(every))
    assert SECRET not in await everything(memory, done.session)


async def test_what_stands_in_for_a_record_says_nothing_of_it(memory, tmp_path):
    """Two records that differ in what they say leave the same."""
    left = []
    for number, said in enumerate(["one", "another, which is longer"]):
        name = f"s-{number}"
        session = (await bring(memory, tmp_path, line(0, said).replace("s-1", name))).session
        await memory.purge(session, message="msg_main_0000000000")
        left.append((await memory.originals(session)).items)
    assert left[0] == left[1] == ['{"type":"holdall-redacted","role":"user","created_at":1772359200000}']
