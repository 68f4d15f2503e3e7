"""One JSON file of many partitions that a person can read: a line for each record, each with a checksum of its own.

::

    {"crc32":"<of all that follows>","lines":<how many>,"sessions":{
    "<partition>":{"head":<head>,"head crc32":"…","records":{
    "<lane>:<position>":<record>,"<lane>:<position> crc32":"…",
    …
    }},
    }}

So a flipped bit costs the record that it is in. A checksum is taken over partition, name and record.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from holdall.contract import Commit, Head, Snapshot, Span
from holdall.errors import Damaged
from holdall.folders.kept import Quarantine
from holdall.folders.rebuilt import rebuilt_head
from holdall.folders.replaced import ReplacedFile

__all__ = ["Sheet", "document_after", "load_sheet", "read_sheet", "snapshot_of", "write_sheet"]

_dense = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_scan = json.JSONDecoder().raw_decode
_FIRST = re.compile(rb'\{"crc32":"([0-9a-f]{8})","lines":([0-9]+),"sessions":\{')
_SEALED = " crc32"
_DEEP = 500
"""A record that nests deeper might be too deep for another reader."""
_END, _HEAD, _RECORDS = b"}}", ':{"head":', ',"records":{'
Document = dict[str, Any]
"""``{"head": …, "records": {"<lane>:<position>": …}}``; a head that is lost is ``None``."""


@dataclass(slots=True)
class Sheet:
    """What a file holds: its documents by partition, and a line for each that is not what was written."""

    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    headless: dict[str, Document] = field(default_factory=dict[str, Document])
    """Those whose head is lost."""
    faults: list[str] = field(default_factory=list[str])

    def add(self, name: str, head: Any, records: dict[str, Any]) -> None:
        """Put a document where it belongs."""
        (self.headless if head is None else self.documents)[name] = {"head": head, "records": records}

    def lost(self) -> list[str]:
        """What is lost, in lines."""
        return [*self.faults, *(f"{name}: its head; when it expires is not known" for name in self.headless)]

    def mended(self) -> dict[str, Document]:
        """The headless documents, with heads worked out from the records below them."""
        found: dict[str, Document] = {}
        for name, document in self.headless.items():
            if document["records"]:
                head = rebuilt_head(name, _addresses(document))
                found[name] = {"head": json.loads(head.to_json()), "records": document["records"]}
        return found


def write_sheet(documents: Iterable[tuple[str, Document]]) -> bytes:
    """The bytes of the file."""
    parts: list[str] = []
    for name, document in documents:
        head = _sealed(name, "head", _dense(document["head"]))
        records = [_sealed(name, at, _dense(record)) for at, record in document["records"].items()]
        parts.append(
            "\n" + _dense(name) + ":{" + head + ',"records":{' + ",".join("\n" + each for each in records) + "\n}}"
        )
    body = ",".join(parts).encode() + b"\n}}\n"
    rest = b'"lines":%d,"sessions":{%b' % (body.count(b"\n"), body)
    return b'{"crc32":"%08x",%b' % (crc32(rest), rest)


def _sealed(partition: str, name: str, value: str) -> str:
    return f"{_dense(name)}:{value},{_dense(name + _SEALED)}:{_dense(_seal(partition, name, value))}"


def _seal(partition: str, name: str, value: str) -> str:
    return f"{crc32(f'{partition} {name} {value}'.encode()):08x}"


def load_sheet(file: ReplacedFile) -> Sheet:
    """What ``file`` holds. One that is damaged is kept aside as it is; see ``read_sheet``."""
    data = file.read()
    if data is None:
        return Sheet()
    quarantine = Quarantine(file.path.parent)
    try:
        sheet = read_sheet(data, f"{file.path} ({file.before.name} is one step older)")
    except Damaged:
        quarantine.keep(file.path.name, data)
        raise
    if sheet.faults:
        quarantine.keep(file.path.name, data)
    return sheet


def read_sheet(data: bytes, file: str) -> Sheet:
    """What ``data`` holds; raises ``Damaged`` where it cannot be told how much of it is missing."""
    first = _FIRST.match(data)
    if first and int(first[1], 16) == crc32(memoryview(data)[len('{"crc32":"00000000",') :]):
        sheet = Sheet()
        for name, document in json.loads(data)["sessions"].items():
            records = {at: record for at, record in document["records"].items() if not at.endswith(_SEALED)}
            sheet.add(name, document["head"], records)
        return sheet
    lines = data.split(b"\n")
    if lines[-2:] != [_END, b""] and (first is None or len(lines) < int(first[2])):  # the last line holds nothing
        raise Damaged(file, "it is cut short, or not a file of this store")
    sheet = _salvaged(lines[1:])
    if not sheet.faults:
        sheet.faults.append("its first or last line is not what was written; no record is hurt")
    return sheet


def _salvaged(lines: list[bytes]) -> Sheet:
    """Line by line, whatever its own checksum vouches for."""
    sheet = Sheet()
    partition, records = "", dict[str, Any]()
    for number, line in enumerate(lines, 2):
        text = line.decode(errors="replace").removesuffix(",")
        if text in ("}}", ""):
            continue
        found = _checked(partition, text)
        if found is not None:
            records[found[0]] = found[1]
            continue
        opening = _opening(text)
        if opening is not None:
            partition, records = opening[0] or f"unreadable partition in line {number}", dict[str, Any]()
            found = _checked(partition, opening[1])
            sheet.add(partition, None if found is None else found[1], records)
        if found is None:
            sheet.faults.append(f"{partition}: line {number} is not what was written")
    return sheet


def _opening(text: str) -> tuple[str, str] | None:
    """The partition that a line begins, and its head, when it begins one."""
    try:
        partition, end = _scan(text)
    except ValueError:
        partition, end = "", 0
    rest = text[end:]
    if not rest.startswith(_HEAD) and not rest.endswith(_RECORDS):
        return None
    return str(partition), rest.removeprefix(":{").removesuffix(_RECORDS)


def _checked(partition: str, text: str) -> tuple[str, Any] | None:
    """The name and the value of a sealed line."""
    try:
        name, end = _scan(text)
        tail = f",{_dense(name + _SEALED)}:"
        value, _, seal = text[end + 1 :].rpartition(tail)
        if seal == _dense(_seal(partition, name, value)) and text[end] == ":":
            return name, json.loads(value)
    except (ValueError, TypeError, IndexError):
        pass
    return None


def _as_json(record: bytes) -> Any:
    """A record as it stands in the file: a JSON object as it is, anything else as a string of base64."""
    with suppress(ValueError):
        plain = record[:1] == b"{" and record.count(b"[") + record.count(b"{") < _DEEP
        if plain and _dense(value := json.loads(record)).encode() == record:
            return value
    return b64encode(record).decode()


def _as_record(value: Any) -> bytes:
    """What ``_as_json`` was given."""
    return b64decode(value) if isinstance(value, str) else _dense(value).encode()


def snapshot_of(partition: str, document: Document, spans: Sequence[Span]) -> Snapshot:
    """One moment of a document; raises ``Damaged`` for a record that is lost."""
    head = Head.from_json(_dense(document["head"]))
    found = {(lane, at): document["records"].get(f"{lane}:{at}") for lane, at in head.addresses(spans)}
    for (lane, at), record in found.items():
        if record is None:
            raise Damaged(f"{partition} {lane}[{at}]", "it is missing, or not what was written")
    return Snapshot(head, {address: _as_record(record) for address, record in found.items()})


def document_after(document: Document | None, commit: Commit) -> Document:
    """What a commit makes of a document; raises ``Conflict``."""
    old = None if document is None else Head.from_json(_dense(document["head"]))
    new = commit.onto(old)
    records: dict[str, Any] = {} if document is None else document["records"]
    gone = {f"{lane}:{at}" for lane, at in commit.erased()}
    if old is not None:
        lost = [Span(lane) for lane in old.lanes if lane not in new.lanes]
        gone |= {f"{lane}:{at}" for lane, at in old.addresses(lost)}
    kept = {name: record for name, record in records.items() if name not in gone}
    kept |= {f"{lane}:{at}": _as_json(data) for (lane, at), data in commit.write.items()}
    return {"head": json.loads(new.to_json()), "records": kept}


def _addresses(document: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Where the records of a document lie."""
    split = (at.rpartition(":") for at in document["records"])
    return [(lane, int(at)) for lane, _, at in split]
