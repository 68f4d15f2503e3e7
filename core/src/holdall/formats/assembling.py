"""The pieces of a document, put together again: the newest of each, in the order in which they stood."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from holdall.formats.pieces import DOCUMENT, ITEM, json_text
from holdall.formats.values import fields_of
from holdall.formats.walking import Walk
from holdall.sessions.names import ORIGINALS

__all__ = ["assembled", "is_document"]

_START = f'{{"type":"{DOCUMENT}",'


@dataclass(slots=True)
class _Where:
    """The newest piece of an item: its position among the originals, and its place in the document."""

    position: int
    at: int
    above: str | None


@dataclass(slots=True)
class _Index:
    """Where the newest pieces are; no more of them is held."""

    head: int = 0
    items: dict[str, _Where] = field(default_factory=dict[str, _Where])

    def below(self) -> dict[str | None, list[str]]:
        """What is in each item, and in none, in order."""
        found: dict[str | None, list[str]] = {}
        for name in sorted(self.items, key=lambda name: (self.items[name].at, self.items[name].position)):
            above = self.items[name].above
            found.setdefault(above if above in self.items else None, []).append(name)
        return found


def is_document(original: str) -> bool:
    """Whether an original is the piece around the items of a document."""
    return original.startswith(_START)


async def assembled(walk: Walk) -> AsyncIterator[bytes]:
    """The document, an item at a time."""
    index = await _indexed(walk)
    head = _decoded(await walk.original(index.head))
    value, name, nested = fields_of(head.get("value")), str(head.get("items")), head.get("nested")
    before, after = _around(value, name)
    single, keyed = isinstance(value.get(name), dict) and bool(nested), isinstance(value.get(name), dict) and not nested
    yield f"{before}{'' if single else '{' if keyed else '['}".encode()
    async for piece in _items(walk, index, nested):
        yield piece
    yield f"{'' if single else '}' if keyed else ']'}{after}\n".encode()


async def _indexed(walk: Walk) -> _Index:
    index, position = _Index(), walk.first(ORIGINALS)
    async for page in walk.originals():
        for text in page:
            piece = _decoded(text)
            if piece.get("type") == DOCUMENT:
                index.head = position
            elif piece.get("type") == ITEM:
                index.items[str(piece.get("node"))] = _Where(position, int(piece["at"]), piece.get("above"))
            position += 1
    return index


async def _items(walk: Walk, index: _Index, nested: Any) -> AsyncIterator[bytes]:
    """The items, each before those that are nested in it, with what stands between them."""
    below = index.below()
    levels: list[tuple[Iterator[str], str]] = [(iter(below.get(None, ())), "")]
    first = True
    while levels:
        items, closing = levels[-1]
        name = next(items, None)
        if name is None:
            levels.pop()
            first = False
            yield closing.encode()
            continue
        piece = _decoded(await walk.original(index.items[name].position))
        value, key = piece.get("value"), piece.get("key")
        lead = f"{'' if first else ','}{'' if key is None else f'{json_text(key)}:'}"
        first = isinstance(nested, str) and nested in fields_of(value)
        if first:
            before, after = _around(fields_of(value), nested)
            levels.append((iter(below.get(name, ())), f"]{after}"))
            yield f"{lead}{before}[".encode()
        else:
            yield f"{lead}{json_text(value)}".encode()


def _around(value: dict[str, Any], name: str) -> tuple[str, str]:
    """The text of an object before and behind the value of ``name``."""
    fields = [(json_text(key), None if key == name else json_text(one)) for key, one in value.items()]
    at = next((number for number, (_, text) in enumerate(fields) if text is None), len(fields))
    before = "".join(f"{key}:{text}," for key, text in fields[:at])
    after = "".join(f",{key}:{text}" for key, text in fields[at + 1 :])
    return f"{{{before}{json_text(name)}:", f"{after}}}"


def _decoded(text: str) -> dict[str, Any]:
    try:
        return fields_of(json.loads(text))
    except (ValueError, RecursionError):
        return {}
