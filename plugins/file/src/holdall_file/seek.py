"""Finding and reading records: what is remembered at once, the rest through the checkpoints.

Each checkpoint names older ones at growing distances and says how far every lane had come, so the line that
appended a record is found in a few small reads in a log of any length; what they say is kept (see ``waypoints``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from holdall.contract import Address, Head, Span
from holdall.errors import Damaged
from holdall_file.cold import Stretch, header_of, read_at, resume
from holdall_file.faults import Bad
from holdall_file.folder import Descriptor, log_name
from holdall_file.lines import Place, Short, unpack, written
from holdall_file.state import State

if TYPE_CHECKING:
    from holdall_file.waypoints import Trails

__all__ = ["Plan", "read"]

_GAP = 4096
_RUN = 1024 * 1024
_CHUNK = 64 * 1024
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
        _find(plan)
    records: dict[Address, bytes] = dict.fromkeys(plan.addresses, b"")
    for run in _runs(plan.places):
        start = run[0][1][0]
        data = read_at(plan.file.fd, start, run[-1][1][0] + run[-1][1][1])
        for address, (offset, length, crc, form) in run:
            raw = data[offset - start : offset - start + length]
            if crc32(raw) != crc or len(raw) != length:
                stretch = Stretch(offset, offset + length, f"checksum of the bytes at {offset}", members=True)
                raise _damaged(plan, address, stretch)
            records[address] = unpack(raw, form) if form else raw
    return records


def _damaged(plan: Plan, address: Address, stretch: Stretch | None) -> Damaged:
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


def _find(plan: Plan) -> None:
    trails = plan.trails
    if trails is None:
        raise AssertionError("a plan that has all places looks for none")
    from holdall_file.waypoints import End, Waypoint, start_of  # noqa: PLC0415 - who reads the latest page does without

    for lane, (born, peak) in plan.lanes.items():
        wanted = {at for name, at in plan.addresses if name == lane and (name, at) not in plan.places}
        if not wanted:
            continue
        end = End(plan.file.fd, Waypoint(plan.end, peak, plan.checkpoint), plan.back)
        bad = _walk(plan, lane, wanted, start_of(trails, (lane, born), min(wanted), end))
        if wanted:
            raise _damaged(plan, (lane, min(wanted)), bad)


def _walk(plan: Plan, lane: str, wanted: set[int], at: int) -> Stretch | None:
    """Read on from ``at`` until every wanted record of ``lane`` is found; the first damage on the way."""
    fd = plan.file.fd
    damage: Stretch | None = None
    if not at:
        at = header_of(fd, plan.end)[1]
    data, base = b"", at
    while wanted and at < plan.end:
        try:
            entries, offset = written(data, at - base, base)
        except Short as short:
            stop = min(max(short.needs, at + _CHUNK), plan.end)
            more = b"" if base + len(data) >= plan.end else read_at(fd, at, stop)
            if len(more) < stop - at:
                return damage or Stretch(at, plan.end, "the line is cut short", members=False)
            data, base = more, at
            continue
        except Bad as bad:
            stop = resume(fd, at + 1, plan.end)
            damage = damage or Stretch(at, stop, bad.reason, members=False)
            at = stop
            continue
        for name, position, length, crc, form in entries:
            if name == lane and position in wanted:
                wanted.discard(position)
                plan.places[name, position] = (offset, length, crc, form)
            offset += length + 1
        at = offset + len(b"}\n")
    return damage
