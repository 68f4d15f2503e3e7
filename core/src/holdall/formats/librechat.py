"""LibreChat exports: one conversation, its messages in a row, each with its parent, or nested in each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from holdall.formats.many import ManySessions
from holdall.formats.pieces import Item, Layout, head_of, items_of
from holdall.formats.records import About, Entry, Record, Result, Run, Transcript
from holdall.formats.spent import say, spent
from holdall.formats.trees import Tree, in_row, latest
from holdall.formats.values import fields_of, image, json_of, kept, milliseconds, parsed_json, part, small

__all__ = ["READER"]

_LAYOUT = Layout("messages", nested="children")
_TAKEN = frozenset({"text", "content", "children", "createdAt", "parentMessageId", "conversationId", "isCreatedByUser", "sender", "messageId"})  # fmt: skip
_TOKENS = {"promptTokens": "prompt_tokens", "tokenCount": "completion_tokens"}
_NAME = 200


def matches(record: Record) -> bool:
    """Whether a record is a conversation."""
    messages = record.value.get("messages")
    if not isinstance(messages, list) or not isinstance(record.value.get("conversationId"), str):
        return False
    return all("messageId" in fields_of(one) for one in cast("list[Any]", messages))


def conversation(record: Record) -> Transcript:
    """The session that an export is. What LibreChat shows is the latest message, and of each choice the latest."""
    value = record.value
    items = list(items_of(value, _LAYOUT, lambda fields, _: fields.get("messageId")))
    if value.get("branches") is False and value.get("recursive") is False:
        parents = in_row(items)
    else:
        parents = {item.id: item.above or item.fields.get("parentMessageId") for item in items}
    tree = Tree(record.line, head_of(value, _LAYOUT), items, parents, latest(items, parents))
    title = value.get("title")
    facts = small(kept(value, frozenset({"messages", "title", "conversationId", "exportAt"})))
    about = About(
        id=value["conversationId"],
        fields={
            "title": title[:500] if isinstance(title, str) else None,
            "metadata": {"app": "librechat", **facts},
        },
        current=tree.current,
    )
    return Transcript(about, lambda: tree.entries("conversation", _entries), "nodes")


def _entries(item: Item) -> Sequence[Entry]:
    value = item.fields
    by_user = value.get("isCreatedByUser")
    if not isinstance(by_user, bool):
        return [Entry(0, "unknown", note="does not say whether the user wrote it")]
    entry = Entry(0, "user" if by_user else "assistant")
    at = milliseconds(value.get("createdAt"))
    entry.message = {"role": entry.kind, "content": _content(value, at, entry), "metadata": kept(value, _TAKEN)}
    if not by_user:
        _took(entry.message)
    sender = value.get("sender")
    if not by_user and isinstance(sender, str) and 0 < len(sender) <= _NAME:
        entry.message["name"] = sender
    if at is not None:
        entry.message["created_at"] = at
    return [entry]


def _took(message: dict[str, Any]) -> None:
    """Make fields of the model, and what it took. What a user's message counts, is in the prompt of its answer."""
    metadata = message["metadata"]
    usage = {name: metadata[of] for of, name in _TOKENS.items() if of in metadata}
    say(message, spent(metadata.get("model"), usage), usage=[*_TOKENS])


def _content(value: Mapping[str, Any], at: int | None, entry: Entry) -> str | list[dict[str, Any]]:
    text, content = value.get("text"), value.get("content")
    if not isinstance(content, list) or not content:
        return text if isinstance(text, str) else ""
    parts: list[dict[str, Any]] = []
    for one in cast("list[Any]", content):
        source = fields_of(one)
        parts += _parts(source, at, entry) or [{"type": "data", "data": one}]
    return parts


def _parts(source: Mapping[str, Any], at: int | None, entry: Entry) -> list[dict[str, Any]]:
    """What a part of LibreChat's is here; nothing: it is not known."""
    kind = source.get("type")
    inner = source.get(kind) if isinstance(kind, str) else None
    fields = fields_of(inner)
    text = fields.get("value", inner)
    if kind == "text" and isinstance(text, str):
        return [part("text", source, text=text)]
    if kind == "think" and isinstance(text, str):
        return [part("thinking", source, ("think",), text=text)]
    if kind in ("image_file", "image_url"):
        return [image(fields, fields.get("filepath") or fields.get("url"), ("filepath", "url"))]
    if kind == "tool_call" and isinstance(fields.get("name"), str) and fields["name"]:
        return _called(fields, at, entry)
    return []


def _called(call: Mapping[str, Any], at: int | None, entry: Entry) -> list[dict[str, Any]]:
    """A call, and what came of it, which LibreChat keeps in one message."""
    identity = call.get("id") if isinstance(call.get("id"), str) else f"{call['name']}-{len(entry.runs)}"
    arguments = parsed_json(call.get("args"))
    fields = {"tool": call["name"][:_NAME], "call": str(identity)[:_NAME], "arguments": json_of(arguments)}
    entry.runs.append(Run({**fields, "status": "running"} | ({} if at is None else {"started_at": at})))
    parts = [{"type": "tool_call", "id": identity, "name": call["name"], "arguments": arguments}]
    if call.get("output") is not None:
        entry.results.append(Result(str(identity)[:_NAME], call["output"]))
        parts.append({"type": "tool_result", "id": identity, "content": call["output"]})
    return parts


READER = ManySessions(matches, conversation)
"""Reads them."""
