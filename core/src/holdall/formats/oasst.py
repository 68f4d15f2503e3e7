"""OASST trees: a prompt, the replies to it, and the replies to those, nested in each other."""

from __future__ import annotations

from collections.abc import Sequence

from holdall.formats.many import ManySessions
from holdall.formats.pieces import Item, Layout, head_of, items_of
from holdall.formats.records import About, Entry, Record, Transcript
from holdall.formats.spent import say, spent
from holdall.formats.trees import Tree
from holdall.formats.values import fields_of, kept, milliseconds, small, titled

__all__ = ["READER"]

_LAYOUT = Layout("prompt", nested="replies")
_ROLES = {"prompter": "user", "assistant": "assistant"}
_TAKEN = frozenset({"text", "role", "replies", "created_date", "parent_id", "message_id"})


def matches(record: Record) -> bool:
    """Whether a record is a tree."""
    prompt = record.value.get("prompt")
    return isinstance(prompt, dict) and "message_id" in prompt and "text" in prompt


def conversation(record: Record) -> Transcript:
    """The session that a tree is. Nothing in it is current: the first path is that of the first replies."""
    value = record.value
    prompt = fields_of(value["prompt"])
    items = list(items_of(value, _LAYOUT, lambda fields, _: fields.get("message_id")))
    tree = Tree(record.line, head_of(value, _LAYOUT), items, {item.id: item.above for item in items}, None)
    identity = value.get("message_tree_id") or prompt["message_id"]
    said = prompt["text"]
    about = About(
        id=identity if isinstance(identity, str) else None,
        fields={
            "title": titled(said) if isinstance(said, str) else None,
            "metadata": {"dataset": "oasst", **small(kept(value, frozenset({"prompt"})))},
        },
    )
    return Transcript(about, lambda: tree.entries("tree", _entries), "nodes")


def _entries(item: Item) -> Sequence[Entry]:
    value = item.fields
    role, text = value.get("role"), value.get("text")
    if role not in _ROLES or not isinstance(text, str):
        return [Entry(0, "unknown", note="is not a message with a role and a text")]
    message = {"role": _ROLES[role], "content": text, "metadata": kept(value, _TAKEN)}
    say(message, spent(value.get("model_name")), model=["model_name"])
    at = milliseconds(value.get("created_date"))
    return [Entry(0, role, message=message if at is None else {**message, "created_at": at})]


READER = ManySessions(matches, conversation)
"""Reads them."""
