"""Any text as HTML that shows it: nothing in it is markup, and nothing of it is hidden."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

__all__ = ["allowed", "anchor", "block", "escaped", "first_line", "line", "pretty", "readable"]

_COLOURS = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""What a terminal takes as colours, movements and titles."""
_SCHEMES = frozenset(("http", "https", "mailto"))
_NOTHING = (
    *range(0x80, 0xA0),
    *range(0xFDD0, 0xFDF0),
    *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)),
)
_SHOWN = (
    {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    | {0x7F: "\u2421"}
    | dict.fromkeys(_NOTHING, "\ufffd")
)
"""What control characters and codes that are no characters are shown as."""


def readable(text: str) -> str:
    """``text`` without a terminal's colours; control characters as their pictures, for HTML has none."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return text.replace("\r\n", "\n").translate(_SHOWN)


def escaped(text: Any) -> str:
    """``text`` in HTML: between tags, or in quotes."""
    return html.escape(readable(str(text)))


def line(text: Any, most: int = 200) -> str:
    """``text`` on one line, cut short."""
    words = " ".join(str(text)[: most * 4].split())
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def first_line(text: str, most: int = 120) -> str:
    """The first line of ``text`` that has something on it."""
    return line(next((found for found in text[:10_000].splitlines() if found.strip()), ""), most)


def block(text: str, kind: str = "") -> str:
    """``text`` as it stands, in letters of equal width."""
    named = f' class="{kind}"' if kind else ""
    return f'<pre{named} dir="auto" tabindex="0">\n{escaped(text)}</pre>'


def pretty(value: Any) -> str:
    """A JSON value, indented."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def allowed(url: Any) -> bool:
    """Whether a link may go to ``url``."""
    if not isinstance(url, str):
        return False
    try:
        return urlsplit(url.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def anchor(url: Any, text: str | None = None) -> str:
    """A link to ``url``; its text alone where none is allowed."""
    shown = escaped(line(url if text is None else text))
    if not allowed(url):
        return shown
    return f'<a href="{html.escape(url.strip())}" rel="noopener noreferrer nofollow">{shown}</a>'
