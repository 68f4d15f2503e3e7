"""Reading threads: those of a session, and the messages of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from holdall.contract import Head, Span
from holdall.errors import Invalid, NotFound
from holdall.sessions.branches.origins import is_live
from holdall.sessions.engine import Engine
from holdall.sessions.history import Around, around, page_of, reading, span_of
from holdall.sessions.names import (
    MAIN,
    PARTS,
    PLACES,
    REPLIES,
    THREADS,
    branch_of,
    message_id,
    message_place,
    messages_lane,
)
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.threads.known import Block, Bucket, Entry, Known, knowing
from holdall.sessions.threads.known import Thread as Record
from holdall.sessions.threads.table import Key, id_of, key_of, slot
from holdall.sessions.views import Message, Page

__all__ = ["Thread", "thread", "threads"]

_decode = msgspec.json.Decoder(Record | None).decode


class Thread(msgspec.Struct, frozen=True):
    """A thread: what it is about, how long it is, and what was said in it last."""

    root: Message
    replies: int
    """How many."""
    last: Message
    """The latest reply."""

    def as_dict(self) -> dict[str, Any]:
        """Every field."""
        return {"root": self.root.fields, "replies": self.replies, "last": self.last.fields}


async def threads(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, limit: int, before: int | None, after: int | None, check: Check
) -> Page[Thread]:
    """A page of the threads of a session; see ``Store.threads``."""
    place = around(before, after, int)
    while True:
        page = await _threads(engine, session, limit, place, check)
        if page is not None:
            return page


async def _threads(engine: Engine, session: str, limit: int, place: Around, check: Check) -> Page[Thread] | None:
    """The page; ``None`` when the session was cleared meanwhile."""
    part = await reading(engine, session, span_of(THREADS, limit, place), place, check)
    page = page_of(part, _decode, str)
    found = [one for one in page if one is not None]
    stop = part.state.head.lanes.get(REPLIES, NO_LANE).stop

    def attempt(known: Known, _: Head) -> list[Block | None] | None:
        if known.stop(REPLIES) < stop:
            return None
        known.need([(REPLIES, one.last) for one in found])
        return [known.get(REPLIES, one.last) for one in found]

    blocks, _ = await knowing(engine, session, check, attempt)
    if blocks is None:
        return None
    told = [(one, block) for one, block in zip(found, blocks, strict=True) if block is not None]
    ends = [id_of(key) for one, block in told for key in (one.root, block.ids[-1])]
    messages, _ = await _messages(engine, session, ends, check)
    views = [
        Thread(messages[root], block.n + len(block.ids) - 1, messages[last])
        for (_, block), root, last in zip(told, ends[::2], ends[1::2], strict=True)
        if root in messages and last in messages
    ]
    return Page(views, page.next, page.previous, page.version)


async def thread(  # noqa: PLR0913, PLR0917 - each is a thing that a caller may ask
    engine: Engine, session: str, message: str, limit: int, before: str | None, after: str | None, check: Check
) -> Page[Message]:
    """A page of the thread that a message is in; see ``Store.thread``."""
    if before is not None and after is not None:
        raise Invalid("give before or after, not both", pointer="/after")
    place, cursor = key_of(message), before or after
    at = None if cursor is None else key_of(cursor)

    def attempt(known: Known, head: Head) -> _Part:
        _check_there(head, message)
        entry = _entry(known, place)
        found = None if entry is None else known.get(THREADS, entry[1])
        if entry is None or found is None:
            return _alone(place, at)
        walk = _Walk(known, entry[1], found)
        return walk.latest(limit) if at is None else walk.beside(at, limit, forwards=after is not None)

    part, head = await knowing(engine, session, check, attempt)
    ids = [id_of(key) for key in part.keys]
    messages, now = await _messages(engine, session, ids, check)
    _check_there(now, message)
    items = [messages[name] for name in ids if name in messages]
    following, preceding = (ids[-1] if part.more else None), (ids[0] if part.earlier else None)
    return Page(items, following, preceding, head.changed, PARTS in head.lanes)


def _check_there(head: Head, message: str) -> None:
    """Raise ``NotFound`` unless there is, or was, such a message. The head alone tells."""
    branch, position = message_place(message)
    lane = head.lanes.get(messages_lane(branch), NO_LANE)
    if not lane.first + (branch != MAIN) <= position < lane.stop:
        raise NotFound("message", message)


def _entry(known: Known, key: Key) -> Entry | None:
    size = known.stop(PLACES)
    bucket: Bucket = (known.get(PLACES, slot(key, size)) or []) if size else []
    return next((entry for entry in bucket if entry[0] == key), None)


class _Part(msgspec.Struct, frozen=True):
    """Messages of a thread in a row, and whether there are others on either side."""

    keys: Sequence[Key]
    earlier: bool = False
    more: bool = False


def _alone(key: Key, at: Key | None) -> _Part:
    """The part of a thread that has no replies."""
    if at is not None and at != key:
        raise NotFound("cursor", id_of(at))
    return _Part([key] if at is None else [])


class _Walk:
    """One thread, block by block: its root is before the first block."""

    def __init__(self, known: Known, number: int, thread: Record) -> None:
        self._known = known
        self._number = number
        self._thread = thread

    def latest(self, limit: int) -> _Part:
        """The last ones."""
        keys, earlier = self._back(self._thread.last, None, limit)
        return _Part(keys, earlier)

    def beside(self, at: Key, limit: int, *, forwards: bool) -> _Part:
        """Those before, or after, one of the thread."""
        entry = _entry(self._known, at)
        if entry is None or entry[1] != self._number:
            raise NotFound("cursor", id_of(at))
        if forwards:
            keys, more = self._forth(entry[2], at, limit)
            return _Part(keys, bool(keys), more)
        if at == self._thread.root:
            return _Part([])
        keys, earlier = self._back(entry[2], at, limit)
        return _Part(keys, earlier, bool(keys))

    def _back(self, position: int | None, at: Key | None, limit: int) -> tuple[list[Key], bool]:
        """Up to ``limit`` that end before ``at`` or, without one, with the last of the block; whether that isn't all."""
        found: list[Key] = []
        while position is not None and len(found) <= limit:
            block: Block | None = self._known.get(REPLIES, position)
            if block is None:  # lost, and what came before it
                position = None
                break
            ids = block.ids if at is None or at not in block.ids else block.ids[: block.ids.index(at)]
            found = [*ids, *found]
            position, at = block.previous, None
        if position is None and len(found) <= limit:
            found = [self._thread.root, *found]
        return found[-limit:], len(found) > limit

    def _forth(self, start: int, at: Key, limit: int) -> tuple[list[Key], bool]:
        """Up to ``limit`` that come after ``at``, and whether that isn't all."""
        found: list[Key] = []
        position: int | None = start
        while position is not None and len(found) <= limit:
            block: Block | None = self._known.get(REPLIES, position)
            if block is None:
                break
            found += block.ids[block.ids.index(at) + 1 :] if at in block.ids else block.ids
            position = block.next
        return found[:limit], len(found) > limit


async def _messages(engine: Engine, session: str, ids: Sequence[str], check: Check) -> tuple[dict[str, Message], Head]:
    """The messages of these ids, but for those that are gone, or of a branch that is deleted; and of which moment."""
    spans: dict[str, list[int]] = {}
    for name in ids:
        branch, position = message_place(name)
        spans.setdefault(branch, []).append(position)
    wanted = [span for branch, positions in spans.items() for span in _spans(branch, sorted(set(positions)))]
    view = await engine.view(session, *wanted, check=check)
    head = view.state.head
    found: dict[str, Message] = {}
    for (lane, position), record in view.records.items():
        branch = branch_of(lane)
        if branch is not None and is_live(head, branch):
            found[message_id(position, branch)] = Message(record)
    return found, head


def _spans(branch: str, positions: list[int]) -> list[Span]:
    """Positions as runs, those next to each other in one."""
    breaks = [0, *[at for at, (one, other) in enumerate(pairwise(positions), 1) if other != one + 1], len(positions)]
    lane = messages_lane(branch)
    return [Span(lane, positions[start], positions[stop - 1] + 1) for start, stop in pairwise(breaks)]
