"""OpenAI messages: a line is one message of the file's session, or a whole conversation, which is a session itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.many import Unnamed
from holdall.formats.records import About, Entry, Fault, Record, Result, Run, Transcript
from holdall.formats.single import OneSession, again
from holdall.formats.sources import Source
from holdall.formats.spent import say, spent
from holdall.formats.values import fields_of, image, kept, milliseconds, parsed_json, part, text_of, titled

__all__ = ["READER"]

_ROLES = {"function": "tool"} | {role: role for role in ("system", "developer", "user", "assistant", "tool")}
_LISTS = ("messages", "traj", "history")
"""Where a record keeps its conversation: ``traj`` is what tau-bench calls it, ``history`` SWE-agent."""
_TIMES = ("created_at", "timestamp", "created")
_TAKEN = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "reasoning_content", *_TIMES}
)
_NAME = 200


def matches(record: Record) -> bool:
    """Whether a record is of this format."""
    return is_conversation(record) or _is_message(record.value)


def is_conversation(record: Record) -> bool:
    """Whether a record holds messages rather than being one."""
    return any(map(_is_message, _messages(record.value)))


def about(head: Sequence[Record]) -> About:
    """A title: the first words of the user."""
    return _about([record.value for record in head], {})


def entries(lines: Iterable[Record | Fault]) -> Iterator[Entry | Fault]:
    """Every line as a message."""
    for line in lines:
        yield line if isinstance(line, Fault) else _entry(line.line, line.value, line.text)


def conversation(record: Record) -> tuple[About, list[Entry]]:
    """The session that a line holds. The line is the original of all of its messages."""
    messages = _messages(record.value)
    made = [_entry(record.line, message, None) for message in messages]
    for entry in made:
        entry.link = 0
    made[0].original = record.text
    scalars = {
        name: value
        for name, value in kept(record.value, frozenset(_LISTS)).items()
        if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _NAME)
    }
    return _about(messages, scalars), made


def _about(messages: Sequence[Any], metadata: dict[str, Any]) -> About:
    said = (
        text_of(message.get("content")) for message in messages if _is_message(message) and message["role"] == "user"
    )
    return About(fields={"title": next(filter(None, map(titled, said)), None), "metadata": metadata})


def _messages(value: Mapping[str, Any]) -> list[Any]:
    found = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
    return cast("list[Any]", found) if isinstance(found, list) else []


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    message = cast("dict[str, Any]", value)
    told = "content" in message or "tool_calls" in message or "function_call" in message
    return isinstance(message.get("role"), str) and told


def _entry(line: int, value: Any, original: str | None) -> Entry:
    if not _is_message(value) or value["role"] not in tuple(_ROLES):
        return Entry(line, "unknown", original, note="is not a message with a role and a content")
    message = cast("dict[str, Any]", value)
    entry = Entry(line, message["role"], original)
    at = next(filter(None, (milliseconds(message.get(name)) for name in _TIMES)), None)
    content = _content(message, at, entry)
    entry.message = {"role": _ROLES[message["role"]], "content": content}
    metadata = kept(message, _TAKEN)
    if metadata:
        entry.message["metadata"] = metadata
        say(entry.message, spent(metadata.get("model"), fields_of(metadata.get("usage"))))
    if isinstance(message.get("name"), str) and 0 < len(message["name"]) <= _NAME:
        entry.message["name"] = message["name"]
    if at is not None:
        entry.message["created_at"] = at
    return entry


def _content(message: Mapping[str, Any], at: int | None, entry: Entry) -> str | list[dict[str, Any]]:
    content = message.get("content")
    if _ROLES[message["role"]] == "tool":
        call = message.get("tool_call_id") or message.get("name")
        call = call if isinstance(call, str) else f"line-{entry.line}"
        entry.results.append(Result(call, content, failed=False, at=at))
        return [{"type": "tool_result", "id": call, "content": content}]
    calls = list(_calls(message, at, entry))
    thought = message.get("reasoning_content")
    thoughts = [{"type": "thinking", "text": thought}] if isinstance(thought, str) and thought else []
    if not calls and not thoughts and isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [_part(item) for item in cast("list[Any]", content)]
    else:
        parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else []
    return [*thoughts, *parts, *calls]


def _part(item: Any) -> dict[str, Any]:
    source = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    if source.get("type") in ("text", "input_text", "output_text") and isinstance(source.get("text"), str):
        return part("text", source, text=source["text"])
    if source.get("type") == "image_url":
        inner = source.get("image_url")
        url = cast("dict[str, Any]", inner).get("url") if isinstance(inner, dict) else inner
        return image(source, url, ("image_url",))
    return {"type": "data", "data": item}


def _calls(message: Mapping[str, Any], at: int | None, entry: Entry) -> Iterator[dict[str, Any]]:
    """The tools that a message asks for; those of the older ``function_call`` are known by their name."""
    listed = message.get("tool_calls")
    asked = list(cast("list[Any]", listed)) if isinstance(listed, list) else []
    if isinstance(message.get("function_call"), dict):
        asked.append({"function": message["function_call"], "id": message["function_call"].get("name")})
    for number, item in enumerate(asked):
        source = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        inner = source.get("function") or source.get("custom")
        function = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
        name, call = function.get("name"), source.get("id")
        if not isinstance(name, str) or not name:
            yield {"type": "data", "data": item}
            continue
        call = call if isinstance(call, str) else f"line-{entry.line}-{number}"
        arguments = parsed_json(function.get("arguments", function.get("input")))
        fields: dict[str, Any] = {"tool": name, "call": call, "arguments": arguments, "status": "running"}
        entry.runs.append(Run(fields if at is None else {**fields, "started_at": at}))
        yield {"type": "tool_call", "id": call, "name": name, "arguments": arguments}


def _session(record: Record) -> Transcript:
    about, made = conversation(record)
    return Transcript(about, again(made), "order")


_CONVERSATIONS = Unnamed(is_conversation, _session, "holds no messages")


class _Reader(OneSession):
    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        whole = any(map(is_conversation, source.head))
        return _CONVERSATIONS.transcripts(source) if whole else super().transcripts(source)


READER = _Reader(matches, about, entries)
"""Reads them."""
