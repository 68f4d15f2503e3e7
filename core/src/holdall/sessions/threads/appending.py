"""Appending replies: the records of their threads go into the same step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from holdall.contract import Address
from holdall.errors import Invalid, NotFound
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import MAIN, PLACES, REPLIES, THREADS, message_place, messages_lane, session_partition
from holdall.sessions.reader import NO_LANE, Check
from holdall.sessions.state import SessionStep, State
from holdall.sessions.threads.known import Known, Missing, keep, kept, learn
from holdall.sessions.threads.table import key_of, slot
from holdall.sessions.threads.weaving import Weaving
from holdall.sessions.views import Message

__all__ = ["Link", "linking"]

T = TypeVar("T")
Link = tuple[str, str]
"""Where a message is in what is appended, and the id of the message that it replies to."""


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
        self._before, self._written = {}, {}
        stops = {lane: self._known.stop(lane) for lane in (THREADS, REPLIES, PLACES)}
        pairs = [(Message(messages[int(at.rpartition("/")[2])]).id, to, at) for at, to in self._links]
        for own, to, at in pairs:
            self._check(state, own, to, f"{at}/reply_to")
        keys = [(key_of(own), key_of(to)) for own, to, _ in pairs]
        size = stops[PLACES]
        self._known.need((PLACES, slot(key, size)) for pair in keys for key in pair if size)
        weaving = Weaving(stops, self._known.get)
        missing: list[Address] = []
        for own, to in keys:
            try:
                weaving.reply(own, to)
            except Missing as more:
                missing += more.addresses
        if missing:
            raise Missing(*dict.fromkeys(missing))
        self._before = self._known.records.copy()
        for (lane, position), record in weaving.records():
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
