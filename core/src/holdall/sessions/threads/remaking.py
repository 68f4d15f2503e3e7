"""Making the three lanes again from the messages that are there.

The order in which replies came is that of their lanes; between branches, that of their times, as far as what a reply
answers comes before it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdall.errors import NotFound
from holdall.sessions.names import PLACES, REPLIES, THREADS
from holdall.sessions.threads.table import Key, key_of
from holdall.sessions.threads.weaving import Weaving

__all__ = ["Reply", "in_order", "reply_of", "woven"]


class Reply(msgspec.Struct, frozen=True):
    """A message that replies to another."""

    own: Key
    to: Key
    at: int
    """When it was made, in milliseconds."""


class _Told(msgspec.Struct):
    """What of a message says where it belongs."""

    id: str
    reply_to: str | None = None
    created_at: int = 0


_decode = msgspec.json.Decoder(_Told).decode


def reply_of(record: bytes) -> Reply | None:
    """What a stored message replies to; raises ``ValueError`` for what is none."""
    told = _decode(record)
    try:
        return None if told.reply_to is None else Reply(key_of(told.id), key_of(told.reply_to), told.created_at)
    except NotFound:
        raise ValueError(f"{told.reply_to!r} is no message's id") from None


def in_order(lanes: Iterable[Sequence[Reply]]) -> list[Reply]:
    """The replies of all lanes in the order in which they came; those that answer each other in a circle are left out."""
    runs = [_timed(lane) for lane in lanes]
    pending = {reply.own for run in runs for reply in run}
    waiting: dict[Key, list[int]] = {}
    """By message that has to come first: the runs whose next reply answers it."""
    ready = [(run[-1].at, number) for number, run in enumerate(runs) if run]
    heapq.heapify(ready)
    found: list[Reply] = []
    while ready:
        _, number = heapq.heappop(ready)
        run = runs[number]
        if run[-1].to in pending:
            waiting.setdefault(run[-1].to, []).append(number)
            continue
        reply = run.pop()
        found.append(reply)
        pending.discard(reply.own)
        for other in (*waiting.pop(reply.own, ()), *([number] if run else ())):
            heapq.heappush(ready, (runs[other][-1].at, other))
    return found


def _timed(lane: Sequence[Reply]) -> list[Reply]:
    """The last one first, none of them later than those behind it: what stands for a lost one has a time of its own."""
    run: list[Reply] = []
    for reply in reversed(lane):
        at = min(reply.at, run[-1].at) if run else reply.at
        run.append(msgspec.structs.replace(reply, at=at))
    return run


def woven(replies: Iterable[Reply]) -> Mapping[str, Sequence[bytes]]:
    """Every record of the three lanes, for replies in order."""
    weaving = Weaving.anew()
    for reply in replies:
        weaving.reply(reply.own, reply.to)
    lanes: dict[str, list[bytes]] = {THREADS: [], REPLIES: [], PLACES: []}
    for (lane, _), record in weaving.records():
        lanes[lane].append(record)
    return lanes
