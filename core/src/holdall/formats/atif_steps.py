"""Steps of ATIF as messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from holdall.formats.atif_parts import OWN, USAGE, fields_of, objects_of
from holdall.formats.records import Entry, Result, Run, Sub
from holdall.formats.spent import spent
from holdall.formats.values import milliseconds

__all__ = ["ROLES", "entries_of", "json_text"]

ROLES = {"user": "user", "agent": "assistant", "system": "system"}
_TAKEN = frozenset(
    ("step_id", "timestamp", "source", "message", "model_name", "reasoning_content", "tool_calls", "observation")
)
_MOST = 200


def json_text(value: Any) -> str:
    """``value`` as JSON; half of a surrogate pair is a question mark in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def entries_of(line: int, number: int, step: Mapping[str, Any], sub: Sub | None) -> Iterator[Entry]:
    """A step as a message, and one with what tools answered, if they did.

    Each has its own original, so that a step is known again when its answers have come.
    """
    at = milliseconds(step.get("timestamp"))
    extra = dict(fields_of(step.get("extra")))
    own = fields_of(extra.pop(OWN, None))
    results = objects_of(fields_of(step.get("observation")).get("results"))
    entry = Entry(line, str(step["source"]), sub=sub)
    parts = _parts(step, own, entry, at)
    around = {name: what for name, what in step.items() if name != "observation" or not results}
    if parts or not results:
        entry.message = _message(step, own, extra, parts) | ({} if at is None else {"created_at": at})
        entry.original = json_text(around)
        yield entry
        around = {"step_id": step.get("step_id")}
    for ended, answers in groupby(enumerate(results), lambda one: _ended(one[1]) or at):
        given = [*answers]
        piece = {**around, "observation": {"results": [result for _, result in given]}}
        brought = Entry(line, "observation", json_text(piece), sub=sub)
        _bring(brought, [_answer(result, number, place) for place, result in given], ended)
        yield brought


def _ended(result: Mapping[str, Any]) -> int | None:
    """When a result came, if that is told."""
    return milliseconds(fields_of(fields_of(result.get("extra")).get(OWN)).get("timestamp"))


def _bring(entry: Entry, answers: list[dict[str, Any]], at: int | None) -> None:
    """Make an entry the message that brings results."""
    entry.message = {"role": "tool", "content": answers} | ({} if at is None else {"created_at": at})
    entry.results += [Result(part["id"], part["content"], part["is_error"], at) for part in answers]


def _message(
    step: Mapping[str, Any], own: Mapping[str, Any], extra: dict[str, Any], parts: list[dict[str, Any]]
) -> dict[str, Any]:
    role = own.get("role") if own.get("role") in ("developer", "tool") else ROLES[step["source"]]
    plain = len(parts) == 1 and parts[0]["type"] == "text" and isinstance(step.get("message"), str)
    message: dict[str, Any] = {"role": role, "content": parts[0]["text"] if plain else parts}
    metadata = dict(fields_of(own.get("metadata")))
    rest = {name: what for name, what in step.items() if name not in (*_TAKEN, "extra", "metrics") and what is not None}
    metrics = dict(fields_of(step.get("metrics")))
    if "usage" not in metadata and metrics:
        usage = fields_of(own.get("usage")) or {name: metrics[name] for name in USAGE if name in metrics}
        found = spent(usage=usage, cost=metrics.get("cost_usd"))
        for name in (*(USAGE if "usage" in found else ()), *found):
            metrics.pop(name, None)
        message |= found
        rest |= {"metrics": metrics} if metrics else {}
    rest |= {"extra": extra} if extra else {}
    if "model" not in metadata:
        message |= spent(step.get("model_name"))
    metadata |= {"atif": rest} if rest else {}
    message |= {"metadata": metadata} if metadata else {}
    return message | ({"name": own["name"]} if own.get("name") else {})


def _parts(step: Mapping[str, Any], own: Mapping[str, Any], entry: Entry, at: int | None) -> list[dict[str, Any]]:
    """What is said, thought and asked for, in the order in which a model does."""
    parts: list[dict[str, Any]] = []
    if isinstance(step.get("reasoning_content"), str):
        parts.append({"type": "thinking", "text": step["reasoning_content"]})
    parts += _content(step.get("message"))
    for call in objects_of(step.get("tool_calls")):
        name, identity = str(call.get("function_name") or "unknown")[:_MOST], str(call.get("tool_call_id"))
        fields: dict[str, Any] = {
            "tool": name,
            "call": identity[:_MOST],
            "arguments": call.get("arguments"),
            "status": "running",
        }
        entry.runs.append(Run(fields if at is None else {**fields, "started_at": at}))
        more = {"extra": call["extra"]} if call.get("extra") else {}
        parts.append({"type": "tool_call", "id": identity, "name": name, "arguments": call.get("arguments"), **more})
    for other in objects_of(own.get("parts")):
        place, part = other.get("at"), other.get("part")
        if isinstance(place, int) and isinstance(part, dict):
            parts.insert(place, fields_of(part))
    return parts


def _content(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_part(part) for part in objects_of(content)]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    source = fields_of(part.get("source"))
    media, path = source.get("media_type"), source.get("path")
    if part.get("type") == "image" and isinstance(path, str) and isinstance(media, str):
        head = f"data:{media};base64,"
        where = {"data": path.removeprefix(head)} if path.startswith(head) else {"url": path}
        return {"type": "image", "media_type": media, **where}
    return {"type": "data", "data": part}


def _answer(result: Mapping[str, Any], number: int, place: int) -> dict[str, Any]:
    """A result as a part; its call, where it names none, is called by the step."""
    own = fields_of(fields_of(result.get("extra")).get(OWN))
    call = result.get("source_call_id") or own.get("call")
    identity = call if isinstance(call, str) else f"step-{number}-{place}"
    content = result.get("content")
    return {"type": "tool_result", "id": identity, "content": content, "is_error": own.get("is_error") is True}
