"""JSON as RFC 8259 has it and no looser: what two parsers could read in two ways is refused.

Refused: NaN and infinities, numbers that overflow, lone surrogates, bytes that are not UTF-8, a byte order mark,
a name twice in one object, and whatever is deeper or has more names than configured.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["Malformed", "loads"]

_FAULT = re.compile(r"JSON is malformed: (.+) \(byte ([0-9]+)\)")
"""How the decoder tells of a fault: what it says is its own words, and none of the content's."""

_NESTING = frozenset({dict, list})
_decode = msgspec.json.Decoder().decode


class Malformed(ValueError):
    """The bytes are not such JSON; the message says why without showing them."""


def loads(data: bytes | bytearray, *, depth: int = 64, names: int = 10_000) -> Any:
    """The value that ``data`` holds; raises ``Malformed``."""
    try:
        value: Any = _decode(data)
    except RecursionError:
        raise Malformed(f"is nested deeper than {depth}") from None
    except UnicodeDecodeError:
        raise Malformed(_not_utf8(data)) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise Malformed(f"is not valid JSON{_fault(str(error), data)}") from None
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    kinds = [*map(type, value.values())] if kind is dict else []
    if kinds and _NESTING.isdisjoint(kinds):  # nearly every message
        found, texts = len(kinds), kinds.count(str)
    else:
        found, texts = _count(value, depth)
    if found > names:
        raise Malformed(f"has more than {names} names")
    # A string has two quotes, and perhaps more inside: with no more than those of the names that were kept and the texts,
    # none came twice. Taking them out is quicker than counting them.
    quotes = len(data) - len(data.replace(b'"', b""))
    if quotes != 2 * (found + texts) and _strings(data) != found + texts:
        raise Malformed("has an object with the same name twice")
    return value


def _strings(data: bytes | bytearray) -> int:
    """How many strings, names among them, a valid text has."""
    unescaped = data.replace(b"\\\\", b"")  # a backslash behind a backslash escapes no quote
    return (unescaped.count(b'"') - unescaped.count(b'\\"')) // 2


def _fault(told: str, data: bytes | bytearray) -> str:
    """What is wrong with ``data`` and where, if the decoder knows."""
    if found := _FAULT.fullmatch(told):
        return f": {found[1]} at {_place(data, int(found[2]))}"
    if told.startswith("Number out of range"):
        return ": a number is out of range"
    if b"\\u" in data.lower():  # the decoder takes half a surrogate pair for an early end
        return ": it ends too early, or has half a surrogate pair"
    return f": it ends too early, at {_place(data, len(data))}"


def _not_utf8(data: bytes | bytearray) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at {_place(data, error.start)}"
    return "is not UTF-8"


def _place(data: bytes | bytearray, position: int) -> str:
    """A byte's place as an editor shows it."""
    lines = data[:position].split(b"\n")
    return f"line {len(lines)}, column {len(lines[-1].decode(errors='replace')) + 1}"


def _count(value: Any, depth: int) -> tuple[int, int]:
    """How many names the objects in ``value`` have, and how many texts there are beside; raises ``Malformed`` when it is too deep."""
    names = texts = nested = 0
    level: list[Any] = [(value,)]
    while level:
        below: list[Any] = []
        for inside in level:
            kinds = [*map(type, inside)]
            texts += kinds.count(str)
            if not _NESTING.isdisjoint(kinds):
                objects: list[dict[Any, Any]] = [one for one in inside if type(one) is dict]
                names += sum(map(len, objects))
                below += [one.values() for one in objects]
                below += [one for one in inside if type(one) is list]
        nested += bool(below)
        if nested > depth:
            raise Malformed(f"is nested deeper than {depth}")
        level = below
    return names, texts
