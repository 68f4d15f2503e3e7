"""The lines of a log: JSON that a person can read, with checksums that a machine can trust.

A line is ``{"crc":"<8 hex>","meta":<n>,<n bytes of members>,"records":[<record>,…]}``. ``crc`` covers everything
from ``"meta"`` to the end of the members; each record has a checksum of its own inside them. So a flipped bit in a
record costs that record only, and where a line ends follows from its members, never from looking for a newline.
"""

# Annotations are objects here, not text: each text would be compiled whenever a process starts.

import base64
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec

from holdall.contract import Commit, on_one_line
from holdall_file.faults import Bad

__all__ = [
    "FORMAT",
    "RECORDS",
    "Entry",
    "Header",
    "Laid",
    "Line",
    "Located",
    "Parsed",
    "Place",
    "Short",
    "check",
    "commit_line",
    "compose",
    "decode",
    "encode",
    "marks_of",
    "members_at",
    "pack",
    "parse",
    "unpack",
]

FORMAT = 1
JSON, BASE64, BINARY = 0, 1, 2
"""How a record stands in a line."""
START = b'{"crc":"'
_META = len(START) + 8 + len('",')
RECORDS = b',"records":['
_END = b"}\n"
_LONGEST_NUMBER = 12
_TEXT = 9
"""What a codec made begins with a byte below it, and no text does."""
_BITS = 64
_LOWEST, _HIGHEST = -(1 << _BITS - 1), (1 << _BITS - 1) - 1

Entry = tuple[str, int, int, int, int]
"""A record in a line: lane, position, bytes in the line, their CRC-32, and its form: JSON, base64 or binary."""


Located = tuple[str, int, int, int, int, int]
"""Lane, position, and the four numbers of a ``Place``."""


Place = tuple[int, int, int, int]
"""Where a record's bytes lie in the file: offset, length, CRC-32, form."""


class Header(msgspec.Struct):
    """The first line of a log."""

    holdall: str
    format: int
    id: str
    partition: str


class Line(msgspec.Struct, omit_defaults=True):
    """Every other line: a commit, a checkpoint, or packed records of a compacted log. README.md has each member."""

    commit: int = 0
    on: int = 0
    checkpoint: int = 0
    packed: int = 0
    version: int = 0
    changed: int | None = None
    expires: int | None = None
    last: int = 0
    group: int | None = None
    lanes: dict[str, list[int] | None] = {}
    marks: dict[str, int | None] = {}
    back: list[tuple[int, int]] = []
    moved: list[Located] = []
    recent: list[Located] = []
    dead: int = 0
    at: list[Entry] = []


class Commitment(msgspec.Struct, omit_defaults=True, gc=False):
    """Those members of a ``Line`` that a commit has, by themselves: making and encoding it is on the way of every append."""

    commit: int = 0
    on: int = 0
    changed: int | None = None
    expires: int | None = None
    last: int = 0
    group: int | None = None
    lanes: dict[str, list[int] | None] = {}
    marks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    at: list[Entry] = []


class Laid(msgspec.Struct, frozen=True, gc=False):
    """Where a line begins and ends, where the bytes of its first record begin, and what records it has."""

    start: int
    end: int
    records: int
    at: list[Entry]

    def places(self) -> list[tuple[str, int, Place]]:
        """Where each record of the line lies."""
        offset = self.records
        found: list[tuple[str, int, Place]] = []
        for lane, position, length, crc, form in self.at:
            found.append((lane, position, (offset, length, crc, form)))
            offset += length + 1
        return found


class Parsed(Laid, frozen=True):
    """A line that was read, or put together as reading it would give it."""

    line: Line


class Short(Exception):
    """The line goes on behind the bytes at hand, at least to ``needs``."""

    def __init__(self, needs: int) -> None:
        self.needs = needs
        super().__init__(needs)


_encoder = msgspec.json.Encoder()
_line = msgspec.json.Decoder(Line)
_header = msgspec.json.Decoder(Header)
_any = msgspec.json.Decoder(msgspec.Raw)


def pack(record: bytes) -> tuple[bytes, int]:
    """``record`` as it stands in a line, and its form.

    JSON on one line stays as it is. What a codec made, which no text begins like, is kept in binary, but without a
    line's end in it: so that a new line begins nowhere but where one does. Anything else is base64.
    """
    if record and 0 < record[0] < _TEXT:
        return record.replace(b"\x1b", b"\x1be").replace(b"\n", b"\x1bn"), BINARY
    if record.find(b"\n") < 0 and record.find(b"\r") < 0:  # ``in`` takes ten times as long
        try:
            if not record.isascii():
                record.decode()
            _any.decode(record)
        except (ValueError, RecursionError):
            pass
        else:
            return record, JSON
    return b'"' + base64.b64encode(record) + b'"', BASE64


def unpack(data: bytes, form: int) -> bytes:
    """What ``pack`` was given."""
    if form == BINARY:
        return data.replace(b"\x1bn", b"\n").replace(b"\x1be", b"\x1b")
    return base64.b64decode(data[1:-1]) if form else data


def compose(line: Line, start: int, records: Sequence[bytes] = ()) -> tuple[bytes, Parsed]:
    """The bytes of a line that is to stand at ``start``, and the line as reading it would give it."""
    data = encode(line, records)
    end = start + len(data)
    first = end - 3 - sum(map(len, records)) - len(records) + 1 if records else end - 2
    return data, Parsed(start, end, first, line.at, line)


def marks_of(commit: Commit) -> msgspec.Raw:
    """The marks as JSON, for the commit's line and its intent; raises ``ValueError`` for what can't be written down."""
    marks = commit.marks
    if marks:
        scores: Any = marks.values()
        try:
            narrow = max(map(int.bit_length, scores)) < _BITS
        except TypeError:  # one of them goes
            narrow = False
        if not narrow:
            for score in scores:
                if score is not None and not _LOWEST <= score <= _HIGHEST:
                    raise ValueError("a mark's score needs more than 64 bits")
    return msgspec.Raw(_encoder.encode(marks))


def commit_line(
    commit: Commit, marks: msgspec.Raw, start: int, last: int, group: int | None = None
) -> tuple[bytes, Laid]:
    """The line of ``commit``, which has these ``marks``, that is to stand at ``start``.

    ``last`` is where the last checkpoint begins, ``group`` where the first line does that was written with this one.
    """
    records: list[bytes] = []
    at: list[Entry] = []
    size = 0
    known = on_one_line(commit)
    for (lane, position), record in commit.write.items():
        raw, form = (record, JSON) if known else pack(record)
        length = len(raw)
        size += length + 1
        records.append(raw)
        at.append((lane, position, length, crc32(raw), form))
    lanes: dict[str, list[int] | None] = {}
    for name, lane in commit.lanes.items():
        lanes[name] = None if lane is None else [lane.first, lane.stop, lane.rewritten]
    version, changed = commit.version, commit.changed
    unseen = None if changed == version else changed
    told = marks if commit.marks else msgspec.UNSET
    data = encode(Commitment(version, commit.expect, unseen, commit.expires_at, last, group, lanes, told, at), records)
    end = start + len(data)
    return data, Laid(start, end, end - len(_END) - size, at)


def encode(meta: Header | Line | Commitment, records: Sequence[bytes] = ()) -> bytes:
    """The bytes of a line."""
    members = _encoder.encode(meta)[1:-1]
    checked = b'"meta":%d,%b' % (len(members), members)
    if records:
        return b'{"crc":"%08x",%b,"records":[%b]}\n' % (crc32(checked), checked, b",".join(records))
    return b'{"crc":"%08x",%b}\n' % (crc32(checked), checked)


def members_at(data: bytes, at: int, base: int) -> tuple[bytes, int]:
    """The members of the line at ``at`` of ``data`` as an object, and where they end."""
    where = base + at
    if at >= len(data):
        raise Short(where + _META)
    if data[at : at + len(START)] != START[: len(data) - at]:
        raise Bad(where, "no line starts here")
    comma = data.find(b",", at + _META + 7, at + _META + 7 + _LONGEST_NUMBER)
    if comma < 0:
        if len(data) < at + _META + 7 + _LONGEST_NUMBER:
            raise Short(where + _META + 7 + _LONGEST_NUMBER)
        raise Bad(where, "the line does not say how long it is")
    number = data[at + _META + 7 : comma]
    if not number.isdigit():
        raise Bad(where, "the line does not say how long it is")
    end = comma + 1 + int(number)
    if end > len(data):
        raise Short(base + end)
    if data[at + len(START) : at + _META] != b'%08x",' % crc32(memoryview(data)[at + _META : end]):
        raise Bad(where, "checksum of the line")
    return b"{%b}" % data[comma + 1 : end], end


def decode(data: bytes) -> tuple[Header, int]:
    """The header at the start of ``data``, and where it ends."""
    members, end = members_at(data, 0, 0)
    try:
        header = _header.decode(members)
    except (ValueError, msgspec.DecodeError) as error:
        raise Bad(0, f"not a header: {error}") from None
    if data[end : end + 2] != b"}\n"[: len(data) - end]:
        raise Bad(0, "the header does not end as it should")
    return header, end + 2


def parse(data: bytes, at: int, base: int, *, whole: bool = False) -> Parsed:
    """The line at ``at`` of ``data``, which begins at ``base`` of the file; ``whole`` checks its records too."""
    members, end = members_at(data, at, base)
    try:
        line = _line.decode(members)
    except (ValueError, msgspec.DecodeError) as error:
        raise Bad(base + at, f"not a line: {error}") from None
    first = end
    if line.at:
        first = end + len(RECORDS)
        end = first + sum(entry[2] for entry in line.at) + len(line.at)
    parsed = Parsed(base + at, base + end + len(_END), base + first, line.at, line)
    if whole:
        check(data, parsed, base)
    return parsed


def check(data: bytes, parsed: Parsed, base: int) -> None:
    """Hold the rest of a line against its members; raises ``Bad``."""
    if parsed.end - base > len(data):
        raise Short(parsed.end)
    end, view = parsed.end - base, memoryview(data)
    start = parsed.records - base
    between: list[bytes] = [data[start - len(RECORDS) : start]]
    for lane, position, length, crc, _ in parsed.at:
        stop = start + length
        if crc32(view[start:stop]) != crc:
            raise Bad(parsed.start, f"checksum of {lane}/{position}")
        start = stop + 1
        between.append(data[stop:start])
    expected = [RECORDS, *[b","] * (len(between) - 2), b"]"] if len(between) > 1 else between
    if between != expected or data[end - 2 : end] != b"}\n":
        raise Bad(parsed.start, "the line is not put together as it should be")
