"""Tool calls with their results beside them, for forms that are read from top to bottom.

A result comes messages later than its call. What is held back meanwhile is bounded: who waits too long goes on without.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdall.sessions.views import Message

__all__ = ["Answer", "Pairing", "Turn", "paired"]

MOST = 100
"""How many messages may wait for a result."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The part that a tool answered with, and the message that it came in."""

    part: Mapping[str, Any]
    message: Message


@dataclass(slots=True)
class Turn:
    """A message, taken apart."""

    message: Message
    parts: Sequence[Mapping[str, Any]]
    """Its content as parts, also where that is mere text."""
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])
    """By the place of a tool call among the parts: what came of it."""
    moved: set[int] = field(default_factory=set[int])
    """The places of results that went to the calls of earlier messages."""
    open: set[str] = field(default_factory=set[str])
    """The calls that have no result yet."""

    @property
    def left(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The parts that did not go elsewhere, with their places."""
        return ((at, part) for at, part in enumerate(self.parts) if at not in self.moved)


class Pairing:
    """Takes messages in order and gives them back in order, each with the results that came meanwhile."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: deque[Turn] = deque()
        self._calls: dict[str, tuple[Turn, int]] = {}

    def take(self, message: Message) -> None:
        """Let ``message`` wait, and bring its results to the calls that wait for them."""
        turn = Turn(message, parts_of(message))
        for at, part in enumerate(turn.parts):
            call = part.get("id")
            if not isinstance(call, str):
                continue
            if part.get("type") == "tool_call":
                self._calls[call] = turn, at
                turn.open.add(call)
            elif part.get("type") == "tool_result" and call in self._calls:
                asker, place = self._calls.pop(call)
                asker.answers[place] = Answer(part, message)
                asker.open.discard(call)
                turn.moved.add(at)
        self._waiting.append(turn)

    def ready(self, *, ended: bool = False) -> list[Turn]:
        """The turns that wait for nothing any more; all of them when the conversation has ``ended``."""
        found: list[Turn] = []
        while self._waiting and (ended or not self._waiting[0].open or len(self._waiting) > self._most):
            turn = self._waiting.popleft()
            for call in turn.open:
                if call in self._calls and self._calls[call][0] is turn:
                    del self._calls[call]
            found.append(turn)
        return found


def parts_of(message: Message) -> Sequence[Mapping[str, Any]]:
    """A message's content as parts."""
    content = message.content
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


async def paired(pages: AsyncIterator[Sequence[Message]]) -> AsyncIterator[list[Turn]]:
    """The messages of ``pages``, about as many at a time."""
    pairing = Pairing()
    async for page in pages:
        turns: list[Turn] = []
        for message in page:
            pairing.take(message)
            turns += pairing.ready()
        yield turns
    yield pairing.ready(ended=True)
