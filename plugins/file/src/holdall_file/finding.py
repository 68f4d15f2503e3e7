"""Finding records whose places are not remembered: through the checkpoints, then along the lines.

Each checkpoint names older ones at growing distances and says how far every lane had come, so the line that
appended a record is found in a few small reads in a log of any length; what they say is kept (see ``waypoints``).
"""

from __future__ import annotations

import msgspec

from holdall_file.cold import Stretch, header_of, read_at, resume
from holdall_file.faults import Bad
from holdall_file.lines import RECORDS, Entry, Short, members_at
from holdall_file.seek import Plan, damaged
from holdall_file.waypoints import End, Waypoint, start_of

__all__ = ["find"]

_CHUNK = 64 * 1024


class _Written(msgspec.Struct):
    """What a line says of its records; the rest of it is not made objects of."""

    at: list[Entry] = []


_decoder = msgspec.json.Decoder(_Written)


def find(plan: Plan) -> None:
    """Find the places that a plan lacks; raises ``Damaged`` naming a record that is not there."""
    trails = plan.trails
    if trails is None:
        raise AssertionError("a plan that has all places looks for none")
    for lane, (born, peak) in plan.lanes.items():
        wanted = {at for name, at in plan.addresses if name == lane and (name, at) not in plan.places}
        if not wanted:
            continue
        end = End(plan.file.fd, Waypoint(plan.end, peak, plan.checkpoint), plan.back)
        bad = _walk(plan, lane, wanted, start_of(trails, (lane, born), min(wanted), end))
        if wanted:
            raise damaged(plan, (lane, min(wanted)), bad)


def _walk(plan: Plan, lane: str, wanted: set[int], at: int) -> Stretch | None:
    """Read on from ``at`` until every wanted record of ``lane`` is found; the first damage on the way."""
    fd = plan.file.fd
    damage: Stretch | None = None
    if not at:
        at = header_of(fd, plan.end)[1]
    data, base = b"", at
    while wanted and at < plan.end:
        try:
            entries, offset = _written(data, at - base, base)
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


def _written(data: bytes, at: int, base: int) -> tuple[list[Entry], int]:
    """The records of the line at ``at`` of ``data``, and where in the file the first begins.

    One byte stands behind each, and two more behind the last: there the line ends.
    """
    members, end = members_at(data, at, base)
    try:
        entries = _decoder.decode(members).at
    except (ValueError, msgspec.DecodeError) as error:
        raise Bad(base + at, f"not a line: {error}") from None
    return entries, base + end + (len(RECORDS) if entries else 0)
