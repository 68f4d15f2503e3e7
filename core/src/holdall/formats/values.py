"""Small conversions that the readers share: times, parts, and values that JSON proper can hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from math import isfinite
from typing import Any, cast

import msgspec

__all__ = ["fields_of", "image", "json_of", "kept", "milliseconds", "parsed_json", "part", "small", "text_of", "titled"]

_LATEST = 253_402_300_799_999
_TITLE = 80
_SHORT = 1000
_NAME = 128
"""The longest name that a field of a metadata may have."""
_INTEGERS = range(-(1 << 63), 1 << 64)


def fields_of(value: Any) -> dict[str, Any]:
    """The JSON object that ``value`` is; an empty one where it is another thing."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def milliseconds(value: Any) -> int | None:
    """A time as transcripts write it, ISO 8601 or a number of (milli)seconds since 1970, in milliseconds."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()  # noqa: UP017 - typed
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    found = round(value if value > 1e11 else value * 1000) if abs(value) < 1e16 else -1  # noqa: PLR2004 - the year 5138
    return found if 0 <= found <= _LATEST else None


def part(kind: str, source: Mapping[str, Any], taken: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """A part of ``kind``: its ``fields``, and those of ``source`` that were not ``taken`` for them."""
    rest = {name: value for name, value in source.items() if name not in ("type", *taken) and name not in fields}
    return {"type": kind, **fields, **rest}


def image(source: Mapping[str, Any], url: Any, taken: tuple[str, ...]) -> dict[str, Any]:
    """An image part of a URL; one that holds the data itself is taken apart."""
    if isinstance(url, str) and url.startswith("data:") and ";base64," in url:
        media, data = url.removeprefix("data:").split(";base64,", 1)
        return part("image", source, taken, media_type=media, data=data)
    if not isinstance(url, str):
        return {"type": "data", "data": dict(source)}
    return part("image", source, taken, url=url)


def kept(source: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """The fields of ``source`` that say something and were not taken."""
    return {
        name: value
        for name, value in source.items()
        if name not in taken and value is not None and 0 < len(name) <= _NAME
    }


def small(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are short enough for a session's metadata."""
    return {name: value for name, value in fields.items() if len(str(value)) <= _SHORT}


def parsed_json(text: Any) -> Any:
    """The JSON object or array that ``text`` holds, where it holds one."""
    if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return text
    return text


def text_of(content: Any) -> str:
    """The words of a content: text, or a list of parts with text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [cast("dict[str, Any]", item) for item in cast("list[Any]", content) if isinstance(item, dict)]
    return "\n".join(item["text"] for item in parts if isinstance(item.get("text"), str))


def titled(text: str) -> str | None:
    """A title from the first words that somebody said; none from what a program put in their mouth."""
    asked = text.rpartition("## My request for Codex:")[2]
    line = next((line for line in map(str.strip, asked.splitlines()) if line), "")
    if not line or line.startswith(("<", "#", "Caveat:")):
        return None
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= _TITLE else f"{line[: _TITLE - 1].rstrip()}…"


def json_of(value: Any) -> Any:
    """``value`` without what JSON stores refuse: lone surrogates become `?`, huge and infinite numbers text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, dict):
        return {json_of(name): json_of(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [json_of(item) for item in cast("list[Any]", value)]
    if (isinstance(value, int) and value not in _INTEGERS) or (isinstance(value, float) and not isfinite(value)):
        return str(value)
    return value
