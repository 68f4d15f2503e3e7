"""No record, however wrong its shape, makes a reader fail: it becomes a message, an original or a named fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdall.errors import HoldallError
from holdall.formats.reading import transcripts

TIME = "2026-03-01T10:00:00.250Z"
ODD: list[Any] = [None, True, -1, 1.5, "", "x", [], {}, [[]], [{}], {"type": {}}, [{"type": []}], [None, 1]]
CLAUDE = [
    {"type": "user", "sessionId": "s", "uuid": "1", "timestamp": TIME, "message": {"role": "user", "content": "hi"}},
    {"type": "assistant", "sessionId": "s", "uuid": "2", "timestamp": TIME, "message": {"role": "assistant", "content": [
        {"type": "text", "text": "t"}, {"type": "tool_use", "id": "c", "name": "Bash", "input": {"command": "ls"}}]}},
    {"type": "user", "sessionId": "s", "uuid": "3", "timestamp": TIME, "toolUseResult": {"stdout": "a"},
     "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "a", "is_error": False}]}},
]  # fmt: skip
CODEX = [
    {"timestamp": TIME, "type": "session_meta", "payload": {"id": "c", "cwd": "/"}},
    {"timestamp": TIME, "type": "turn_context", "payload": {"model": "m"}},
    {"timestamp": TIME, "type": "response_item", "payload": {"type": "message", "role": "user",
     "content": [{"type": "input_text", "text": "t"}]}},
    {"timestamp": TIME, "type": "response_item", "payload": {"type": "function_call", "name": "shell",
     "arguments": "{}", "call_id": "f"}},
    {"timestamp": TIME, "type": "response_item", "payload": {"type": "function_call_output", "call_id": "f",
     "output": '{"output": "x", "metadata": {"exit_code": 2}}'}},
]  # fmt: skip
OPENAI = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c", "content": "done"},
]  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if here:
        yield here
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*here, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, (*here, at))


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    changed = copy.deepcopy(value)
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = odd
    return changed


@pytest.mark.covers("CV-16", "SE-07")
@pytest.mark.parametrize("records", [CLAUDE, CODEX, OPENAI], ids=["claude-code", "codex", "openai"])
def test_a_value_of_any_shape_in_any_place_is_read(tmp_path: Path, records: list[Any]) -> None:
    """Every value of a transcript is put in the place of every other kind of value, one at a time."""
    file = tmp_path / "t.jsonl"
    for path in paths(records):
        for odd in ODD:
            file.write_text("".join(json.dumps(record) + "\n" for record in replaced(records, path, odd)))
            try:
                for transcript in transcripts(file, None):
                    list(getattr(transcript, "entries", list)())
            except HoldallError:
                continue  # refused in words, as a file whose format cannot be told
            except Exception as error:
                error.add_note(f"with {odd!r} at {path}")
                raise
