"""JSON as RFC 8259 has it and no looser: what two parsers could read in two ways is refused.

Refused: NaN and infinities, numbers that overflow, lone surrogates, bytes that are not UTF-8, a byte order mark,
a name twice in one object, and whatever is deeper or has more names than configured.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

__all__ = ["Malformed", "loads"]

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?', re.DOTALL)
"""A string, and the colon that makes it a name."""

_decode = msgspec.json.Decoder().decode


class Malformed(ValueError):
    """The bytes are not such JSON; the message says why without showing them."""


def loads(data: bytes, *, depth: int = 64, names: int = 10_000) -> Any:
    """The value that ``data`` holds; raises ``Malformed``."""
    try:
        value = _decode(data)
    except RecursionError:
        raise Malformed(f"is nested deeper than {depth}") from None
    except UnicodeDecodeError:
        raise Malformed("is not UTF-8") from None
    except (msgspec.MsgspecError, ValueError):
        raise Malformed("is not valid JSON") from None
    found = _count_names(value, depth)
    if found > names:
        raise Malformed(f"has more than {names} names")
    if found and found != sum(map(bool, _STRING.findall(data))):
        raise Malformed("has an object with the same name twice")
    return value


def _count_names(value: Any, depth: int) -> int:
    """How many names the objects in ``value`` have; raises ``Malformed`` when it is nested too deep."""
    count = 0
    level: list[Any] = [value]
    for _ in range(depth + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                members = cast("dict[str, Any]", item)
                count += len(members)
                below.extend(members.values())
            elif isinstance(item, list):
                below.extend(cast("list[Any]", item))
        if not below:
            return count
        level = below
    raise Malformed(f"is nested deeper than {depth}")
