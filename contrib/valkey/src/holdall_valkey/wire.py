"""What the scripts are told, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast
from zlib import crc32

import msgspec

from holdall.contract import Address, Commit, Head, Lane, Snapshot, Span
from holdall.errors import Damaged
from holdall_valkey.names import Names
from holdall_valkey.scripts import Call

__all__ = ["Found", "Heads", "commit_of", "found_of", "load_of"]

_A_LANE, _A_MARK = b"LM"
_KEPT = 4096


def commit_of(commit: Commit, names: Names, not_after: int, stamped: bytes) -> Call:
    """What ``commit.lua`` is given; ``not_after`` in milliseconds since 1970."""
    keys = [names.head(commit.partition)]
    numbers: dict[str, int] = {}

    def key(lane: str) -> int:
        if lane not in numbers:
            keys.append(names.lane(commit.partition, lane))
            numbers[lane] = len(keys)
        return numbers[lane]

    erase = [(key(span.lane), span.start, span.start if span.stop is None else span.stop) for span in commit.erase]
    asked = {
        "expect": str(commit.expect),
        "version": str(commit.version),
        "changed": str(commit.changed),
        "expires": "" if commit.expires_at is None else str(commit.expires_at),
        "not_after": str(not_after),
        "stamp": stamped,
        "lanes": [(name.encode(), key(name), _lane(lane)) for name, lane in commit.lanes.items()],
        "marks": [(mark.encode(), b"" if score is None else b"%d" % score) for mark, score in commit.marks.items()],
        "write": [
            (key(lane), b"%d" % position, crc32(data).to_bytes(4, "big") + data)
            for (lane, position), data in commit.write.items()
        ],
        "erase": erase,
    }
    return keys, [_packed(asked)]


def _lane(lane: Lane | None) -> bytes:
    return b"" if lane is None else b"%d %d %d" % (lane.first, lane.stop, lane.rewritten)


def _packed(value: Any) -> bytes:
    """MessagePack as the server's ``cmsgpack`` reads it: it knows the raw type, not the newer bin."""
    if isinstance(value, bytes):
        size = len(value)
        head = bytes((0xA0 | size,)) if size < 32 else b"\xda" + size.to_bytes(2, "big") if size < 1 << 16 else b""  # noqa: PLR2004
        return (head or b"\xdb" + size.to_bytes(4, "big")) + value
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return b"\xdd" + len(items).to_bytes(4, "big") + b"".join(map(_packed, items))
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        parts = b"".join(_packed(name.encode()) + _packed(item) for name, item in named.items())
        return b"\xdf" + len(named).to_bytes(4, "big") + parts
    return _packed(value.encode()) if isinstance(value, str) else msgspec.msgpack.encode(value)


def load_of(partition: str, spans: Sequence[Span], names: Names) -> Call:
    """What ``load.lua`` is given."""
    keys, told = [names.head(partition)], list[Any]()
    for span in spans:
        keys.append(names.lane(partition, span.lane))
        told += [span.lane.encode(), span.start, "" if span.stop is None else span.stop]
    return keys, told


@dataclass(frozen=True, slots=True)
class Found:
    """What ``load.lua`` found, and when; a walk asks for the stamps."""

    now: int
    """Milliseconds since 1970 by the partition's own node, whose scripts look at the same clock."""
    snapshot: Snapshot | None
    stamps: Mapping[str | None, bytes]
    """Of the entry of each mark, and, for ``None``, of the entry by name."""


class Heads:
    """The heads that were told of last: a list mostly shows what it showed before, which is not read again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Sequence[bytes], Head, Mapping[str | None, bytes]]] = {}

    def head(self, partition: str, fields: Sequence[bytes]) -> tuple[Head, Mapping[str | None, bytes]]:
        """The head that a hash holds, and the stamps of its entries."""
        known = self._kept.get(partition)
        if known is not None and known[0] == fields:
            return known[1:]
        head, stamps = _head_of(partition, fields)
        self._kept[partition] = fields, head, stamps
        if len(self._kept) > _KEPT:
            for old in list(islice(self._kept, _KEPT // 8)):
                self._kept.pop(old, None)
        return head, stamps


def found_of(partition: str, answer: Sequence[Any], heads: Heads) -> Found:
    """What ``load.lua`` answered; raises ``Damaged`` for a record that is missing or not what was written."""
    if len(answer) == 1:
        return Found(int(answer[0]), None, {})
    head, stamps = heads.head(partition, answer[1])
    records: dict[Address, bytes] = {}
    for lane, start, found in answer[2:]:
        for position, data in enumerate(found, int(start)):
            if data is None or crc32(data[4:]).to_bytes(4, "big") != data[:4]:
                raise Damaged(
                    f"{partition}: record {lane.decode()}/{position}", "it is missing, or not what was written"
                )
            records[lane.decode(), position] = data[4:]
    return Found(int(answer[0]), Snapshot(head, records), stamps)


def _head_of(partition: str, told: Sequence[bytes]) -> tuple[Head, Mapping[str | None, bytes]]:
    lanes: dict[str, Lane] = {}
    marks: dict[str, int] = {}
    stamps: dict[str | None, bytes] = {}
    fields: dict[bytes, bytes] = {}
    pairs = iter(told)
    for name, value in zip(pairs, pairs, strict=True):
        if name[0] == _A_MARK:
            mark = name[1:].decode()
            score, _, stamps[mark] = value.partition(b" ")
            marks[mark] = int(score)
        elif name[0] == _A_LANE:
            first, stop, rewritten = value.split()
            lanes[name[1:].decode()] = Lane(int(first), int(stop), int(rewritten))
        else:
            fields[name] = value
    stamps[None] = fields[b"n"]
    expires = fields[b"e"]
    expires_at = int(expires) if expires else None
    return Head(partition, int(fields[b"v"]), int(fields[b"c"]), expires_at, lanes, marks), stamps
