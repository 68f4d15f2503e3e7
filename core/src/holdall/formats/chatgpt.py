"""ChatGPT's `conversations.json`: each conversation is a tree of nodes; `current_node` is the end of what is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from holdall.formats.many import ManySessions
from holdall.formats.pieces import Item, Layout, head_of, items_of
from holdall.formats.records import About, Entry, Record, Result, Run, Transcript
from holdall.formats.spent import say, spent
from holdall.formats.trees import Tree
from holdall.formats.values import fields_of, image, kept, milliseconds, parsed_json, part, small, text_of

__all__ = ["READER"]

_LAYOUT = Layout("mapping")
_ROLES = ("system", "user", "assistant", "tool")
_TAKEN = frozenset({"id", "author", "content", "create_time", "metadata"})
_INNER = frozenset({"timestamp_"})
_EVERYBODY = "all"
_NAME = 200


def matches(record: Record) -> bool:
    """Whether a record is a conversation."""
    mapping = record.value.get("mapping")
    return isinstance(mapping, dict) and any("children" in fields_of(node) for node in fields_of(mapping).values())


def conversation(record: Record) -> Transcript:
    """The session that a conversation is."""
    value = record.value
    items = list(items_of(value, _LAYOUT, lambda _, key: key))
    parents = {item.id: _parent(item) for item in items}
    current = value.get("current_node")
    tree = Tree(record.line, head_of(value, _LAYOUT), items, parents, current if current in parents else None)
    return Transcript(_about(value), lambda: _entries(tree), "nodes")


def _about(value: Mapping[str, Any]) -> About:
    identity = value.get("conversation_id") or value.get("id")
    if not isinstance(identity, str):
        first = next(iter(value["mapping"]), "")
        identity = hashlib.sha256(f"{value.get('create_time')}/{first}".encode("utf-8", "replace")).hexdigest()[:32]
    names = ("default_model_slug", "create_time", "gizmo_id", "is_archived")
    facts = {name: value[name] for name in names if value.get(name) is not None}
    title = value.get("title")
    return About(
        id=identity,
        fields={
            "title": title[:500] if isinstance(title, str) else None,
            "metadata": {"app": "chatgpt", **small(facts)},
        },
        current=value.get("current_node"),
    )


def _parent(item: Item) -> str | None:
    parent = item.fields.get("parent")
    return parent if isinstance(parent, str) else None


def _entries(tree: Tree) -> Iterator[Entry]:
    nodes = {item.id: item for item in tree.items}
    return tree.entries("conversation", lambda item: [_entry(item, tree, nodes)])


def _entry(item: Item, tree: Tree, nodes: Mapping[str, Item]) -> Entry:
    message = _message(item)
    if not message:
        empty = isinstance(item.value, dict) and item.fields.get("message") is None
        return Entry(0, "node", note=None if empty else "is a node without a message that can be read")
    author, content = fields_of(message.get("author")), fields_of(message.get("content"))
    role = author.get("role")
    if role not in _ROLES:
        return Entry(0, "node", note=f"is a message of {role!r}, who is nobody known")
    entry = Entry(0, str(content.get("content_type") or "message"))
    at = milliseconds(message.get("create_time"))
    metadata = {**kept(message, _TAKEN), **kept(fields_of(message.get("metadata")), _INNER)}
    entry.message = {
        "role": role,
        "content": _content(item, role, content, at, entry, tree, nodes),
        "metadata": metadata,
    }
    if role == "assistant":
        say(entry.message, spent(metadata.get("model_slug")), model=["model_slug"])
    name = author.get("name")
    if isinstance(name, str) and 0 < len(name) <= _NAME:
        entry.message["name"] = name
    if at is not None:
        entry.message["created_at"] = at
    return entry


def _message(item: Item) -> dict[str, Any]:
    return fields_of(item.fields.get("message"))


def _content(  # noqa: PLR0913, PLR0917 - a node, and where it stands
    item: Item,
    role: str,
    content: Mapping[str, Any],
    at: int | None,
    entry: Entry,
    tree: Tree,
    nodes: Mapping[str, Item],
) -> str | list[dict[str, Any]]:
    parts = _parts(content)
    plain = parts[0]["text"] if len(parts) == 1 and set(parts[0]) == {"type", "text"} else None
    if role == "tool":
        call = _asked_by(item, tree, nodes)
        result = text_of(parts) if all(one["type"] == "text" for one in parts) else parts
        entry.results.append(Result(call, result, at=at))
        return [{"type": "tool_result", "id": call, "content": result}]
    tool = _message(item).get("recipient")
    if role == "assistant" and isinstance(tool, str) and tool not in ("", _EVERYBODY):
        arguments = parsed_json(text_of(parts))
        fields = {"tool": tool[:_NAME], "call": item.id[:_NAME], "arguments": arguments, "status": "running"}
        entry.runs.append(Run(fields if at is None else {**fields, "started_at": at}))
        return [{"type": "tool_call", "id": item.id, "name": tool, "arguments": arguments}]
    return parts if plain is None else plain


def _asked_by(item: Item, tree: Tree, nodes: Mapping[str, Item]) -> str:
    """The node that called the tool which this one is of: the nearest before it that speaks to a tool."""
    for name in tree.path(tree.parents[item.id]):
        message = _message(nodes[name])
        role = fields_of(message.get("author")).get("role")
        if role == "assistant" and message.get("recipient") not in (None, _EVERYBODY):
            return name
        if role == "user":
            break
    return item.id


def _parts(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = content.get("content_type")
    if kind in ("code", "execution_output", "tether_quote", "system_error") and isinstance(content.get("text"), str):
        rest = () if kind != "execution_output" else ("content_type",)
        return [part("text", content, ("text", *rest), text=content["text"])]
    if kind == "tether_browsing_display" and isinstance(content.get("result"), str):
        return [part("text", content, ("result",), text=content["result"])]
    if kind == "thoughts" and isinstance(content.get("thoughts"), list):
        return [_thought(one) for one in content["thoughts"]]
    if kind == "reasoning_recap" and isinstance(content.get("content"), str):
        return [part("thinking", content, ("content",), text=content["content"])]
    listed = content.get("parts")
    if not isinstance(listed, list):
        return [{"type": "data", "data": dict(content)}]
    return [_part(one) for one in cast("list[Any]", listed)]


def _thought(value: Any) -> dict[str, Any]:
    fields = fields_of(value)
    said: Sequence[str] = [fields[name] for name in ("summary", "content") if isinstance(fields.get(name), str)]
    return part("thinking", fields, ("summary", "content"), text="\n\n".join(filter(None, said)))


def _part(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": "text", "text": value}
    fields = fields_of(value)
    if isinstance(fields.get("asset_pointer"), str) and fields.get("content_type") == "image_asset_pointer":
        return image(fields, fields["asset_pointer"], ("asset_pointer",))
    if isinstance(fields.get("text"), str):
        return part("text", fields, text=fields["text"])
    return {"type": "data", "data": value}


READER = ManySessions(matches, conversation)
"""Reads them."""
