"""Reading records: where each lies is remembered, or found by ``finding``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from holdall.contract import Address, Head, Span
from holdall.errors import Damaged
from holdall_file.cold import Stretch, read_at
from holdall_file.folder import Descriptor, log_name
from holdall_file.lines import Place, unpack
from holdall_file.state import State

if TYPE_CHECKING:
    from holdall_file.waypoints import Trails

__all__ = ["Plan", "damaged", "read"]

_GAP = 4096
_RUN = 1024 * 1024
_PLACES, _AT_ONCE = 512, 256 * 1024
"""How many records and bytes are read on the event loop at most."""


class Plan:
    """Everything that reading one moment of a log needs; it stays right whatever is written meanwhile."""

    __slots__ = (
        "_size",
        "addresses",
        "back",
        "checkpoint",
        "end",
        "file",
        "head",
        "hurt",
        "lanes",
        "name",
        "places",
        "trails",
    )

    def __init__(self, name: str, file: Descriptor, head: Head, state: State, spans: Sequence[Span]) -> None:
        self.name = name
        self.file = file
        self.head = head
        self.checkpoint = state.checkpoint
        self.end = state.end
        self.addresses: list[Address] = []
        self.places: dict[Address, Place] = {}
        self.lanes: dict[str, tuple[int, int]] = {}
        """Of each lane where it was born, and the highest ``stop`` it had."""
        self.hurt: Stretch | None = None
        """What was found damaged on the way."""
        self._size = 0
        for span in spans:
            lane = head.lanes.get(span.lane)
            if lane is not None:
                self._add(span.lane, span.within(lane), state)
        looks = len(self.places) < len(self.addresses)
        self.trails: Trails | None = state.trails() if looks else None
        self.back = [at for _, at in state.trail()] if looks else []

    def _add(self, lane: str, positions: range, state: State) -> None:
        track = state.tracks.get(lane)
        if track is None or not positions:
            return
        moved, known, places = track.moved, track.known, self.places
        for position in positions:
            address = (lane, position)
            self.addresses.append(address)
            place = moved.get(position) or known.get(position)
            if place:
                places[address] = place
                self._size += place[1]
        self.lanes[lane] = (track.born, track.peak)

    @property
    def small(self) -> bool:
        """Whether it can be read at once: all places known, and not much."""
        return len(self.places) == len(self.addresses) <= _PLACES and self._size <= _AT_ONCE


def read(plan: Plan) -> Mapping[Address, bytes]:
    """The records of a plan, in its order; raises ``Damaged`` naming the one that is."""
    if len(plan.places) < len(plan.addresses):
        from holdall_file.finding import find  # noqa: PLC0415 - who reads the latest page does without

        find(plan)
    records: dict[Address, bytes] = dict.fromkeys(plan.addresses, b"")
    for run in _runs(plan.places):
        start = run[0][1][0]
        data = read_at(plan.file.fd, start, run[-1][1][0] + run[-1][1][1])
        for address, (offset, length, crc, form) in run:
            raw = data[offset - start : offset - start + length]
            if crc32(raw) != crc or len(raw) != length:
                stretch = Stretch(offset, offset + length, f"checksum of the bytes at {offset}", members=True)
                raise damaged(plan, address, stretch)
            records[address] = unpack(raw, form) if form else raw
    return records


def damaged(plan: Plan, address: Address, stretch: Stretch | None) -> Damaged:
    """The error that names a record; ``stretch`` is kept in the plan, for whoever reports it."""
    plan.hurt = stretch
    reason = "the line that wrote it is not there" if stretch is None else stretch.reason
    return Damaged(f"{log_name(plan.name)}: record {address[0]}/{address[1]}", reason)


def _runs(places: Mapping[Address, Place]) -> Iterable[list[tuple[Address, Place]]]:
    """The places in the order of the file, those that lie close together in one run."""
    items = sorted(places.items(), key=_offset)
    first = 0
    for at in range(1, len(items)):
        end = items[at - 1][1][0] + items[at - 1][1][1]
        place = items[at][1]
        if place[0] - end > _GAP or place[0] + place[1] - items[first][1][0] > _RUN:
            yield items[first:at]
            first = at
    if items:
        yield items[first:]


def _offset(item: tuple[Address, Place]) -> int:
    return item[1][0]
