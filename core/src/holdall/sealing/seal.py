"""The seal of a partition: one small encrypted record, written anew by every commit, that vouches for the head.

It is bound to where the lanes begin and end, to the marks and to the time of expiry, so that none of them can be
changed. It holds which records were overwritten, and by which version: where two records were ever encrypted for
one place, the older is refused (SEC-CRY-02). And it counts what was encrypted with the partition's key (SEC-CRY-01).
Versions are not bound: a restored backup has newer ones, and is restored by people without keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from holdall.contract import Address, Commit, Head, Lane
from holdall.errors import CodecError
from holdall.sealing.keys import FAILS, DataKey, name_of
from holdall.sealing.names import SEAL

__all__ = ["BrokenSeal", "Floor", "Floors", "Seal", "floors_in", "opened", "sealed"]

Floor = tuple[str, int, int, int]
"""A lane, a range of its positions, and the version that wrote them last: no older one is good there."""
MOST = 16
"""Floors that a seal holds itself; more go into a record of the lane ``seal/rewritten``."""
_EVERYWHERE = (1 << 63) - 1


class BrokenSeal(CodecError):
    """The seal of a partition does not vouch for its head."""


class Seal(msgspec.Struct, frozen=True, array_like=True):
    """What a seal holds."""

    writes: int = 0
    """How many records were encrypted with the partition's key, at the least."""
    spilled: int = 0
    """How many records there are in the lane ``seal/rewritten``."""
    floors: tuple[Floor, ...] = ()
    plain: bool = False
    """Whether records may still be plaintext: the partition is being encrypted."""
    going: tuple[str, ...] = ()
    """Lanes that are about to be removed, where there is a key that is ``doomed``."""
    doomed: str = ""
    """The id of a key that is about to be destroyed, with what it encrypted."""

    def after(self, commit: Commit, head: Head) -> tuple[Floor, ...]:
        """The floors when ``commit`` comes on top of ``head``."""
        floors = list(self.floors)
        for name, lane in commit.lanes.items():
            old = head.lanes.get(name)
            if old is not None and (lane is None or lane.first > old.first):
                least = _EVERYWHERE if lane is None else lane.first
                floors = [floor for floor in floors if floor[0] != name or floor[2] > least]
                if lane is None and old.stop:
                    floors.append((name, 0, _EVERYWHERE, commit.version))
        for name, start, stop in _overwritten(commit, head.lanes):
            floors = [floor for floor in floors if floor[:3] != (name, start, stop)]
            floors.append((name, start, stop, commit.version))
        return tuple(floors)


def _overwritten(commit: Commit, lanes: Mapping[str, Lane]) -> Iterator[tuple[str, int, int]]:
    """The ranges that a commit writes where something was before."""
    start: tuple[str, int] | None = None
    stop = 0
    for name, position in commit.write:
        old = lanes.get(name)
        if old is None or position >= old.stop:
            continue
        if start is not None and start[0] == name and position == stop:
            stop += 1
            continue
        if start is not None:
            yield *start, stop
        start, stop = (name, position), position + 1
    if start is not None:
        yield *start, stop


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Seal).decode


def _summary(head: Head) -> bytes:
    return _encode((head.expires_at, {name: (lane.first, lane.stop) for name, lane in head.lanes.items()}, head.marks))


def sealed(key: DataKey, seal: Seal, head: Head) -> bytes:
    """The record of ``seal`` for a partition that is about to have ``head``."""
    return key.encrypt((SEAL, 0), head.version, _encode(seal), _summary(head))


def opened(key: DataKey, record: bytes, head: Head) -> Seal:
    """The seal that ``record`` is; raises ``CodecError`` unless it vouches for ``head``."""
    try:
        return _decode(key.decrypt((SEAL, 0), record, _summary(head))[1])
    except CodecError as error:
        if error.reason != FAILS:
            raise
        raise BrokenSeal(head.partition, "its head is not the one that was sealed") from None


class Floors:
    """Which versions are too old to be good, by lane."""

    __slots__ = ("_lanes",)

    def __init__(self, floors: Iterable[Floor]) -> None:
        self._lanes: dict[str, list[Floor]] = {}
        for floor in floors:
            self._lanes.setdefault(floor[0], []).append(floor)

    def check(self, partition: str, address: Address, version: int) -> None:
        """Raise ``CodecError`` for a record that a later one has overwritten."""
        lane, position = address
        for _, start, stop, least in self._lanes.get(lane, ()):
            if start <= position < stop and version < least:
                raise CodecError(name_of(partition, address), "an older version of it was put in its place")


def floors_in(record: bytes) -> list[Floor]:
    """The floors in a decrypted record of the lane ``seal/rewritten``."""
    return msgspec.json.decode(record, type=list[Floor])
