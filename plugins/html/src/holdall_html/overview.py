"""What is told before the conversation: its contents, how long it is, and what it took. One reading of it, a page held."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdall.formats.usage import Totals, model_of
from holdall.formats.values import titled
from holdall.formats.walking import Walk
from holdall.sessions.views import Message

__all__ = ["Heading", "Overview", "surveyed"]

_MOST = 200
"""The most headings in a contents: of a longer conversation it has every second, every fourth, … of what was asked."""
_MODELS = 8


@dataclass(frozen=True, slots=True)
class Heading:
    """Where something was asked."""

    message: str
    number: int
    text: str


@dataclass(slots=True)
class Overview:
    """A conversation from afar."""

    messages: int = 0
    calls: int = 0
    first: int | None = None
    """When it began, in milliseconds."""
    last: int | None = None
    models: dict[str, int] = field(default_factory=dict[str, int])
    totals: Totals = field(default_factory=Totals)
    headings: list[Heading] = field(default_factory=list[Heading])
    every: int = 1
    """The contents has one of so many."""
    asked: int = 0

    def add(self, message: Message, number: int) -> None:
        """Count ``message``, which has that number on its branch."""
        self.messages += 1
        at = message.created_at
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        self.totals.add(message)
        model = model_of(message)
        if model is not None and (model in self.models or len(self.models) < _MODELS):
            self.models[model] = self.models.get(model, 0) + 1
        content = message.content
        if not isinstance(content, str):
            self.calls += sum(part.get("type") == "tool_call" for part in content)
        if message.role == "user" and message.metadata.get("isMeta") is not True:
            self._asked(message, number)

    def _asked(self, message: Message, number: int) -> None:
        text = titled(message.text[:10_000])
        if text is None:
            return
        if self.asked % self.every == 0:
            self.headings.append(Heading(message.id, number, text))
        self.asked += 1
        if len(self.headings) > _MOST:
            self.headings = self.headings[::2]
            self.every *= 2


async def surveyed(walk: Walk) -> Overview:
    """The overview of what is to be written."""
    found = Overview()
    for stretch in walk.stretches:
        number = stretch.first - stretch.line.first + 1
        async for page in walk.messages_of(stretch):
            for message in page:
                found.add(message, number)
                number += 1
    return found
