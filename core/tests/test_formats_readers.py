"""Transcripts are read as they are written: every record, its message, its tool calls, and every fault by line."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdall.errors import Invalid
from holdall.formats.reading import transcripts
from holdall.formats.records import Entry, Fault, Transcript

pytestmark = pytest.mark.covers("CV-16")

TIME = "2026-03-01T10:00:00.250Z"
MS = 1_772_359_200_250

USER = {"type": "user", "sessionId": "s-1", "uuid": "u1", "parentUuid": None, "isSidechain": False, "timestamp": TIME,
        "cwd": "/home/ana/site", "message": {"role": "user", "content": "please list the files"}}  # fmt: skip
ASKS = {"type": "assistant", "sessionId": "s-1", "uuid": "u2", "parentUuid": "u1", "timestamp": TIME,
        "requestId": "r1", "message": {"role": "assistant", "id": "m1", "model": "model-x", "type": "message",
        "usage": {"output_tokens": 7}, "content": [
            {"type": "thinking", "thinking": "they want a list", "signature": "c2ln"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "call-1", "name": "Bash", "input": {"command": "ls"}},
        ]}}  # fmt: skip
TOLD = {"type": "user", "sessionId": "s-1", "uuid": "u3", "parentUuid": "u2", "timestamp": "2026-03-01T10:00:01.750Z",
        "toolUseResult": {"stdout": "a b"}, "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call-1", "content": "a b", "is_error": False},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ]}}  # fmt: skip
SUMMARY = {"type": "summary", "summary": "Listing files", "leafUuid": "u3"}


def write(path: Path, *records: Any, end: str = "\n") -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + end)
    return path


def read(path: Path, name: str | None = None) -> tuple[Transcript, list[Entry], list[Fault]]:
    (transcript,) = transcripts(path, name)
    assert isinstance(transcript, Transcript)
    found = list(transcript.entries())
    return transcript, [e for e in found if isinstance(e, Entry)], [f for f in found if isinstance(f, Fault)]


def test_what_claude_code_says_in_its_users_place_is_not_the_users(tmp_path: Path) -> None:
    told = {"sessionId": "s-1", "timestamp": TIME}
    summary = {**told, "type": "user", "uuid": "u8", "isCompactSummary": True,
               "message": {"role": "user", "content": "This session is being continued …"}}  # fmt: skip
    caveat = {**told, "type": "user", "uuid": "u7", "isMeta": True,
              "message": {"role": "user", "content": [{"type": "text", "text": "The messages below …"}]}}  # fmt: skip
    boundary = {**told, "type": "system", "subtype": "compact_boundary", "uuid": "u6", "content": "Conversation compacted",
                "compactMetadata": {"trigger": "auto", "preTokens": 155_000}}  # fmt: skip
    transcript, entries, faults = read(write(tmp_path / "t.jsonl", boundary, summary, caveat, USER))
    assert (transcript.about.fields["title"], faults) == ("please list the files", [])
    assert entries[0].message is None
    assert entries[0].original == json.dumps(boundary)
    messages = [entry.message for entry in entries if entry.message is not None]
    assert [message["role"] for message in messages] == ["system", "system", "user"]
    assert [entry.kind for entry in entries] == ["system", "user", "user", "user"]
    assert [message["metadata"].get("isCompactSummary") for message in messages] == [True, None, None]


def test_results_of_calls_that_ran_side_by_side_follow_each_other(tmp_path: Path) -> None:
    """Both records name the same parent; that makes no branch."""
    calls = [{"type": "tool_use", "id": f"call-{n}", "name": "Bash", "input": {}} for n in (1, 2)]
    asks = {**ASKS, "message": {**ASKS["message"], "content": calls}}
    results = [
        {**TOLD, "uuid": f"r{n}", "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": f"call-{n}", "content": str(n)}]}}
        for n in (2, 1)
    ]  # fmt: skip
    _, entries, _ = read(write(tmp_path / "t.jsonl", USER, asks, *results))
    assert [(entry.sub, entry.branch, entry.parent) for entry in entries] == [(None, None, None)] * 4
    assert [result.call for entry in entries for result in entry.results] == ["call-2", "call-1"]


def test_claude_code_records_become_messages_with_everything_useful(tmp_path: Path) -> None:
    transcript, entries, faults = read(write(tmp_path / "t.jsonl", SUMMARY, USER, ASKS, TOLD))
    assert (transcript.format, transcript.about.id, faults) == ("claude-code", "s-1", [])
    assert transcript.about.fields["title"] == "Listing files"
    assert [entry.kind for entry in entries] == ["summary", "user", "assistant", "user"]
    assert entries[0].message is None
    said = entries[1].message
    assert said is not None
    assert (said["role"], said["content"], said["created_at"]) == ("user", "please list the files", MS)
    assert said["metadata"] == {"uuid": "u1", "isSidechain": False, "cwd": "/home/ana/site"}
    asked = entries[2].message
    assert asked is not None
    assert asked["content"] == [
        {"type": "thinking", "text": "they want a list", "signature": "c2ln"},
        {"type": "text", "text": "Looking."},
        {"type": "tool_call", "id": "call-1", "name": "Bash", "arguments": {"command": "ls"}},
    ]
    assert (asked["model"], asked["usage"]) == ("model-x", {"output_tokens": 7})
    assert asked["metadata"] == {"uuid": "u2", "parentUuid": "u1", "requestId": "r1", "message_id": "m1"}
    assert [run.fields["tool"] for run in entries[2].runs] == ["Bash"]
    told = entries[3].message
    assert told is not None
    assert told["content"] == [
        {"type": "tool_result", "id": "call-1", "content": "a b", "is_error": False},
        {"type": "image", "media_type": "image/png", "data": "AAAA"},
    ]
    (result,) = entries[3].results
    assert (result.call, result.failed, result.at) == ("call-1", False, MS + 1500)
    assert "toolUseResult" not in told["metadata"]


def test_originals_are_the_lines_as_they_stand(tmp_path: Path) -> None:
    lines = ['{"type": "summary",   "summary":"a\\u0041", "leafUuid": "x"}', '{"type":"user","uuid":"é","message":{}}']
    _, entries, _ = read(write(tmp_path / "t.jsonl", *lines))
    assert [entry.original for entry in entries] == lines
    assert entries[1].note is not None  # a user record that says nothing


def test_pi_records_become_messages_and_calls_end_with_their_results(tmp_path: Path) -> None:
    session = {"type": "session", "id": "p-1", "timestamp": TIME, "cwd": "/home/ana/site", "provider": "x"}
    said = [
        {"role": "user", "content": [{"type": "text", "text": "read it"}], "timestamp": MS},
        {"role": "assistant", "model": "model-x", "content": [
            {"type": "thinking", "thinking": "so be it"},
            {"type": "toolCall", "id": "c1", "name": "read", "arguments": {"path": "a"}},
            {"type": "toolCall", "name": "nameless"},
        ]},
        {"role": "toolResult", "toolCallId": "c1", "toolName": "read", "isError": True, "content": [{"type": "text", "text": "no"}]},
        {"role": "bashExecution", "command": "ls", "output": "a b\n", "exitCode": 0},
        {"role": "elf"},
    ]  # fmt: skip
    lines = [session, *({"type": "message", "timestamp": TIME, "message": message} for message in said)]
    lines.append({"type": "compaction", "timestamp": TIME, "summary": "They read."})
    transcript, entries, _ = read(write(tmp_path / "p.jsonl", *lines))
    assert (transcript.format, transcript.about.id) == ("pi", "p-1")
    assert transcript.about.fields == {
        "title": "read it", "metadata": {"agent": "pi", "cwd": "/home/ana/site", "provider": "x"},
    }  # fmt: skip
    assert [entry.kind for entry in entries] == [
        "session", "user", "assistant", "toolResult", "bashExecution", "elf", "compaction",
    ]  # fmt: skip
    made = [entry.message for entry in entries if entry.message is not None]
    assert [message["role"] for message in made] == ["user", "assistant", "tool", "user"]
    assert made[1]["content"] == [
        {"type": "thinking", "text": "so be it"},
        {"type": "tool_call", "id": "c1", "name": "read", "arguments": {"path": "a"}},
        {"type": "data", "data": {"type": "toolCall", "name": "nameless"}},
    ]
    assert (made[1]["model"], made[1]["metadata"], made[1]["created_at"]) == ("model-x", {}, MS)
    assert (made[3]["content"], made[3]["metadata"]) == ("ls\na b\n", {"exitCode": 0})
    ((result,),) = [entry.results for entry in entries if entry.results]
    assert (result.call, result.failed) == ("c1", True)
    assert entries[5].note == "is a message of 'elf', who is nobody known"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"type":"user"}{"type":"user"}', "two records glued together, the second from column 16"),
        ('{"type":"user",', "not JSON"),
        ('["user"]', "a JSON array, not an object"),
        ("7", "a JSON number, not an object"),
        ('{"n": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_kept(tmp_path: Path, line: str, reason: str) -> None:
    _, entries, (fault,) = read(write(tmp_path / "t.jsonl", USER, line, ASKS))
    assert fault.line == 2
    assert reason in fault.reason
    assert [entry.line for entry in entries] == [1, 3]


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", USER)
    path.write_bytes(path.read_bytes() + b'{"a":"\xff"}\n')
    _, entries, (fault,) = read(path)
    assert (fault.line, fault.reason, len(entries)) == (2, "is not UTF-8 (byte 7)", 1)


def test_the_last_line_may_lack_its_line_feed_but_not_its_end(tmp_path: Path) -> None:
    _, entries, faults = read(write(tmp_path / "whole.jsonl", USER, ASKS, end=""))
    assert (len(entries), faults) == (2, [])
    _, entries, (fault,) = read(write(tmp_path / "cut.jsonl", USER, json.dumps(ASKS)[:-9], end=""))
    assert (len(entries), fault.line) == (1, 2)
    assert "cut short" in fault.reason


def test_blank_lines_and_a_byte_order_mark_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\ufeff" + json.dumps(USER) + "\r\n\n  \n" + json.dumps(ASKS) + "\n")
    _, entries, faults = read(path)
    assert ([entry.line for entry in entries], faults) == ([1, 4], [])
    assert entries[0].original == "\ufeff" + json.dumps(USER) + "\r"


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    packed = gzip.compress((json.dumps(USER) + "\n" + json.dumps(ASKS) + "\n").encode())
    (tmp_path / "t.jsonl").write_bytes(packed)
    _, entries, faults = read(tmp_path / "t.jsonl")
    assert (len(entries), faults) == (2, [])
    (tmp_path / "cut.jsonl").write_bytes(packed[:-12])
    _, entries, (fault,) = read(tmp_path / "cut.jsonl", "claude-code")
    assert "compressed file is damaged" in fault.reason


def test_parts_that_are_not_as_expected_survive(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": None}, {"type": "server_tool_use", "id": "x"}, "bare", {"type": "image"}, {}]
    record = {**USER, "message": {"role": "user", "content": parts}}
    _, (entry,), faults = read(write(tmp_path / "t.jsonl", record))
    assert entry.message is not None
    assert entry.message["content"] == [
        {"type": "data", "data": {"type": "text", "text": None}},
        {"type": "server_tool_use", "id": "x"},
        {"type": "data", "data": "bare"},
        {"type": "data", "data": {"type": "image"}},
        {"type": "data", "data": {}},
    ]
    assert faults == []


def codex(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": TIME, "type": kind, "payload": payload}


def test_codex_response_items_become_messages_and_events_do_not(tmp_path: Path) -> None:
    failed = json.dumps({"output": "no such file", "metadata": {"exit_code": 2}})
    path = write(
        tmp_path / "rollout.jsonl",
        codex("session_meta", id="c-1", cwd="/home/ana", cli_version="0.40.0"),
        codex("turn_context", model="model-y"),
        codex("response_item", type="message", role="user", content=[{"type": "input_text", "text": "Fix the door"}]),
        codex("event_msg", type="user_message", message="Fix the door"),
        codex("response_item", type="reasoning", summary=[{"type": "summary_text", "text": "hm"}],
              encrypted_content="sealed"),
        codex("response_item", type="function_call", name="shell", arguments='{"command":["ls"]}', call_id="f1"),
        codex("response_item", type="function_call_output", call_id="f1", output=failed),
        codex("response_item", type="custom_tool_call", name="apply_patch", input="*** Begin", call_id="f2"),
        codex("response_item", type="custom_tool_call_output", call_id="f2", output="done"),
        codex("response_item", type="web_search_call", status="completed", action={"query": "doors"}),
        codex("response_item", type="ghost_snapshot", ghost_commit={}),
    )  # fmt: skip
    transcript, entries, faults = read(path)
    assert (transcript.format, transcript.about.id, faults) == ("codex", "c-1", [])
    assert transcript.about.fields["title"] == "Fix the door"
    messages = [entry.message for entry in entries if entry.message is not None]
    assert [message["role"] for message in messages] == [
        "user",
        *["assistant"] * 2,
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]
    assert messages[1]["content"] == [{"type": "thinking", "text": "hm", "encrypted_content": "sealed"}]
    assert messages[2]["content"][0]["arguments"] == {"command": ["ls"]}
    assert (messages[2]["model"], messages[2]["metadata"]) == ("model-y", {})
    assert "model" not in messages[0]
    results = [result for entry in entries for result in entry.results]
    assert [(result.call, result.failed) for result in results] == [("f1", True), ("f2", False), ("line-10", False)]
    kinds = Counter(entry.kind for entry in entries)
    assert kinds["message"] == kinds["reasoning"] == kinds["event_msg/user_message"] == 1


def test_openai_messages_one_a_line(tmp_path: Path) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "x"}'}}]
    path = write(
        tmp_path / "chat.jsonl",
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "ana", "content": [
            {"type": "text", "text": "Find x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "audio": {"id": "a"}},
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
        {"role": "alien", "content": "?"},
    )  # fmt: skip
    transcript, entries, faults = read(path)
    assert (transcript.format, faults) == ("openai", [])
    assert transcript.about.fields["title"] == "Find x"
    messages = [entry.message for entry in entries if entry.message is not None]
    assert messages[0] == {"role": "system", "content": "Be brief."}
    assert messages[1]["name"] == "ana"
    assert messages[1]["content"][1] == {"type": "image", "media_type": "image/png", "data": "AA=="}
    assert messages[2]["content"] == [{"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": "x"}}]
    assert messages[2]["metadata"] == {"audio": {"id": "a"}}
    assert messages[3]["content"] == [{"type": "tool_result", "id": "c1", "content": "found"}]
    assert entries[4].note is not None


def test_openai_conversations_are_a_session_each(tmp_path: Path) -> None:
    talk = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    path = write(tmp_path / "talks.jsonl", talk, {**talk, "model": "m"}, "oops", {"other": 1}, talk)
    found = list(transcripts(path))
    faults = [fault for fault in found if isinstance(fault, Fault)]
    talks = [talk for talk in found if isinstance(talk, Transcript)]
    assert [fault.line for fault in faults] == [3, 4]
    assert len({talk.about.id for talk in talks}) == 3
    first = list(talks[0].entries())
    assert [isinstance(entry, Entry) and entry.original is not None for entry in first] == [True, False]
    assert talks[1].about.fields["metadata"] == {"model": "m"}


def test_what_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"hello": 1})
    with pytest.raises(Invalid, match="name it with --format"):
        list(transcripts(path))
    _, entries, _ = read(path, "claude-code")
    assert [entry.kind for entry in entries] == ["unknown"]
    with pytest.raises(Invalid, match="must be one of holdall, claude-code, "):
        list(transcripts(path, "word"))
