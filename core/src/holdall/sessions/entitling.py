"""Whether a session is called by what a message says: importing takes its first words for a title."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from holdall.errors import Damaged
from holdall.sessions.engine import Engine
from holdall.sessions.names import PARTS
from holdall.sessions.parts.joining import whole
from holdall.sessions.reader import Check
from holdall.sessions.state import State
from holdall.sessions.views import Message

__all__ = ["begins_so", "title_of"]


async def title_of(engine: Engine, session: str, state: State, versions: Sequence[Message], check: Check) -> str | None:
    """The title of a session, if it is a line, or the beginning of one, of what a message says or said."""
    title = state.record.title
    if not title:
        return None
    try:
        said = await whole(engine, session, versions, check) if PARTS in state.head.lanes else versions
    except Damaged:
        return title  # a large part of it cannot be read: it may say anything
    return title if any(begins_so(message["content"], title) for message in said) else None


def begins_so(content: Any, title: str) -> bool:
    """Whether a line of ``content`` is ``title``, or begins so where that ends in an ellipsis."""
    texts = [content] if isinstance(content, str) else [*map(_text, cast("list[dict[str, Any]]", content))]
    lines = (_printable(line) for text in texts for line in text.splitlines())
    beginning = title.removesuffix("…")
    return any(line == title if beginning == title else line.startswith(beginning) for line in lines)


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _printable(line: str) -> str:
    return "".join(char for char in line.strip() if char.isprintable())
