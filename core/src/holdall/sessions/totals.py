"""Running totals of a session and its branches: sums are kept for every 128 messages of a lane, what follows is counted.

What is kept is derived, is in no append's way, and is right as long as it is there: an edit that changes what a
message counts for removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from holdall.codecs import Codec
from holdall.contract import Commit, Head, Span
from holdall.errors import Conflict, Damaged, StorageFull
from holdall.sessions.branches.origins import Origins, check_live, knowing, line_of
from holdall.sessions.counted import Totals, count
from holdall.sessions.engine import Decision, Engine
from holdall.sessions.names import MAIN, branch_of, known_branch, messages_lane, totals_lane
from holdall.sessions.reader import NO_LANE, Check, View
from holdall.sessions.state import SessionStep, State

__all__ = ["BLOCK", "Told", "behind", "changed", "follow", "parsed", "totals"]

BLOCK = 128
"""Record ``k`` of a totals lane has the sums of the branch's own messages before position ``128 * (k + 1)``."""
_KEPT_AFTER = 8
"""Blocks that a reader would have to count before it keeps their sums."""
_AT_ONCE = 16
"""Blocks that are read at once."""
_decode = msgspec.json.Decoder(Totals).decode
_encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True):
    """Totals, and the moment that they are of."""

    totals: Totals
    state: State


class _Part(msgspec.Struct, frozen=True):
    """Own messages of a branch from ``start`` to ``stop``, and how much of that is summed up at one moment."""

    branch: str
    start: int
    stop: int
    kept: int
    """The record that has the sums of the most of it; -1: there is none."""

    @classmethod
    def of(cls, head: Head, branch: str, start: int, stop: int) -> _Part:
        """That part, as ``head`` has it."""
        lane = head.lanes.get(totals_lane(branch), NO_LANE)
        last = min(stop // BLOCK, lane.stop) - 1
        return cls(branch, start, stop, last if last >= lane.first else -1)

    @property
    def begin(self) -> int:
        """The first message that has to be counted."""
        return self.start if self.kept < 0 else (self.kept + 1) * BLOCK

    @property
    def missing(self) -> int:
        """How many whole blocks are not summed up."""
        return self.stop // BLOCK - self.begin // BLOCK

    def spans(self) -> list[Span]:
        """What has to be read."""
        lane, step = messages_lane(self.branch), BLOCK * _AT_ONCE
        counted = [Span(lane, at, min(at + step, self.stop)) for at in range(self.begin, self.stop, step)]
        return counted if self.kept < 0 else [Span(totals_lane(self.branch), self.kept, self.kept + 1), *counted]


class _Quiet(SessionStep, kw_only=True):
    """A step of housekeeping: nobody sees that it was made."""

    def commit(self, codec: Codec) -> Commit:
        """The finished commit, which leaves ``changed`` as it is."""
        found = SessionStep.commit(self, codec)
        changed = found.version if self.head is None else self.head.changed
        return Commit(
            found.partition, found.expect, found.version, changed,
            found.lanes, found.marks, found.expires_at, found.write, found.erase,
        )  # fmt: skip


async def totals(engine: Engine, session: str, branch: str | None, check: Check) -> Told:
    """What the messages of a branch, or of all branches together, come to; see ``Store.totals``."""
    if branch is not None:
        known_branch(branch)
    origins: Origins = {}

    async def parts() -> tuple[State, list[_Part]]:
        state = await engine.current(session, check)
        return state, _parts(state.head, branch, origins)

    while True:
        state, wanted = await knowing(engine, session, origins, check, parts)
        long = [part.branch for part in wanted if part.missing >= _KEPT_AFTER]
        with suppress(StorageFull):  # what cannot be kept is counted all the same
            for name in long:
                await follow(engine, session, name, check, whole=True)
        if long:
            state, wanted = await knowing(engine, session, origins, check, parts)
        sums = await _sums(engine, session, state.head, wanted, check)
        if sums is not None:
            return Told(sums, state)


def _parts(head: Head, branch: str | None, origins: Origins) -> list[_Part]:
    """Which messages are meant: those on the line of ``branch``, or all."""
    if branch is None:
        own = {name: lane for lane in head.lanes if (name := branch_of(lane)) is not None}
        lanes = [(name, head.lanes[lane]) for name, lane in own.items()]
        return [_Part.of(head, name, lane.first + (name != MAIN), lane.stop) for name, lane in lanes]
    check_live(head, branch)
    return [_Part.of(head, *segment) for segment in line_of(head, branch, origins).segments()]


async def _sums(engine: Engine, session: str, head: Head, parts: Sequence[_Part], check: Check) -> Totals | None:
    """The sums of ``parts``; ``None`` when what they are made from was overwritten meanwhile."""
    sums, spans = Totals(), [span for part in parts for span in part.spans()]
    while spans:
        some = _some(spans)
        view = await engine.view(session, *spans[:some], check=check)
        if any(_seen(view.state.head, part) != _seen(head, part) for part in parts):
            return None
        _add(sums, view, spans[:some])
        del spans[:some]
    return sums


def _some(spans: Sequence[Span]) -> int:
    """How many of ``spans``, at least one, are read at once."""
    records = 0
    for number, span in enumerate(spans):
        records += (span.stop or 0) - span.start
        if records > BLOCK * _AT_ONCE:
            return max(number, 1)
    return len(spans)


def _add(sums: Totals, view: View, spans: Sequence[Span]) -> None:
    for span in spans:
        records = view.run(span)
        if branch_of(span.lane) is None:
            for record in records:
                sums.add(parsed(record))
        else:
            sums.add(count(records))


def parsed(record: bytes) -> Totals:
    """A record of a totals lane; raises ``Damaged``."""
    try:
        return _decode(record)
    except ValueError:
        raise Damaged("what is kept of a session's totals", "it is not what was written") from None


def _seen(head: Head, part: _Part) -> tuple[int, int, int]:
    """What stays while what was read of ``part`` is true."""
    lane, kept = (head.lanes.get(name, NO_LANE) for name in (messages_lane(part.branch), totals_lane(part.branch)))
    return lane.first, lane.rewritten, kept.rewritten


def behind(head: Head, branch: str) -> bool:
    """Whether a whole block of the branch's own messages is not summed up."""
    return _own(head, branch).missing > 0


def _own(head: Head, branch: str) -> _Part:
    lane = head.lanes.get(messages_lane(branch), NO_LANE)
    return _Part.of(head, branch, lane.first + (branch != MAIN), lane.stop)


async def follow(engine: Engine, session: str, branch: str, check: Check, *, whole: bool = False) -> None:
    """Sum up what blocks of a branch's own messages are not, 16 at most unless the ``whole`` is wanted."""
    more = True
    while more:
        state = await engine.current(session, check)
        part = _own(state.head, branch)
        if not part.missing:
            return
        stop = min(part.stop // BLOCK, part.begin // BLOCK + _AT_ONCE) * BLOCK
        part = msgspec.structs.replace(part, stop=stop)
        view = await engine.view(session, *part.spans(), check=check)
        if _seen(view.state.head, part) == _seen(state.head, part):
            with suppress(Conflict):  # somebody else was first, or changed what was summed up
                await engine.change(session, _keeping(part, view, check))
                more = whole


def _keeping(part: _Part, view: View, check: Check) -> Decision[None]:
    seen = _seen(view.state.head, part)
    lane, first = totals_lane(part.branch), part.begin // BLOCK
    sums, records = Totals(), list[bytes]()
    if part.kept >= 0:
        sums.add(parsed(view.records[lane, part.kept]))
    for block in range(first, part.stop // BLOCK):
        start = max(part.begin, block * BLOCK)
        sums.add(count(view.run(Span(messages_lane(part.branch), start, (block + 1) * BLOCK))))
        records.append(_encode(sums))

    def decide(state: State, now: int) -> tuple[SessionStep, None]:
        check(state)
        step = _Quiet.on(state, now)
        step.plain = True  # nobody is told
        if _seen(state.head, part) != seen or step.lane(lane).stop not in (first, 0):
            # Raised, not answered: the state may be an old one that is remembered, which is then read again.
            raise Conflict("the totals", expected=first, found=step.lane(lane).stop)
        if part.kept < 0:
            step.start(lane, first, records[0])
            step.append(lane, records[1:])
        else:
            step.append(lane, records)
        return step, None

    return decide


def changed(old: bytes, new: bytes) -> bool:
    """Whether a message that is replaced by another counts for something else from then on."""
    return count([old]) != count([new])
