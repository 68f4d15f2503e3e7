"""Finding the large values in a message's content, and putting references in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from holdall.errors import TooLarge
from holdall.sessions.inputs import escaped

if TYPE_CHECKING:
    from holdall.sessions.policy import SessionPolicy

__all__ = ["FIELD", "Reference", "Value", "split"]

FIELD = "large_parts"
"""The field of a stored message that says what is kept apart."""
_LEAST = 4096
"""Bytes of the smallest value that is put apart to make a message fit."""
_encode = msgspec.json.Encoder().encode


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message says of a value that is kept apart."""

    at: str
    """A JSON Pointer to its place in the message, where an empty text or null stands for it."""
    hash: str
    """The SHA-256 of its bytes, in hexadecimal."""
    bytes: int
    kind: Literal["text", "json"] = "text"
    """What the bytes are: a text, in UTF-8, or the value's JSON."""


class Value(msgspec.Struct, frozen=True):
    """A value to be kept apart."""

    hash: str
    data: bytes


class _Place(msgspec.Struct, frozen=True):
    """A value that could be kept apart, and what holds it."""

    holder: Any
    step: Any
    pointer: str
    data: bytes
    json: bool


def split(whole: bytes, policy: SessionPolicy, pointer: str = "") -> tuple[bytes, list[Value]]:
    """A message as JSON with references in it, and the values that they stand for.

    Every value of more than ``large_part_bytes`` is put apart, and if the message still is too large, the largest of
    the others. ``whole`` is the JSON of a message that fits its model.
    """
    if len(whole) > policy.max_whole_message_bytes:
        raise TooLarge("a message (bytes)", limit=policy.max_whole_message_bytes, actual=len(whole), pointer=pointer)
    copy = cast("dict[str, Any]", msgspec.json.decode(whole))
    places = sorted(_places(copy, policy.large_part_bytes), key=lambda place: -len(place.data))
    left, references, values = len(whole), list[dict[str, Any]](), list[Value]()
    for place in places:
        if len(place.data) <= policy.large_part_bytes and left <= policy.max_message_bytes:
            break
        value = Value(hashlib.sha256(place.data).hexdigest(), place.data)
        place.holder[place.step] = None if place.json else ""
        reference = Reference(place.pointer, value.hash, len(value.data), "json" if place.json else "text")
        references.append(cast("dict[str, Any]", msgspec.to_builtins(reference)))
        values.append(value)
        left += len(_encode(reference)) - len(place.data)
    if values:
        copy[FIELD] = [*copy.get(FIELD, ()), *references]
    record = _encode(copy)
    if len(record) > policy.max_message_bytes:
        raise TooLarge("a message (bytes)", limit=policy.max_message_bytes, actual=len(record), pointer=pointer)
    return record, values


def _places(message: dict[str, Any], large: int) -> Iterator[_Place]:
    """What could be put apart, none inside another."""
    content = message["content"]
    if isinstance(content, str):
        yield from _text(message, "content", "/content")
    else:
        for index, part in enumerate(cast("list[dict[str, Any]]", content)):
            for name in part:
                if name != "type":
                    yield from _inside(part, name, f"/content/{index}{escaped(name)}", large)


def _inside(holder: Any, step: Any, pointer: str, large: int) -> Iterator[_Place]:
    """The texts in one field of a part; the field as a whole, where it is large for other reasons."""
    value = holder[step]
    if isinstance(value, str):
        yield from _text(holder, step, pointer)
    elif isinstance(value, dict | list):
        found = list(_texts(value, pointer))
        data = _encode(value)
        if len(data) - sum(len(place.data) for place in found) > large:
            yield _Place(holder, step, pointer, data, json=True)
        else:
            yield from found


def _texts(value: Any, pointer: str) -> Iterator[_Place]:
    members = cast("Any", value.items() if isinstance(value, dict) else enumerate(value))
    for step, member in members:
        at = pointer + escaped(step)
        if isinstance(member, str):
            yield from _text(value, step, at)
        elif isinstance(member, dict | list):
            yield from _texts(member, at)


def _text(holder: Any, step: Any, pointer: str) -> Iterator[_Place]:
    if len(holder[step]) >= _LEAST:
        yield _Place(holder, step, pointer, holder[step].encode(), json=False)
