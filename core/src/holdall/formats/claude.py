"""Claude Code transcripts: records of type ``user`` and ``assistant`` are messages, all others are kept as they are.

Those of a sidechain are messages of a sub-conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.records import About, Entry, Fault, Record, Result, Run
from holdall.formats.sidechains import Sidechains
from holdall.formats.single import OneSession
from holdall.formats.spent import Answers, say, spent
from holdall.formats.values import fields_of, image, kept, milliseconds, part, small, text_of, titled

__all__ = ["READER"]

_KINDS = ("user", "assistant", "system", "summary", "progress", "file-history-snapshot", "queue-operation")
_OUTSIDE = frozenset({"type", "message", "timestamp", "toolUseResult", "sessionId", "userType"})
"""Fields of a record that are not the message's: said otherwise, the same all over, or in the original."""
_INSIDE = frozenset({"role", "content", "type", "id"})


def matches(record: Record) -> bool:
    """Whether a record is of this format."""
    value = record.value
    if value.get("type") not in _KINDS:
        return False
    return "sessionId" in value or "uuid" in value or "leafUuid" in value or "messageId" in value


def about(head: Sequence[Record]) -> About:
    """The session's id, and a title: its first summary, or the first words of its user."""
    values = [record.value for record in head]
    nothing: dict[str, Any] = {}
    first = next((value for value in values if value.get("sessionId")), nothing)
    summary = next((value["summary"] for value in values if isinstance(value.get("summary"), str)), None)
    spoken = (value for value in values if value.get("type") == "user" and not _put_in(value))
    said = (text_of(_message(value).get("content")) for value in spoken)
    title = next(filter(None, map(titled, [summary] if summary else said)), None)
    where = {name: first[name] for name in ("cwd", "gitBranch", "version") if isinstance(first.get(name), str)}
    return About(
        id=first.get("sessionId"), fields={"title": title, "metadata": {"agent": "claude-code", **small(where)}}
    )


def entries(lines: Iterable[Record | Fault]) -> Iterator[Entry | Fault]:
    """Every record, as a message where it is one."""
    sidechains, answers = Sidechains(), Answers()
    for line in lines:
        if isinstance(line, Fault):
            yield line
        else:
            entry = _entry(line, answers)
            entry.sub = sidechains.of(line.value, entry)
            yield entry


def _entry(record: Record, answers: Answers) -> Entry:
    value = record.value
    kind = value.get("type")
    entry = Entry(record.line, kind if isinstance(kind, str) else "unknown", record.text)
    message = _message(value)
    if kind not in ("user", "assistant"):
        return entry
    if message.get("role") not in ("user", "assistant", "system"):
        entry.note = f"a record of type {kind!r} without a message that can be read"
        return entry
    at = milliseconds(value.get("timestamp"))
    metadata = {**kept(value, _OUTSIDE), **kept(message, _INSIDE)}
    if isinstance(message.get("id"), str):
        metadata["message_id"] = message["id"]
    content = _content(message.get("content"), at, entry)
    role = "system" if _put_in(value) else message["role"]
    entry.message = {"role": role, "content": content, "metadata": metadata}
    if role == "assistant":
        _took(entry.message, value, message, answers)
    if at is not None:
        entry.message["created_at"] = at
    return entry


def _took(message: dict[str, Any], value: Mapping[str, Any], said: Mapping[str, Any], answers: Answers) -> None:
    """Make fields of what an answer of the model took, of which each of its records tells again."""
    usage = fields_of(said.get("usage"))
    found = spent(said.get("model"), usage, value.get("costUSD"), value.get("durationMs"))
    say(message, found, cost_usd=["costUSD"], latency_ms=["durationMs"])
    if isinstance(said.get("id"), str):
        answers.lessen(message, (said["id"], str(value.get("requestId"))))


def _put_in(value: Mapping[str, Any]) -> bool:
    """Whether the program says it in its user's place: caveats, and at a compaction a summary of all that was said."""
    return value.get("isMeta") is True or value.get("isCompactSummary") is True


def _message(value: Mapping[str, Any]) -> dict[str, Any]:
    message = value.get("message")
    return cast("dict[str, Any]", message) if isinstance(message, dict) else {}


def _content(content: Any, at: int | None, entry: Entry) -> str | list[dict[str, Any]]:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    parts: list[dict[str, Any]] = []
    for item in cast("list[Any]", content):
        source: dict[str, Any] = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        kind = source.get("type")
        make = _PARTS.get(kind) if isinstance(kind, str) else None
        made = None if make is None else make(source)
        if made is None:
            known = isinstance(kind, str) and 0 < len(kind) <= 64 and kind not in _OURS  # noqa: PLR2004 - OtherPart
            made = source if known else dict[str, Any](type="data", data=item)
        parts.append(made)
        _note_tools(made, at, entry)
    return parts


_OURS = ("text", "thinking", "tool_call", "tool_result", "image", "file", "data")


def _note_tools(made: Mapping[str, Any], at: int | None, entry: Entry) -> None:
    """Remember that a part asks for a tool, or tells how one ended."""
    if made["type"] == "tool_call":
        fields = {"tool": made["name"], "call": made["id"], "arguments": made["arguments"], "status": "running"}
        entry.runs.append(Run(fields if at is None else {**fields, "started_at": at}))
    elif made["type"] == "tool_result":
        entry.results.append(Result(made["id"], made.get("content"), bool(made["is_error"]), at))


def _text(source: Mapping[str, Any]) -> dict[str, Any] | None:
    return part("text", source, text=source["text"]) if isinstance(source.get("text"), str) else None


def _thinking(source: Mapping[str, Any]) -> dict[str, Any] | None:
    text = source.get("thinking")
    return part("thinking", source, ("thinking",), text=text) if isinstance(text, str) else None


def _call(source: Mapping[str, Any]) -> dict[str, Any] | None:
    name, call = source.get("name"), source.get("id")
    if not isinstance(name, str) or not isinstance(call, str):
        return None
    return part("tool_call", source, ("input",), id=call, name=name, arguments=source.get("input"))


def _result(source: Mapping[str, Any]) -> dict[str, Any] | None:
    call, failed = source.get("tool_use_id"), source.get("is_error") is True
    if not isinstance(call, str):
        return None
    return part("tool_result", source, ("tool_use_id",), id=call, content=source.get("content"), is_error=failed)


def _image(source: Mapping[str, Any]) -> dict[str, Any] | None:
    inner = source.get("source")
    if not isinstance(inner, dict):
        return None
    where = cast("dict[str, Any]", inner)
    if isinstance(where.get("data"), str) and isinstance(where.get("media_type"), str):
        return part("image", source, ("source",), data=where["data"], media_type=where["media_type"])
    return image(source, where.get("url"), ("source",))


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
    "text": _text,
    "thinking": _thinking,
    "tool_use": _call,
    "tool_result": _result,
    "image": _image,
}


READER = OneSession(matches, about, entries)
"""Reads them."""
