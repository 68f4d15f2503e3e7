"""Gemini CLI sessions: one document, its messages in a row; what tools answered stands in the message that asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from holdall.formats.many import ManySessions
from holdall.formats.pieces import Item, Layout, head_of, items_of
from holdall.formats.records import About, Entry, Record, Run, Transcript
from holdall.formats.spent import say, spent
from holdall.formats.trees import Tree, in_row
from holdall.formats.values import fields_of, json_of, kept, milliseconds, part, small, text_of, titled

__all__ = ["READER"]

_LAYOUT = Layout("messages")
_ROLES = {"user": "user", "gemini": "assistant"}
_TAKEN = frozenset({"id", "type", "content", "timestamp", "thoughts", "toolCalls"})
_ENDS = {"success": "succeeded", "error": "failed", "cancelled": "failed"}
_NAME, _SMALL = 200, 4096


def matches(record: Record) -> bool:
    """Whether a record is a session."""
    value = record.value
    return isinstance(value.get("messages"), list) and "sessionId" in value and "projectHash" in value


def conversation(record: Record) -> Transcript:
    """The session that a file is."""
    value = record.value
    items = list(items_of(value, _LAYOUT, lambda fields, _: fields.get("id")))
    tree = Tree(record.line, head_of(value, _LAYOUT), items, in_row(items), items[-1].id if items else None)
    said = (text_of(item.fields.get("content")) for item in items if item.fields.get("type") == "user")
    identity = value["sessionId"]
    about = About(
        id=identity if isinstance(identity, str) else None,
        fields={
            "title": next(filter(None, map(titled, said)), None),
            "metadata": {"agent": "gemini-cli", **small(kept(value, frozenset({"messages", "sessionId"})))},
        },
    )
    return Transcript(about, lambda: tree.entries("session", _entries), "nodes")


def _entries(item: Item) -> Sequence[Entry]:
    value = item.fields
    kind = value.get("type")
    if kind not in _ROLES:  # what the program told its user: kept as it is
        return [Entry(0, kind if isinstance(kind, str) else "unknown")]
    at = milliseconds(value.get("timestamp"))
    calls = [call for call in _objects(value.get("toolCalls")) if isinstance(call.get("name"), str) and call["name"]]
    parts = [*_thoughts(value), *_said(value.get("content")), *map(_call, calls)]
    text = value.get("content")
    message: dict[str, Any] = {
        "role": _ROLES[kind],
        "content": text if parts == _said(text) and isinstance(text, str) else parts,
    }
    message = {**message, "metadata": kept(value, _TAKEN)}
    found = spent(value.get("model"), _usage(fields_of(value.get("tokens"))))
    say(message, found, usage=["tokens"])
    entry = Entry(0, kind, message=message)
    entry.runs = [_run(call, at) for call in calls]
    answered = [call for call in calls if call.get("status") in _ENDS]
    if at is not None:
        message["created_at"] = at
    return [entry, *_answers(answered, at)]


def _usage(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens in OpenAI's words: what the prompts of tools and thinking took, Gemini counts apart."""
    numbers = {name: value if type(value) is int and value >= 0 else 0 for name, value in tokens.items()}
    taken, given = (
        numbers.get(one, 0) + numbers.get(other, 0) for one, other in (("input", "tool"), ("output", "thoughts"))
    )
    if not tokens:
        return {}
    usage: dict[str, Any] = {"input_tokens": taken, "cached_tokens": numbers.get("cached", 0), "output_tokens": given}
    thought = numbers.get("thoughts")
    return usage | ({"output_tokens_details": {"reasoning_tokens": thought}} if thought else {})


def _objects(listed: Any) -> Iterator[dict[str, Any]]:
    items = cast("list[Any]", listed) if isinstance(listed, list) else []
    return (cast("dict[str, Any]", item) for item in items if isinstance(item, dict))


def _thoughts(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for thought in _objects(value.get("thoughts")):
        said = (thought[name] for name in ("subject", "description") if isinstance(thought.get(name), str))
        yield part("thinking", thought, ("subject", "description"), text="\n\n".join(filter(None, said)))


def _said(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        return [] if content is None else [{"type": "data", "data": content}]
    items = [(item, fields_of(item)) for item in cast("list[Any]", content)]
    return [
        part("text", fields, text=fields["text"])
        if isinstance(fields.get("text"), str)
        else {"type": "data", "data": item}
        for item, fields in items
    ]


def _name(call: Mapping[str, Any]) -> str:
    identity = call.get("id")
    return identity if isinstance(identity, str) and identity else str(call["name"])


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "id": _name(call), "name": call["name"], "arguments": call.get("args")}


def _run(call: Mapping[str, Any], at: int | None) -> Run:
    status, result = _ENDS.get(str(call.get("status")), "running"), json_of(_output(call))
    fields: dict[str, Any] = {"tool": call["name"][:_NAME], "call": _name(call)[:_NAME], "status": status}
    fields["arguments"] = json_of(call.get("args"))
    if result is not None and len(msgspec.json.encode(result)) <= _SMALL:
        fields["result"] = result
    return Run(fields if at is None else {**fields, "started_at": at})


def _answers(calls: Sequence[Mapping[str, Any]], at: int | None) -> Iterator[Entry]:
    """What the tools answered, as a message of its own: it is what the model was told next."""
    if not calls:
        return
    parts = [
        {"type": "tool_result", "id": _name(call), "content": _output(call), "is_error": call["status"] != "success"}
        for call in calls
    ]
    times = (milliseconds(call.get("timestamp")) for call in calls)
    ended = max((time for time in times if time is not None), default=at)
    message = {"role": "tool", "content": parts}
    yield Entry(0, "toolCalls", message=message if ended is None else {**message, "created_at": ended})


def _output(call: Mapping[str, Any]) -> Any:
    """What a tool answered: its text where that is all."""
    result = call.get("result")
    found = [_response(item) for item in _objects(result)]
    outputs = [fields_of(one).get("output", fields_of(one).get("error")) for one in found]
    if len(outputs) == 1 and isinstance(outputs[0], str):
        return outputs[0]
    return result


def _response(item: Mapping[str, Any]) -> Any:
    return fields_of(item.get("functionResponse")).get("response")


READER = ManySessions(matches, conversation)
"""Reads them."""
