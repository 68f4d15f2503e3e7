"""Whether the three lanes agree with each other, and with what the messages say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdall.errors import Damaged
from holdall.sessions.names import PLACES, REPLIES, THREADS
from holdall.sessions.threads.known import Block, Bucket, Thread, decoded
from holdall.sessions.threads.remaking import Reply
from holdall.sessions.threads.table import Key, id_of, slot

__all__ = ["Lanes", "fault", "roots"]

Lanes = Mapping[str, Mapping[int, bytes]]
"""Records of the three lanes by their positions."""
_Entries = dict[Key, tuple[int, int]]
"""Of each message that is in a thread: which one, and the block."""


def fault(lanes: Lanes, replies: Iterable[Reply]) -> str | None:
    """What is wrong with the lanes, in half a sentence; ``None`` when nothing is."""
    try:
        entries, first = _entries(lanes)
    except (Damaged, KeyError):
        return "its records contradict each other"
    left = entries.keys() - first
    for reply in replies:
        if reply.own not in left:
            return f"it lacks {id_of(reply.own)}"
        if reply.to not in entries or entries[reply.own][0] != entries[reply.to][0]:
            return f"it has {id_of(reply.own)} in another thread than what that replies to"
        left.discard(reply.own)
    return f"it has {id_of(min(left, key=str))}, which replies to nothing" if left else None


def _entries(lanes: Lanes) -> tuple[_Entries, set[Key]]:
    """What the lanes say of each message, and which ones begin a thread."""
    threads, blocks, places = (_all(lanes, lane) for lane in (THREADS, REPLIES, PLACES))
    entries: _Entries = {}
    walked = 0
    for number in range(len(threads)):
        thread: Thread = threads[number]
        found = _walked(number, thread, blocks)
        walked += len({block for _, block in found.values()})
        found[thread.root] = number, thread.first
        _agree(so=entries.keys().isdisjoint(found))
        entries |= found
    told: _Entries = {}
    for at in range(len(places)):
        bucket: Bucket = places[at]
        told |= {key: (number, block) for key, number, block in bucket}
        _agree(so=all(slot(key, len(places)) == at for key, _, _ in bucket))
    _agree(so=walked == len(blocks) and told == entries)
    return entries, {thread.root for thread in threads.values()}


def _walked(number: int, thread: Thread, blocks: Mapping[int, Block]) -> _Entries:
    """The replies of one thread, through its blocks."""
    found: _Entries = {}
    previous, at = None, thread.first
    while at is not None:
        block = blocks[at]
        _agree(so=block.n == len(found) + 1 and block.previous == previous and bool(block.ids))
        found |= dict.fromkeys(block.ids, (number, at))
        _agree(so=block.n + len(block.ids) == len(found) + 1)
        previous, at = at, block.next
    _agree(so=previous == thread.last)
    return found


def roots(lanes: Lanes) -> dict[Key, Key]:
    """Of each message that is in a thread: which message begins it, as far as the records can be read."""
    threads: Mapping[int, Thread] = _all(lanes, THREADS, leniently=True)
    places: Mapping[int, Bucket] = _all(lanes, PLACES, leniently=True)
    entries = [entry for bucket in places.values() for entry in bucket]
    return {key: threads[number].root for key, number, _ in entries if number in threads}


def _all(lanes: Lanes, lane: str, *, leniently: bool = False) -> dict[int, Any]:
    """The records of a lane; of a lost one, ``Damaged``, or ``leniently`` nothing."""
    found: dict[int, Any] = {}
    for position, record in lanes.get(lane, {}).items():
        value = decoded(lane, position, record)
        if value is not None:
            found[position] = value
        elif not leniently:
            raise Damaged(f"{lane}[{position}]", "it is lost")
    return found


def _agree(*, so: bool) -> None:
    if not so:
        raise Damaged("the threads", "they contradict each other")
