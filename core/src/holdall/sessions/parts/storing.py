"""Putting values apart in the same step as the messages that refer to them, each once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from holdall.sessions.names import CHUNKS, PARTS, session_partition
from holdall.sessions.parts.index import Index, Note, learned, noted
from holdall.sessions.parts.splitting import Value

if TYPE_CHECKING:
    from holdall.sessions.engine import Engine
    from holdall.sessions.reader import Check
    from holdall.sessions.state import SessionStep

__all__ = ["Apart", "StaleIndexError", "collect", "hide", "keep", "knowing"]

T = TypeVar("T")
CHUNK = 128 << 10
"""The most bytes of a part in one chunk; as JSON they can become six times as many."""
_encode = msgspec.json.Encoder().encode


class StaleIndexError(Exception):
    """A step needs to know which parts the session has by now: it is to be made again."""


class Apart(msgspec.Struct):
    """What a step puts apart, and the parts that the session has already."""

    values: list[Value] = []
    again: list[str] = []
    """Hashes of parts that are there, and get one more reference each."""
    index: Index | None = None


def keep(step: SessionStep, apart: Apart) -> None:
    """Store the values that the session does not have yet, and count the references to all of them."""
    index = apart.index
    if step.head is None:
        index = Index(None)
    elif index is None or not index.is_of(step.head):
        raise StaleIndexError
    new = {value.hash: value for value in apart.values if index.get(value.hash) is None}
    for hash_ in dict.fromkeys([*(value.hash for value in apart.values), *apart.again]):
        count = sum(value.hash == hash_ for value in apart.values) + apart.again.count(hash_)
        note = Note(hash_, count)
        if hash_ in new:
            first, chunks = step.lane(CHUNKS).stop, list(_chunks(new[hash_].data))
            note = Note(hash_, count, first, [len(chunk) for chunk in chunks])
            step.add(CHUNKS, [_encode(chunk.decode()) for chunk in chunks])
        step.add(PARTS, [noted(note)])


def hide(step: SessionStep, hashes: Sequence[str]) -> None:
    """Count references as those of what was redacted: a part that has no others is shown to nobody."""
    if hashes:
        step.add(
            PARTS, [noted(Note(each, -hashes.count(each), hidden=hashes.count(each))) for each in dict.fromkeys(hashes)]
        )


def collect(step: SessionStep, apart: Apart, shown: Sequence[str], hidden: Sequence[str]) -> None:
    """Count references away, of messages and of what was redacted; of a part that has none left, erase what is in it."""
    index = apart.index
    if step.head is None or index is None or not index.is_of(step.head):
        raise StaleIndexError
    for each in dict.fromkeys([*shown, *hidden]):
        entry = index.get(each)
        if entry is None:
            continue
        less = shown.count(each), hidden.count(each)
        step.add(PARTS, [noted(Note(each, -less[0], hidden=-less[1]))])
        if entry.references + entry.hidden <= sum(less):
            for at, size in enumerate(entry.sizes, entry.first):
                step.rewrite(CHUNKS, at, b"null")
                step.size -= size


def _chunks(data: bytes) -> Iterator[bytes]:
    """``data``, which is UTF-8, in pieces that are."""
    start = 0
    while start < len(data):
        stop = min(start + CHUNK, len(data))
        while stop < len(data) and data[stop] & 0xC0 == 0x80:  # noqa: PLR2004 - a byte inside a character
            stop -= 1
        yield data[start:stop]
        start = stop


async def knowing(engine: Engine, session: str, apart: Apart, check: Check, attempt: Callable[[], Awaitable[T]]) -> T:
    """What ``attempt`` returns, tried with the parts that the session has by then."""
    while True:
        apart.index = await learned(engine, session, check)
        try:
            return await attempt()
        except StaleIndexError:
            engine.states.drop(session_partition(session))  # what is remembered may be older than the index
