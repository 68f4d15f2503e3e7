"""Messages as articles: who, when, and what was said; who goes on speaking is not named again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from holdall.formats.pairing import Turn
from holdall.formats.usage import model_of
from holdall.sessions.views import Message
from holdall_html import tools, values
from holdall_html.prose import prose
from holdall_html.text import block, escaped, first_line, line, pretty

__all__ = ["Writer", "day", "moment"]

_LONG = 4_000
"""Characters from which on what did not come from a model is folded: files and rules that were pasted."""
_INSERTED = re.compile(r"\s*(?:<[a-z][a-z_-]*>|Caveat: |# AGENTS\.md instructions)")
"""How texts begin that agents put into the mouth of their user."""
_NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool", "system": "System", "developer": "Developer"}


class Writer:
    """Writes one message after the other, and remembers of those before what tells where the next one begins anew."""

    def __init__(self, leaving: Mapping[str, Sequence[str]] | None = None) -> None:
        """``leaving``: by the id of a message, the branches that leave there, which are on the page, too."""
        self._leaving = leaving or {}
        self._role: str | None = None
        self._day: str | None = None
        self._model: str | None = None

    def again(self) -> None:
        """Something else came between: name the next speaker."""
        self._role = None

    def write(self, turns: Sequence[Turn], first: int) -> str:
        """The articles of ``turns``; ``first`` is the number of the first one."""
        return "".join(self._article(turn, number) for number, turn in enumerate(turns, first))

    def _article(self, turn: Turn, number: int) -> str:
        message = turn.message
        left = list(turn.left)
        if turn.moved and not left:
            return f'<span class="moved" id="{escaped(message.id)}"></span>\n'
        date = self._new_day(message.created_at)
        role = "tool" if _only_results(part for _, part in left) else message.role
        kind, goes_on = role, role == self._role
        self._role = role
        body = "".join(self._part(at, part, turn, role) for at, part in left) or '<p class="note">empty</p>'
        head = self._head(message, role, number, goes_on=goes_on)
        kind += " goes-on" if goes_on else ""
        return f'{date}<article class="{escaped(kind)}" id="{escaped(message.id)}">{head}\n{body}</article>\n'

    def _new_day(self, at: int) -> str:
        today = day(at)
        if today == self._day:
            return ""
        self._day, self._role = today, None
        return f'<p class="day"><time datetime="{today}">{today}</time></p>\n'

    def _head(self, message: Message, role: str, number: int, *, goes_on: bool) -> str:
        name = f' <span class="name" dir="auto">{escaped(line(message["name"]))}</span>' if message.get("name") else ""
        who = "" if goes_on else f"<h2>{_NAMES.get(role, escaped(role))}</h2>{name}{self._new_model(message)}"
        branches = (
            f'<a href="#branch-{name}">branch {name}</a>' for name in map(escaped, self._leaving.get(message.id, ()))
        )
        notes = "".join(f' <span class="mark">{note}</span>' for note in (*_notes(message), *branches))
        at = message.created_at
        when = f'<time datetime="{moment(at)}">{moment(at)[11:19]}</time>'
        link = f'<a href="#{escaped(message.id)}" title="{escaped(message.id)}">#{number}</a>'
        return f'<header>{who}{notes} <span class="when">{when} {link}</span></header>'

    def _new_model(self, message: Message) -> str:
        model = model_of(message)
        if model is None or model == self._model:
            return ""
        self._model = model
        return f' <span class="model">{escaped(line(model, 80))}</span>'

    @staticmethod
    def _part(at: int, part: Mapping[str, Any], turn: Turn, role: str) -> str:
        kind = part.get("type")
        if kind == "tool_call":
            return tools.called(part, turn.answers.get(at), turn.message)
        if kind == "text":
            return _text(str(part.get("text", "")), role)
        write = _PARTS.get(str(kind))
        return _other(part) if write is None else write(part)


def _text(text: str, role: str) -> str:
    if not text.strip():
        return ""
    body = f'<div class="prose">{prose(text)}</div>\n'
    if role == "assistant":
        return body
    if role in ("user", "system") and _INSERTED.match(text):
        return _folded("program", first_line(text), text, body)
    return body if len(text) <= _LONG else _folded("long", first_line(text), text, body)


def _thinking(part: Mapping[str, Any]) -> str:
    text = str(part.get("text", ""))
    if not text.strip():
        return '<p class="note thinking">Thinking that is not shown to anybody</p>\n'
    return _folded("thinking", "Thinking", text, f'<div class="prose">{prose(text)}</div>')


def _folded(kind: str, label: str, text: str, body: str) -> str:
    size = f' <span class="outcome">{len(text):,} characters</span>'
    return (
        f'<details class="{kind}"><summary><span dir="auto">{escaped(label)}</span>{size}</summary>\n{body}</details>\n'
    )


def _data(part: Mapping[str, Any]) -> str:
    return _named("data", part.get("data"))


def _other(part: Mapping[str, Any]) -> str:
    return _named(str(part.get("type")), part)


def _named(kind: str, given: Any) -> str:
    text = pretty(given)
    return _folded("data", line(kind, 60), text, block(text))


_PARTS = {
    "thinking": _thinking,
    "tool_result": tools.returned,
    "image": values.picture,
    "file": values.file,
    "data": _data,
}


def _only_results(parts: Any) -> bool:
    """Whether nobody says anything: programs put what tools answered into the mouth of the user."""
    kinds = [part.get("type") for part in parts]
    return bool(kinds) and all(kind == "tool_result" for kind in kinds)


def _notes(message: Message) -> list[str]:
    """What else is to be known of a message, in a word or two; HTML."""
    notes: list[str] = []
    reply = message.get("reply_to")
    if isinstance(reply, str):
        notes.append(f'<a href="#{escaped(reply)}">in reply to</a>')
    edited = message.get("edited")
    if isinstance(edited, dict):
        notes.append(f"edited, version {escaped(edited.get('version', '?'))}")  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if message.get("redacted"):
        notes.append("redacted")
    if message.metadata.get("isMeta") is True:
        notes.append("put in by the program")
    if message.metadata.get("isCompactSummary") is True:
        notes.append("summary of what came before")
    return notes


def moment(milliseconds: int) -> str:
    """A time in UTC, as ISO 8601 says it."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017 - typed


def day(milliseconds: int) -> str:
    """The day of a time, in UTC."""
    return moment(milliseconds)[:10]
