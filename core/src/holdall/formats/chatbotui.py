"""Chatbot UI exports: one document with a history of conversations, each a row of messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from holdall.formats.pieces import Item, Layout, head_of, items_of
from holdall.formats.records import About, Entry, Fault, Record, Transcript
from holdall.formats.sources import Source
from holdall.formats.trees import Tree, in_row
from holdall.formats.values import kept, small

__all__ = ["READER"]

_LAYOUT = Layout("messages")
_ROLES = ("user", "assistant", "system")


class _Reader:
    def knows(self, source: Source) -> int | None:
        return next((record.line for record in source.head if _conversations(record)), None)

    def transcripts(self, source: Source) -> Iterator[Transcript | Fault]:
        for record in source.records():
            if isinstance(record, Fault):
                yield record
                continue
            found = _conversations(record)
            if not found:
                yield Fault(record.line, "holds no conversation that can be read")
            yield from (_session(record.line, value) for value in found)


def _conversations(record: Record) -> list[dict[str, Any]]:
    history = record.value.get("history")
    listed = cast("list[Any]", history) if isinstance(history, list) else []
    objects = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]
    return [one for one in objects if isinstance(one.get("messages"), list) and isinstance(one.get("id"), str)]


def _session(line: int, value: dict[str, Any]) -> Transcript:
    items = list(items_of(value, _LAYOUT, lambda _, spare: spare))
    tree = Tree(line, head_of(value, _LAYOUT), items, in_row(items), items[-1].id if items else None)
    name = value.get("name")
    facts = small(kept(value, frozenset({"messages", "id", "name"})))
    title = name[:500] if isinstance(name, str) else None
    about = About(id=value["id"], fields={"title": title, "metadata": {"app": "chatbot-ui", **facts}})
    return Transcript(about, lambda: tree.entries("conversation", _entries), "nodes")


def _entries(item: Item) -> Sequence[Entry]:
    value = item.fields
    role, content = value.get("role"), value.get("content")
    if role not in _ROLES or not isinstance(content, str):
        return [Entry(0, "unknown", note="is not a message with a role and a content")]
    message: dict[str, Any] = {"role": role, "content": content}
    rest = kept(value, frozenset({"role", "content"}))
    return [Entry(0, role, message={**message, "metadata": rest} if rest else message)]


READER = _Reader()
"""Reads them."""
