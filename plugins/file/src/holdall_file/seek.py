"""Finding and reading records: what is remembered at once, the rest through the checkpoints.

Each checkpoint names older ones at growing distances and says how far every lane had come, so the line that
appended a record is found by halving: a few small reads in a log of any length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

from holdall.contract import Address, Head
from holdall.errors import Damaged
from holdall_file.cold import header_of, read_at, read_line, resume
from holdall_file.faults import Bad
from holdall_file.folder import Descriptor
from holdall_file.lines import Place, Short, parse, unpack
from holdall_file.state import State

__all__ = ["Plan", "read"]

_GAP = 4096
_RUN = 1024 * 1024
_CHUNK = 64 * 1024
_PLACES = 512


class Plan:
    """Everything that reading one moment of a log needs; it stays right whatever is written meanwhile."""

    __slots__ = ("addresses", "checkpoint", "end", "file", "head", "lanes", "name", "places")

    def __init__(self, name: str, file: Descriptor, head: Head, state: State, addresses: Sequence[Address]) -> None:
        self.name = name
        self.file = file
        self.head = head
        self.addresses = addresses
        self.checkpoint = state.checkpoint
        self.end = state.end
        self.places: dict[Address, Place] = {}
        self.lanes: dict[str, int] = {}
        """Where each lane was born that has records to be looked for."""
        tracks = state.tracks
        for address in addresses:
            track = tracks.get(address[0])
            if track is None:
                continue
            place = track.place(address[1])
            if place is None:
                self.lanes[address[0]] = track.born
            else:
                self.places[address] = place

    @property
    def small(self) -> bool:
        """Whether it can be read at once: all places known, and not much."""
        return len(self.places) == len(self.addresses) <= _PLACES and (
            sum(place.length for place in self.places.values()) <= _RUN
        )


def read(plan: Plan) -> Mapping[Address, bytes]:
    """The records of a plan, in its order; raises ``Damaged`` naming the one that is."""
    if len(plan.places) < len(plan.addresses):
        _find(plan)
    records: dict[Address, bytes] = dict.fromkeys(plan.addresses, b"")
    for run in _runs(plan.places):
        start, stop = run[0][1].offset, run[-1][1].offset + run[-1][1].length
        data = read_at(plan.file.fd, start, stop)
        for address, place in run:
            at = place.offset - start
            raw = data[at : at + place.length]
            if crc32(raw) != place.crc or len(raw) != place.length:
                raise _damaged(plan, address, f"checksum of the bytes at {place.offset}")
            records[address] = unpack(raw, place.form) if place.form else raw
    return records


def _damaged(plan: Plan, address: Address, reason: str) -> Damaged:
    return Damaged(f"{plan.name}: record {address[0]}/{address[1]}", reason)


def _runs(places: Mapping[Address, Place]) -> Iterable[list[tuple[Address, Place]]]:
    """The places in the order of the file, those that lie close together in one run."""
    run: list[tuple[Address, Place]] = []
    start = end = 0
    for item in sorted(places.items(), key=_offset):
        place = item[1]
        if run and (place.offset - end > _GAP or place.offset + place.length - start > _RUN):
            yield run
            run = []
        if not run:
            start = place.offset
        run.append(item)
        end = place.offset + place.length
    if run:
        yield run


def _offset(item: tuple[Address, Place]) -> int:
    return item[1].offset


def _find(plan: Plan) -> None:
    for lane, born in plan.lanes.items():
        wanted = {at for name, at in plan.addresses if name == lane and (name, at) not in plan.places}
        try:
            start = _before(plan, lane, born, min(wanted))
        except Bad:  # a checkpoint on the way is damaged: the records themselves need not be
            start = 0
        bad = _walk(plan, lane, wanted, max(start, born))
        if wanted:
            reason = "its line is missing" if bad is None else str(bad)
            raise _damaged(plan, (lane, min(wanted)), reason)
    for address in plan.addresses:
        if address not in plan.places:
            raise _damaged(plan, address, "its lane is missing")


def _before(plan: Plan, lane: str, born: int, position: int) -> int:
    """The newest checkpoint at which ``lane`` had not come to ``position``; 0: there is none."""
    fd, end = plan.file.fd, plan.end
    above = plan.checkpoint
    if not above:
        return 0

    def passed(at: int) -> bool:
        found = read_line(fd, at, end).line.lanes.get(lane)
        return found is not None and found[3] == born and found[4] > position

    if not passed(above):
        return above
    while True:
        line = read_line(fd, above, end).line
        low, high = 0, len(line.back)  # the first of ``back`` that passed, if any
        while low < high:
            middle = (low + high) // 2
            if passed(line.back[middle][1]):
                high = middle
            else:
                low = middle + 1
        if low == len(line.back):
            return line.back[-1][1] if line.back else 0
        if low and line.back[low][0] - line.back[low - 1][0] == 1:
            return line.back[low - 1][1]
        above = line.back[low][1]


def _walk(plan: Plan, lane: str, wanted: set[int], at: int) -> Bad | None:
    """Read on from ``at`` until every wanted record of ``lane`` is found; the first damage on the way."""
    fd = plan.file.fd
    damage: Bad | None = None
    if not at:
        at = header_of(fd, plan.end)[1]
    data, base = b"", at
    while wanted and at < plan.end:
        try:
            parsed = parse(data, at - base, base)
        except Short as short:
            if base + len(data) >= plan.end:
                return damage or Bad(at, "the line is cut short")
            data, base = read_at(fd, at, min(max(short.needs, at + _CHUNK), plan.end)), at
            continue
        except Bad as bad:
            damage = damage or bad
            at = resume(fd, at + 1, plan.end)
            continue
        for name, position, place in parsed.places():
            if name == lane and position in wanted:
                wanted.discard(position)
                plan.places[name, position] = place
        at = parsed.end
    return damage
