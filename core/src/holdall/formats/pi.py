"""Sessions of the pi coding agent: records of type ``message`` are messages, all others are kept as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.records import About, Entry, Fault, Record, Result, Run
from holdall.formats.single import OneSession
from holdall.formats.spent import say, spent
from holdall.formats.values import fields_of, json_of, kept, milliseconds, part, small, text_of, titled

__all__ = ["READER"]

_ROLES = {"user": "user", "assistant": "assistant", "toolResult": "tool", "bashExecution": "user"}
_TAKEN = frozenset({"role", "content", "timestamp", "toolCallId", "toolName", "isError", "command", "output"})
_NAME = 200


def matches(record: Record) -> bool:
    """Whether a record is of this format."""
    value = record.value
    if value.get("type") == "session":
        return "cwd" in value and "timestamp" in value
    return (
        value.get("type") == "message"
        and "timestamp" in value
        and fields_of(value.get("message")).get("role") in _ROLES
    )


def about(head: Sequence[Record]) -> About:
    """The session's id, and a title: the first words of its user."""
    nothing: dict[str, Any] = {}
    first = next((record.value for record in head if record.value.get("type") == "session"), nothing)
    said = (fields_of(record.value.get("message")) for record in head)
    texts = (text_of(message.get("content")) for message in said if message.get("role") == "user")
    where = {name: first[name] for name in ("cwd", "provider", "modelId", "branchedFrom") if first.get(name)}
    identity = first.get("id")
    return About(
        id=identity if isinstance(identity, str) else None,
        fields={"title": next(filter(None, map(titled, texts)), None), "metadata": {"agent": "pi", **small(where)}},
    )


def entries(lines: Iterable[Record | Fault]) -> Iterator[Entry | Fault]:
    """Every record, as a message where it is one."""
    for line in lines:
        yield line if isinstance(line, Fault) else _entry(line)


def _entry(record: Record) -> Entry:
    value = record.value
    kind, message = value.get("type"), fields_of(value.get("message"))
    role = message.get("role")
    if kind != "message":
        return Entry(record.line, kind if isinstance(kind, str) else "unknown", record.text)
    entry = Entry(record.line, role if isinstance(role, str) else "message", record.text)
    if role not in _ROLES:
        entry.note = f"is a message of {role!r}, who is nobody known"
        return entry
    at = milliseconds(value.get("timestamp"))
    entry.message = {
        "role": _ROLES[role],
        "content": _content(message, role, at, entry),
        "metadata": kept(message, _TAKEN),
    }
    if role == "assistant":
        _took(entry.message, message)
    if at is not None:
        entry.message["created_at"] = at
    return entry


_TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cacheRead": "cache_read_input_tokens",
    "cacheWrite": "cache_creation_input_tokens",
}
"""What pi calls them, and Anthropic, who counts the same."""


def _took(made: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Make fields of the model, and what it took."""
    told = fields_of(message.get("usage"))
    usage = {name: told[of] for of, name in _TOKENS.items() if of in told}
    say(made, spent(message.get("model"), usage, fields_of(told.get("cost")).get("total")))


def _content(message: Mapping[str, Any], role: str, at: int | None, entry: Entry) -> str | list[dict[str, Any]]:
    content = message.get("content")
    call = message.get("toolCallId")
    if role == "toolResult" and isinstance(call, str):
        failed = message.get("isError") is True
        entry.results.append(Result(call, content, failed, at))
        return [{"type": "tool_result", "id": call, "content": content, "is_error": failed}]
    if role == "bashExecution":  # what the user ran himself, and let the model see
        told = (message[name] for name in ("command", "output") if isinstance(message.get(name), str))
        return "\n".join(told)
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return [_part(item, at, entry) for item in cast("list[Any]", content)]


def _part(item: Any, at: int | None, entry: Entry) -> dict[str, Any]:
    source = fields_of(item)
    kind = source.get("type")
    if kind == "text" and isinstance(source.get("text"), str):
        return part("text", source, text=source["text"])
    if kind == "thinking" and isinstance(source.get("thinking"), str):
        return part("thinking", source, ("thinking",), text=source["thinking"])
    if kind == "image" and isinstance(source.get("data"), str) and isinstance(source.get("mimeType"), str):
        return part("image", source, ("mimeType",), data=source["data"], media_type=source["mimeType"])
    name, call = source.get("name"), source.get("id")
    if kind != "toolCall" or not isinstance(name, str) or not name or not isinstance(call, str):
        return {"type": "data", "data": item}
    arguments = source.get("arguments")
    fields: dict[str, Any] = {"tool": name[:_NAME], "call": call[:_NAME], "arguments": json_of(arguments)}
    entry.runs.append(Run({**fields, "status": "running"} | ({} if at is None else {"started_at": at})))
    return part("tool_call", source, id=call, name=name, arguments=arguments)


READER = OneSession(matches, about, entries)
"""Reads them."""
