"""What a message says, as one text, and what else it is found by."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from holdall.searching import Document
from holdall.sessions.views import Message

__all__ = ["document_of", "is_simple", "labels_of", "metadata_label", "text_of"]

_SILENT = frozenset(("type", "id", "url", "data", "media_type", "signature", "mime_type", "encrypted_content"))
"""Fields of a part that say nothing to people."""
_DEEPEST = 32
_LONGEST_LABEL = 200
_MOST = 1 << 20
"""Characters of one message that are looked at."""


def text_of(message: Message) -> str:
    """Everything that a message says: its text, what was thought, asked of tools, and answered by them."""
    content = message.content
    return (content if isinstance(content, str) else "\n".join(filter(None, _texts(content, 0))))[:_MOST]


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _DEEPEST:
        for one in cast("list[Any]", value):
            yield from _texts(one, depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        fields = cast("dict[str, Any]", value)
        for name, one in fields.items():
            if name not in _SILENT or (name == "data" and fields.get("type") == "data"):
                yield from _texts(one, depth + 1)


def labels_of(message: Message) -> tuple[str, ...]:
    """The role, tools, and simple values of the metadata of a message."""
    found = [f"role:{message.role}"]
    if not isinstance(message.content, str):
        found += [f"tool:{part.get('name')}" for part in message.content if part.get("type") == "tool_call"]
    found += [metadata_label(name, value) for name, value in message.metadata.items() if is_simple(value)]
    return tuple(dict.fromkeys(label for label in found if len(label) <= _LONGEST_LABEL))


def is_simple(value: Any) -> bool:
    """Whether messages can be found by this value of a field of their metadata."""
    return value is None or isinstance(value, (str, bool, int, float))


def metadata_label(name: str, value: Any) -> str:
    """What a field of the metadata is found by."""
    return f"metadata:{msgspec.json.encode([name, value]).decode()}"


def document_of(position: int, raw: bytes, message: Message) -> Document:
    """A message for an index: as it is stored, and with its large parts."""
    return Document(position, message.created_at, labels_of(message), text_of(message), zlib.crc32(raw))
