"""Codex rollouts: response items are messages; events repeat them for a screen and are kept as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.codex_tokens import Counts
from holdall.formats.records import About, Entry, Fault, Record, Result, Run
from holdall.formats.single import OneSession
from holdall.formats.spent import spent
from holdall.formats.values import image, kept, milliseconds, parsed_json, part, small, text_of, titled

__all__ = ["READER"]

_KINDS = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
_TAKEN = frozenset({"type", "role", "content", "name", "arguments", "input", "action", "call_id", "output", "summary"})
_ROLES = ("user", "assistant", "system", "developer")


def matches(record: Record) -> bool:
    """Whether a record is of this format."""
    return record.value.get("type") in _KINDS and isinstance(record.value.get("payload"), dict)


def about(head: Sequence[Record]) -> About:
    """The session's id, and a title: the first words of its user."""
    nothing: dict[str, Any] = {}
    meta = next((_payload(record.value) for record in head if record.value.get("type") == "session_meta"), nothing)
    said = (_payload(record.value) for record in head)
    texts = (text_of(item.get("content")) for item in said if item.get("role") == "user")
    title = next(filter(None, map(titled, texts)), None)
    where = {name: meta[name] for name in ("cwd", "originator", "cli_version", "git") if meta.get(name)}
    identity = meta.get("id")
    return About(
        id=identity if isinstance(identity, str) else None,
        fields={"title": title, "metadata": {"agent": "codex", **small(where)}},
    )


def entries(lines: Iterable[Record | Fault]) -> Iterator[Entry | Fault]:
    """Every record, as a message where it is one."""
    model, counts = None, Counts()
    for line in lines:
        if isinstance(line, Fault):
            yield from counts.rest()
            yield line
            continue
        item = _payload(line.value)
        if line.value.get("type") == "turn_context":
            model = item.get("model", model)
        elif item.get("type") == "token_count":
            counts.told(item.get("info"))
        yield from counts.take(_entry(line, model))
    yield from counts.rest()


def _payload(value: Mapping[str, Any]) -> dict[str, Any]:
    payload = value.get("payload")
    return cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}


def _entry(record: Record, model: Any) -> Entry:
    value, item = record.value, _payload(record.value)
    outer, inner = value.get("type"), item.get("type")
    entry = Entry(
        record.line, str(inner if outer == "response_item" else f"{outer}/{inner}" if inner else outer), record.text
    )
    make = _ITEMS.get(inner) if outer == "response_item" and isinstance(inner, str) else None
    if make is None:
        return entry
    at = milliseconds(value.get("timestamp"))
    made = make(item, at, entry)
    if made is None:
        entry.note = f"a response item of type {inner!r} that cannot be read"
        return entry
    role, content = made
    metadata = kept(item, _TAKEN)
    metadata.pop("encrypted_content", None)
    entry.message = {"role": role, "content": content, "metadata": metadata}
    entry.message |= spent(model) if role == "assistant" else {}
    if at is not None:
        entry.message["created_at"] = at
    return entry


Made = tuple[str, list[dict[str, Any]]] | None


def _said(item: Mapping[str, Any], at: int | None, entry: Entry) -> Made:  # noqa: ARG001 - as all of them
    content = item.get("content")
    if item.get("role") not in _ROLES:
        return None
    if not isinstance(content, list):
        return item["role"], [{"type": "text", "text": content if isinstance(content, str) else ""}]
    return item["role"], [_part(source) for source in cast("list[Any]", content)]


def _part(item: Any) -> dict[str, Any]:
    source = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    if isinstance(source.get("text"), str):
        return part("text", source, text=source["text"])
    if source.get("type") == "input_image":
        return image(source, source.get("image_url"), ("image_url",))
    return {"type": "data", "data": item}


def _thought(item: Mapping[str, Any], at: int | None, entry: Entry) -> Made:  # noqa: ARG001 - as all of them
    text = "\n\n".join(filter(None, (text_of(item.get("summary")), text_of(item.get("content")))))
    secret = item.get("encrypted_content")
    sealed = {"encrypted_content": secret} if isinstance(secret, str) else {}
    return "assistant", [{"type": "thinking", "text": text, **sealed}]


def _called(item: Mapping[str, Any], at: int | None, entry: Entry) -> Made:
    """A call of any kind. One that has no output of its own says itself how it ended."""
    kind = str(item["type"])
    call = item.get("call_id") or item.get("id")
    name = item.get("name") or kind.removesuffix("_call")
    if not isinstance(call, str):
        call = f"line-{entry.line}"
    if not isinstance(name, str):
        return None
    asked = next((item[field] for field in ("arguments", "input", "action") if item.get(field) is not None), None)
    arguments = parsed_json(asked)
    fields: dict[str, Any] = {"tool": name, "call": call, "arguments": arguments, "status": "running"}
    if at is not None:
        fields["started_at"] = at
    entry.runs.append(Run(fields))
    if kind == "web_search_call" and item.get("status") in ("completed", "failed"):
        entry.results.append(Result(call, None, item["status"] == "failed"))
    return "assistant", [{"type": "tool_call", "id": call, "name": name, "arguments": arguments}]


def _answered(item: Mapping[str, Any], at: int | None, entry: Entry) -> Made:
    call, output = item.get("call_id"), item.get("output")
    if not isinstance(call, str):
        return None
    failed = _failed(output)
    entry.results.append(Result(call, output, failed, at))
    return "tool", [{"type": "tool_result", "id": call, "content": output, "is_error": failed}]


def _failed(output: Any) -> bool:
    """Whether an output tells of a failure: by a flag, or by the exit code in its metadata."""
    told: Any = parsed_json(output)
    if not isinstance(told, dict):
        return False
    fields = cast("dict[str, Any]", told)
    metadata = fields.get("metadata")
    code = cast("dict[str, Any]", metadata).get("exit_code") if isinstance(metadata, dict) else None
    return fields.get("success") is False or code not in (None, 0)


_ITEMS: Mapping[str, Callable[[Mapping[str, Any], int | None, Entry], Made]] = {
    "message": _said,
    "reasoning": _thought,
    "function_call": _called,
    "custom_tool_call": _called,
    "local_shell_call": _called,
    "web_search_call": _called,
    "function_call_output": _answered,
    "custom_tool_call_output": _answered,
}


READER = OneSession(matches, about, entries)
"""Reads them."""
