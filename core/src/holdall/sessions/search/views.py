"""What a search shows of a message that it found."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from holdall.searching.places import Place
from holdall.sessions.views import Message

__all__ = ["Match", "Piece", "SearchPage", "snippet_of"]

_BEFORE, _LENGTH = 60, 240
"""Characters of a snippet before the first place that matches, and in all."""
_MANY = 50
"""So many places in one snippet are as good as more."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a snippet."""

    text: str
    match: bool = False
    """Whether this is what was looked for."""


class Match(msgspec.Struct, frozen=True):
    """A message that was found."""

    message: Message
    session: str
    branch: str
    owner: str
    project: str | None
    title: str | None
    """The session's."""
    snippet: Sequence[Piece]
    """The message's text around what matches."""
    score: float | None = None
    """How well it matches, where the best come first; comparable within one search only."""

    def as_dict(self) -> dict[str, Any]:
        """Every field, as the HTTP API shows it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in {"message", "snippet"}}
        message = self.message
        told = {"id": message.id, "role": message.role, "created_at": message.created_at}
        return {**told, **fields, "snippet": msgspec.to_builtins(self.snippet)}


class SearchPage(msgspec.Struct, frozen=True):
    """Messages that were found, and the cursor of those that come after them."""

    items: Sequence[Match]
    next: str | None = None
    complete: bool = True
    """False: the search index is still being built, and older messages may be missing."""

    def __iter__(self) -> Iterator[Match]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def snippet_of(text: str, places: Sequence[Place]) -> list[Piece]:
    """The part of ``text`` around its ``places``, where that is most of them."""
    start = _start(text, places)
    stop = min(start + _LENGTH, len(text))
    found: list[Piece] = []
    at = start
    for first, last in islice(places, bisect_left(places, (start,)), None):
        if first >= stop:
            break
        end = min(last, stop)
        found += [Piece(text[at:first])] if at < first else []
        found.append(Piece(text[first:end], match=True))
        at = end
    if at < stop:
        found.append(Piece(text[at:stop]))
    if start > 0:
        found.insert(0, Piece("…"))
    if stop < len(text):
        found.append(Piece("…"))
    return found


def _start(text: str, places: Sequence[Place]) -> int:
    """Where a snippet begins: where it shows the most places, at the beginning of a word."""
    if not places:
        return 0
    room = _LENGTH - _BEFORE
    best, most, at = 0, 1, 0
    while at + most < len(places) and most < _MANY:
        if places[at + most][0] < places[at][0] + room:
            best, most = at, most + 1
        else:
            at += 1
    start = max(places[best][0] - _BEFORE, 0)
    space = text.find(" ", start, places[best][0])
    return space + 1 if start > 0 and space >= 0 else start
