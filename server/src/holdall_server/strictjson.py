"""JSON as RFC 8259 has it and no looser: what two parsers could read in two ways is refused.

Refused: NaN and infinities, numbers that overflow, lone surrogates, bytes that are not UTF-8, a byte order mark,
a name twice in one object, and whatever is deeper or has more names than configured.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["Malformed", "loads"]

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?', re.DOTALL)
"""A string, and the colon that makes it a name."""

_FAULT = re.compile(r"JSON is malformed: (.+) \(byte ([0-9]+)\)")
"""How the decoder tells of a fault: what it says is its own words, and none of the content's."""

_NESTING = frozenset({dict, list})
_decode = msgspec.json.Decoder().decode


class Malformed(ValueError):
    """The bytes are not such JSON; the message says why without showing them."""


def loads(data: bytes, *, depth: int = 64, names: int = 10_000) -> Any:
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
    flat = kind is dict and _NESTING.isdisjoint(map(type, value.values()))
    found = len(value) if flat else _count_names(value, depth)
    if found > names:
        raise Malformed(f"has more than {names} names")
    # Behind each name stand its quote, blanks and a colon: without the blanks there are at most that many names.
    tight = data.translate(None, b" \t\n\r")
    if (
        tight.count(b'":') != found
        and not _surely_once(tight, found)
        and found != sum(map(bool, _STRING.findall(data)))
    ):
        raise Malformed("has an object with the same name twice")
    return value


def _surely_once(tight: bytes, found: int) -> bool:
    """Whether the names in a valid text that decodes to ``found`` of them cannot be more: none came twice.

    A quote behind a backslash is not one that ends a name, unless backslashes are escaped.
    """
    return found == 0 or (b"\\\\" not in tight and tight.count(b'":') - tight.count(b'\\":') == found)


def _fault(told: str, data: bytes) -> str:
    """What is wrong with ``data`` and where, if the decoder knows."""
    if found := _FAULT.fullmatch(told):
        return f": {found[1]} at {_place(data, int(found[2]))}"
    if told.startswith("Number out of range"):
        return ": a number is out of range"
    if b"\\u" in data.lower():  # the decoder takes half a surrogate pair for an early end
        return ": it ends too early, or has half a surrogate pair"
    return f": it ends too early, at {_place(data, len(data))}"


def _not_utf8(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at {_place(data, error.start)}"
    return "is not UTF-8"


def _place(data: bytes, position: int) -> str:
    """A byte's place as an editor shows it."""
    lines = data[:position].split(b"\n")
    return f"line {len(lines)}, column {len(lines[-1].decode(errors='replace')) + 1}"


def _count_names(value: Any, depth: int) -> int:
    """How many names the objects in ``value`` have; raises ``Malformed`` when it is nested too deep."""
    count = nested = 0
    level: list[Any] = [value] if type(value) in _NESTING else []
    while level:
        nested += 1
        if nested > depth:
            raise Malformed(f"is nested deeper than {depth}")
        below: list[Any] = []
        for item in level:
            inside: Any = item
            if type(item) is dict:
                count += len(inside)
                inside = inside.values()
            if not _NESTING.isdisjoint(map(type, inside)):
                below += [one for one in inside if type(one) in _NESTING]
        level = below
    return count
