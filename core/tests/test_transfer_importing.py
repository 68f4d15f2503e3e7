"""An import keeps what it can, knows again what it brought before, and survives being killed and interfered with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.stores import beside

from holdall.errors import StorageUnavailable
from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import Place, Request, StoreTarget

pytestmark = pytest.mark.covers("CV-16")

ANA = Choices("ana")


def record(number: int, *parts: dict[str, Any], role: str = "user", **fields: Any) -> dict[str, Any]:
    content: Any = list(parts) or f"message {number}"
    stamp = f"2026-03-01T10:{number // 60 % 60:02}:{number % 60:02}Z"
    message = {"role": role, "content": content}
    return {"type": role, "sessionId": "s-1", "uuid": f"u{number}", "timestamp": stamp, "message": message, **fields}


def call(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c{number}", "name": "Bash", "input": {"command": f"echo {number}"}}


def result(number: int, content: Any = "done", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"c{number}", "content": content, **fields}


def lines(count: int) -> list[str]:
    """A talk of ``count`` records, every third asking for a tool that the next one tells of."""
    records: list[dict[str, Any]] = []
    for number in range(count):
        parts = [[], [call(number)], [result(number - 1)]][number % 3]
        records.append(record(number, *parts, role="assistant" if number % 3 == 1 else "user"))
    return [json.dumps(item) for item in records]


def write(folder: Path, texts: Sequence[str], name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


async def bring(store: Store, path: Path, choices: Choices = ANA) -> FileReport:
    return await import_file(StoreTarget(store), path, choices)


async def originals(store: Store, session: str) -> list[str]:
    data = b"".join([piece async for piece in export(store, session, "original")])
    return data.decode().splitlines()


async def everything(store: Store, session: str) -> tuple[list[Any], list[Any], list[str]]:
    data = json.loads(b"".join([piece async for piece in export(store, session, "json")]))
    return data["messages"], data["tools"], data["originals"]


async def test_messages_originals_and_tool_runs_belong_together(store: Store, tmp_path: Path) -> None:
    report = await bring(store, write(tmp_path, lines(30)))
    assert report.clean
    (done,) = report.sessions
    assert (done.new, done.records, done.calls, done.present) == (True, 30, 10, 0)
    messages, tools, kept = await everything(store, done.session)
    assert kept == lines(30)
    assert [message["original"] for message in messages] == list(range(30))
    for run in tools:
        number = int(run["call"][1:])
        assert run["message"] == messages[number]["id"]
        assert (run["tool"], run["status"], run["result"], run["duration_ms"]) == ("Bash", "succeeded", "done", 1000)
        assert run["arguments"] == {"command": f"echo {number}"}
    session = await store.get(done.session)
    assert (session.owner, session.key, session.title) == ("ana", "claude-code:s-1", "message 0")


async def test_the_same_again_adds_nothing_and_a_longer_copy_only_what_is_new(store: Store, tmp_path: Path) -> None:
    first = await bring(store, write(tmp_path, lines(20)))
    again = await bring(store, write(tmp_path, lines(20), "copy.jsonl"))
    assert (again.sessions[0].present, sum(again.sessions[0].added.values())) == (20, 0)
    assert again.sessions[0].session == first.sessions[0].session
    longer = await bring(store, write(tmp_path, lines(33)))
    assert (longer.sessions[0].present, longer.sessions[0].added["messages"]) == (20, 13)
    messages, tools, kept = await everything(store, first.sessions[0].session)
    assert kept == lines(33)
    assert [message["original"] for message in messages] == list(range(33))
    assert {run["status"] for run in tools} == {"succeeded"}


async def test_records_are_matched_by_content_with_multiplicity(store: Store, tmp_path: Path) -> None:
    same = json.dumps({"type": "progress", "sessionId": "s-1", "data": 1})
    a, b, c = lines(3)
    await bring(store, write(tmp_path, [a, same, same, b]))
    report = await bring(store, write(tmp_path, [a, same + b, same, same, same, c]))
    assert [fault.line for fault in report.faults] == [2]
    (done,) = report.sessions
    assert (done.present, done.added["originals"]) == (3, 2)
    assert sorted(await originals(store, done.session)) == sorted([a, same, same, b, same, c])


async def test_disjoint_slices_are_stitched_into_one_session(store: Store, tmp_path: Path) -> None:
    whole = lines(40)
    reports = [await bring(store, write(tmp_path, whole[start : start + 10])) for start in range(0, 40, 10)]
    (session,) = {report.sessions[0].session for report in reports}
    assert await originals(store, session) == whole
    assert (await store.tool_runs(session, status="running")).items == []


async def test_a_result_that_arrives_later_ends_its_run(store: Store, tmp_path: Path) -> None:
    asked = json.dumps(record(1, call(1), call(2), call(3), role="assistant"))
    failed = json.dumps(record(4, result(2, [{"type": "text", "text": "boom"}], is_error=True), result(9)))
    large = json.dumps(record(6, result(1, "x" * 5000)))
    (done,) = (await bring(store, write(tmp_path, [asked]))).sessions
    assert len((await store.tool_runs(done.session, status="running")).items) == 3
    (done,) = (await bring(store, write(tmp_path, [asked, failed, large]))).sessions
    assert done.finished == 2
    runs = {run["call"]: run for run in (await store.tool_runs(done.session)).items}
    assert [runs[name]["status"] for name in ("c1", "c2", "c3")] == ["succeeded", "failed", "running"]
    assert "result" not in runs["c1"]  # it is in the message
    assert (runs["c1"]["duration_ms"], runs["c2"]["error"], runs["c2"]["duration_ms"]) == (5000, "boom", 3000)


async def test_new_makes_a_session_each_time_and_fields_can_be_said(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, lines(4))
    choices = Choices("ana", new=True, fields={"project": "site", "title": "Mine"})
    found = [(await bring(store, path, choices)).sessions[0].session for _ in range(2)]
    assert len(set(found)) == 2
    session = await store.get(found[0])
    assert (session.project, session.title, session.key) == ("site", "Mine", None)


async def test_a_nameless_transcript_is_called_after_its_file(store: Store, tmp_path: Path) -> None:
    texts = [json.dumps({"role": "user", "content": "hi"})]
    (done,) = (await bring(store, write(tmp_path, texts, "monday.jsonl"))).sessions
    assert (await store.get(done.session)).key == "openai:monday"


class TestLimits:
    @pytest.fixture
    def policy(self) -> dict[str, Any]:
        return {"max_message_bytes": 2000, "max_batch": 20, "max_page": 7}

    async def test_what_is_too_large_is_named_and_the_rest_is_kept(self, store: Store, tmp_path: Path) -> None:
        texts = lines(30)
        texts[3] = json.dumps({**record(3), "toolUseResult": "x" * 3000})  # the original only
        texts[6] = json.dumps(record(6, {"type": "text", "text": "y" * 3000}))  # both
        texts[9] = json.dumps(record(9, {"type": "text", "text": "é" * 230}, **{"n" * 200: 1}))  # a long name: neither
        report = await bring(store, write(tmp_path, texts))
        assert report.error is None
        assert {fault.line for fault in report.faults} == {4, 7}
        assert any("over the limit of 2,000" in fault.reason for fault in report.faults)
        (done,) = report.sessions
        kept = await originals(store, done.session)
        assert [n for n in range(30) if kept[n] != texts[n]] == [3, 6]
        assert json.loads(kept[3])["type"] == "holdall-omitted"
        assert done.added["messages"] == 29
        again = await bring(store, write(tmp_path, texts))
        assert (again.sessions[0].present, sum(again.sessions[0].added.values())) == (30, 0)

    async def test_steps_are_split_until_they_fit(self, store: Store, tmp_path: Path) -> None:
        report = await bring(store, write(tmp_path, lines(100)))
        assert report.clean
        assert await originals(store, report.sessions[0].session) == lines(100)

    async def test_what_json_stores_refuse_is_replaced_in_the_message_only(self, store: Store, tmp_path: Path) -> None:
        text = json.dumps(record(0, {"type": "text", "text": "a\ud83d", "big": 1 << 80}))
        report = await bring(store, write(tmp_path, [text]))
        assert report.clean
        messages, _, kept = await everything(store, report.sessions[0].session)
        assert kept == [text]
        assert messages[0]["content"] == [{"type": "text", "text": "a?", "big": str(1 << 80)}]


class TestFullSession:
    @pytest.fixture
    def policy(self) -> dict[str, Any]:
        return {"max_messages": 10}

    async def test_a_full_session_stops_the_file_with_one_reason(self, store: Store, tmp_path: Path) -> None:
        report = await bring(store, write(tmp_path, lines(30)))
        assert report.error is not None
        assert "limit of 10" in report.error
        assert "line 11" in report.error


class Dying(StoreTarget):
    """Fails at a chosen call: before it reaches the store, or after."""

    def __init__(self, store: Store, at: int, *, after: bool) -> None:
        super().__init__(store)
        self.left = at
        self.after = after

    async def append(self, place: Place, request: Request, key: str) -> Place:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise StorageUnavailable("gone")
        place = await super().append(place, request, key)
        if self.left == 0:
            raise StorageUnavailable("gone")
        return place


@pytest.mark.parametrize("after", [False, True])
async def test_an_import_that_dies_anywhere_is_run_again_to_the_same_end(
    store: Store, tmp_path: Path, after: bool
) -> None:
    texts = lines(1701)
    path = write(tmp_path, texts)
    for at in (1, 2, 1):
        with pytest.raises(StorageUnavailable):
            await import_file(Dying(store, at, after=after), path, ANA)
    report = await bring(store, path)
    messages, tools, kept = await everything(store, report.sessions[0].session)
    assert kept == texts
    assert [message["original"] for message in messages] == list(range(1701))
    assert len(tools) == sum('"tool_use"' in text for text in texts)
    assert {run["status"] for run in tools} == {"succeeded"}


class Interfered(StoreTarget):
    """Lets somebody else append to the session, once, right before the import does."""

    def __init__(self, store: Store, other: Store) -> None:
        super().__init__(store)
        self.other: Store | None = other

    async def append(self, place: Place, request: Request, key: str) -> Place:
        other, self.other = self.other, None
        if other is not None:
            await other.append(place.session, [{"role": "user", "content": "excuse me"}], originals=["{}"])
        return await super().append(place, request, key)


async def test_positions_hold_when_somebody_else_writes_meanwhile(store: Store, tmp_path: Path) -> None:
    report = await import_file(Interfered(store, beside(store)), write(tmp_path, lines(9)), ANA)
    assert report.clean
    messages, tools, kept = await everything(store, report.sessions[0].session)
    assert kept == ["{}", *lines(9)]
    assert [message.get("original") for message in messages] == [None, *range(1, 10)]
    assert [run["message"] for run in tools] == [messages[n]["id"] for n in (2, 5, 8)]


async def test_a_cleared_session_takes_the_transcript_again(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, write(tmp_path, lines(6)))).sessions
    await store.clear(done.session)
    (done,) = (await bring(store, write(tmp_path, lines(6)))).sessions
    messages, tools, _ = await everything(store, done.session)
    assert [message["original"] for message in messages] == list(range(6, 12))
    assert [run["message"] for run in tools] == [messages[1]["id"], messages[4]["id"]]


async def test_holdalls_own_form_makes_the_same_session_again(store: Store, tmp_path: Path) -> None:
    (done,) = (await bring(store, write(tmp_path, lines(12)))).sessions
    await store.clear(done.session)  # so that positions do not begin at 0
    (done,) = (await bring(store, write(tmp_path, lines(14)))).sessions
    await store.update(done.session, title="Named", tags=["a"], metadata={"k": 1}, project="site", ttl=999)
    await store.end(done.session, reason="enough")
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"".join([piece async for piece in export(store, done.session, "jsonl")]))
    here = await bring(store, path)
    assert (here.sessions[0].session, sum(here.sessions[0].added.values())) == (done.session, 0)
    copy = await bring(store, path, Choices("eve", new=True))
    assert copy.clean
    made, source = await store.get(copy.sessions[0].session), await store.get(done.session)
    for name in ("title", "tags", "metadata", "project", "status", "counts"):
        assert getattr(made, name) == getattr(source, name)
    assert made.as_dict()["ended"]["reason"] == "enough"
    old, new = await everything(store, source.id), await everything(store, made.id)
    assert new[2] == old[2]
    for before, after in zip(old[0], new[0], strict=True):
        assert {**before, "id": "", "original": before["original"] - 12} == {**after, "id": ""}
    for before, after in zip(old[1], new[1], strict=True):
        assert {**before, "id": "", "message": ""} == {**after, "id": "", "message": ""}
    assert [run["message"] for run in new[1]] == [new[0][n]["id"] for n in (1, 4, 7, 10, 13)]
    assert (await bring(store, path, Choices())).clean


async def test_a_broken_export_is_not_taken_for_a_whole_one(store: Store, tmp_path: Path) -> None:
    header = json.dumps({"type": "session", "format": "holdall", "version": 1, "session": {"id": "x"}})
    message = json.dumps({"type": "message", "message": {"role": "user", "content": "x"}})
    late = write(tmp_path, [message, header, header], "late.jsonl")
    report = await bring(store, late, Choices("ana", format="holdall"))
    assert [fault.line for fault in report.faults] == [1, 3]
    newer = write(tmp_path, [header.replace('"version": 1', '"version": 3'), message], "newer.jsonl")
    report = await bring(store, newer)
    assert "this reads version 2" in report.faults[0].reason


async def test_conversations_are_imported_once_each(store: Store, tmp_path: Path) -> None:
    talks = [json.dumps({"messages": [{"role": "user", "content": f"hi {n}"}] * 3}) for n in (1, 2, 1)]
    first = await bring(store, write(tmp_path, talks))
    assert len({done.session for done in first.sessions}) == 3
    again = await bring(store, write(tmp_path, [*talks, talks[1]]))
    assert [sum(done.added.values()) for done in again.sessions] == [0, 0, 0, 4]
    messages, _, kept = await everything(store, first.sessions[0].session)
    assert ([message["original"] for message in messages], kept) == ([0, 0, 0], talks[:1])


async def test_a_missing_file_and_an_ended_session_concern_their_file_only(store: Store, tmp_path: Path) -> None:
    assert (await bring(store, tmp_path / "nowhere.jsonl")).error == "No such file or directory"
    (done,) = (await bring(store, write(tmp_path, lines(3)))).sessions
    await store.end(done.session)
    assert (await bring(store, write(tmp_path, lines(3)))).clean  # nothing to add
    assert "has ended" in str((await bring(store, write(tmp_path, lines(4)))).error)
