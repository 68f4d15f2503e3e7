"""Appending replies: the records of their threads go into the same step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from holdall.contract import Address
from holdall.errors import Invalid, NotFound
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import MAIN, PLACES, REPLIES, THREADS, message_place, messages_lane, session_partition
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.threads.known import Block, Bucket, Entry, Known, Missing, Thread, keep, kept, learn
from holdall.sessions.threads.table import FULL, Key, image, key_of, slot
from holdall.sessions.views import Message

__all__ = ["Link", "linking"]

T = TypeVar("T")
Link = tuple[str, str]
"""Where a message is in what is appended, and the id of the message that it replies to."""
_BLOCK = 32
_encode = msgspec.json.Encoder().encode


async def linking(  # noqa: PLR0913, PLR0917 - a change, and what links it makes
    engine: Engine,
    session: str,
    links: Sequence[Link],
    decide: Decision[T],
    change: Callable[[Decision[T]], Any],
    check: Check,
    *,
    expected: bool,
) -> Any:
    """``change`` by ``decide``, with the links of its messages in the same step.

    Those who reply in one session take turns here, so that none of them reads for nothing. When the session's version
    is ``expected``, a message may reply to one that comes before it in the same append.
    """
    turn = f"{session_partition(session)} replies"
    if not engine.turns.begin(turn):
        await engine.turns.wait(turn)
    try:
        known = kept(engine, session)
        while True:
            writing = _Writing(known, links, expected=expected)
            try:
                found = await change(writing.around(decide))
            except Missing as missing:
                await _learn(engine, session, known, check, missing)
                continue
            keep(engine, session, writing.known_after(found[0]))
            return found
    finally:
        engine.turns.end(turn)


async def _learn(engine: Engine, session: str, known: Known, check: Check, missing: Missing) -> None:
    """Read what is missing, and forget a state that is older than that."""
    head = await learn(engine, session, known, check, missing)
    held = engine.states.peek(session_partition(session))
    if held is not None and held.head.version != head.version:
        engine.states.drop(session_partition(session))


class _Writing:
    """One step's changes to the three lanes, on top of what is known of them."""

    def __init__(self, known: Known, links: Sequence[Link], *, expected: bool) -> None:
        self._known = known
        self._links = links
        self._expected = expected
        self._values: dict[Address, Any] = {}
        self._stops: dict[str, int] = {}
        self._before: dict[Address, bytes] = {}
        self._written: dict[Address, bytes] = {}

    def around(self, decide: Decision[Any]) -> Decision[Any]:
        """The decision, and the links."""

        def linked(state: State, now: int) -> tuple[SessionStep | None, Any]:
            step, answer = decide(state, now)
            if step is not None:
                self._known.at(state.head)
                self._link(step, state, answer[0])
            return step, answer

        return linked

    def known_after(self, state: State) -> Known:
        """What is known once it is stored. Who reads meanwhile may have read another moment into the old one."""
        if not self._written:
            return self._known
        known = Known()
        known.add(state.head, {**self._before, **self._written})
        return known

    def _link(self, step: SessionStep, state: State, messages: Sequence[bytes]) -> None:
        self._values, self._before, self._written = {}, {}, {}
        self._stops = {lane: self._known.stop(lane) for lane in (THREADS, REPLIES, PLACES)}
        pairs = [(Message(messages[int(at.rpartition("/")[2])]).id, to, at) for at, to in self._links]
        for own, to, at in pairs:
            self._check(state, own, to, f"{at}/reply_to")
        keys = [(key_of(own), key_of(to)) for own, to, _ in pairs]
        size = self._stops[PLACES]
        self._known.need((PLACES, slot(key, size)) for pair in keys for key in pair if size)
        missing: list[Address] = []
        for own, to in keys:
            try:
                self._reply(own, to)
            except Missing as more:
                missing += more.addresses
        if missing:
            raise Missing(*dict.fromkeys(missing))
        self._before = self._known.records.copy()
        for lane, position in sorted(self._values):
            record = _encode(self._values[lane, position])
            self._written[lane, position] = record
            if position >= step.lane(lane).stop:
                step.append(lane, [record])
            else:
                step.rewrite(lane, position, record)

    def _check(self, state: State, own: str, to: str, pointer: str) -> None:
        """Raise ``Invalid`` unless ``to`` is the id of a message that is there before ``own``."""
        try:
            branch, position = message_place(to)
        except NotFound:
            branch, position = MAIN, -1
        lane = state.head.lanes.get(messages_lane(branch), NO_LANE)
        mine, at = message_place(own)
        stop = at if self._expected and branch == mine else lane.stop
        if lane is NO_LANE or not lane.first + (branch != MAIN) <= position < stop:
            raise Invalid("is no message of this session", pointer=pointer)

    def _get(self, lane: str, position: int) -> Any:
        address = lane, position
        return self._values[address] if address in self._values else self._known.get(lane, position)

    def _push(self, lane: str, value: Any) -> int:
        position = self._stops[lane]
        self._values[lane, position] = value
        self._stops[lane] += 1
        return position

    def _reply(self, own: Key, to: Key) -> None:
        entry = self._entry(to)
        block = None if entry is None else self._lengthened(entry, own)
        if entry is None or block is None:
            block = self._push(REPLIES, Block(1, [own]))
            number = self._push(THREADS, Thread(to, block, block))
            self._enter((to, number, block))
        else:
            number = entry[1]
        self._enter((own, number, block))

    def _lengthened(self, entry: Entry, own: Key) -> int | None:
        """Put a reply at the end of the thread of an entry; the position of its block, ``None``: the thread is lost.

        Nearly always its block is the thread's last one, and has room.
        """
        _, number, position = entry
        block: Block | None = self._get(REPLIES, position)
        if block is not None and block.next is None and len(block.ids) < _BLOCK:
            self._values[REPLIES, position] = msgspec.structs.replace(block, ids=[*block.ids, own])
            return position
        thread: Thread | None = self._get(THREADS, number)
        if thread is None:
            return None
        last: Block | None = self._get(REPLIES, thread.last)
        if last is not None and len(last.ids) < _BLOCK:
            self._values[REPLIES, thread.last] = msgspec.structs.replace(last, ids=[*last.ids, own])
            return thread.last
        count = 0 if last is None else last.n + len(last.ids) - 1
        position = self._push(REPLIES, Block(count + 1, [own], previous=None if last is None else thread.last))
        if last is not None:
            self._values[REPLIES, thread.last] = msgspec.structs.replace(last, next=position)
        first = position if last is None and thread.first == thread.last else thread.first
        self._values[THREADS, number] = msgspec.structs.replace(thread, first=first, last=position)
        return position

    def _entry(self, key: Key) -> Entry | None:
        size = self._stops[PLACES]
        bucket: Bucket = (self._get(PLACES, slot(key, size)) or []) if size else []
        return next((entry for entry in bucket if entry[0] == key), None)

    def _enter(self, entry: Entry) -> None:
        """Put an entry into the table, which may have to grow for it."""
        size = self._stops[PLACES]
        if not size:
            self._push(PLACES, [entry])
            return
        at = slot(entry[0], size)
        bucket: Bucket = self._get(PLACES, at) or []
        others = [other for other in bucket if other[0] != entry[0]]
        self._values[PLACES, at] = [*others, entry]
        if len(others) >= FULL:
            split = image(size)
            old: Bucket = self._get(PLACES, split) or []
            self._values[PLACES, split] = [one for one in old if slot(one[0], size + 1) == split]
            self._push(PLACES, [one for one in old if slot(one[0], size + 1) != split])
