"""Putting replies into threads: what of the three lanes changes by each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from holdall.contract import Address
from holdall.sessions.names import PLACES, REPLIES, THREADS
from holdall.sessions.threads.known import Block, Bucket, Entry, Missing, Thread
from holdall.sessions.threads.table import FULL, Key, image, slot

__all__ = ["Weaving"]

_BLOCK = 32
_encode = msgspec.json.Encoder().encode


class Weaving:
    """Changes to the three lanes, on top of records that ``get`` gives, decoded; it may raise ``Missing``."""

    def __init__(self, stops: Mapping[str, int], get: Callable[[str, int], Any]) -> None:
        self._stops = dict(stops)
        self._before = get
        self._values: dict[Address, Any] = {}

    @classmethod
    def anew(cls) -> Weaving:
        """One on lanes that are not there."""

        def get(lane: str, position: int) -> Any:
            raise Missing((lane, position))

        return cls(dict.fromkeys((THREADS, REPLIES, PLACES), 0), get)

    def records(self) -> list[tuple[Address, bytes]]:
        """What is to be written, lane by lane, in order."""
        return [(address, _encode(self._values[address])) for address in sorted(self._values)]

    def reply(self, own: Key, to: Key) -> None:
        """Put ``own``, which is in no thread, into that of ``to``; where there is none, it begins."""
        entry = self._entry(to)
        block = None if entry is None else self._lengthened(entry, own)
        if entry is None or block is None:
            block = self._push(REPLIES, Block(1, [own]))
            number = self._push(THREADS, Thread(to, block, block))
            self._enter((to, number, block))
        else:
            number = entry[1]
        self._enter((own, number, block))

    def _get(self, lane: str, position: int) -> Any:
        address = lane, position
        return self._values[address] if address in self._values else self._before(lane, position)

    def _push(self, lane: str, value: Any) -> int:
        position = self._stops[lane]
        self._values[lane, position] = value
        self._stops[lane] += 1
        return position

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
