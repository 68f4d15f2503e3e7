"""The lines of an archive: JSON that standard tools read, each made in exactly one way. docs/archive.md has them all."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from holdall.contract import Address, Head

__all__ = [
    "END",
    "FORMAT",
    "HEAD",
    "LEFT_OUT",
    "MANIFEST",
    "RECORD",
    "Counts",
    "First",
    "LeftOut",
    "Record",
    "head_line",
]

FORMAT = 1
HEAD, RECORD, END = b'{"partition":', b'{"lane":', b'{"end":'
LEFT_OUT, MANIFEST = b'{"left_out":', b'{"manifest":'
"""How each kind of line begins."""

_any = msgspec.json.Decoder(msgspec.Raw)


class First(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line; ``made`` in milliseconds since 1970."""

    holdall: str
    format: int
    made: int

    def line(self) -> bytes:
        """Its bytes."""
        return msgspec.json.encode(self) + b"\n"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record with its SHA-256, as it is when it is JSON on one line, otherwise in base64."""

    lane: str
    at: int
    sha256: str
    json: msgspec.Raw = msgspec.Raw()
    base64: str | None = None

    @property
    def address(self) -> Address:
        """Where it lies."""
        return self.lane, self.at

    def data(self) -> bytes:
        """The bytes of the record; raises ``ValueError`` when they are not what they were."""
        data = bytes(self.json) if self.base64 is None else base64.b64decode(self.base64, validate=True)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError("the record is not what its SHA-256 says")
        return data

    @staticmethod
    def line(address: Address, data: bytes) -> bytes:
        """The line of ``data``."""
        form, value = (b"json", data) if _plain(data) else (b"base64", b'"%b"' % base64.b64encode(data))
        lane, digest = msgspec.json.encode(address[0]), hashlib.sha256(data).hexdigest().encode()
        return b'{"lane":%b,"at":%d,"sha256":"%b","%b":%b}\n' % (lane, address[1], digest, form, value)


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A partition that could not be read and is not in the archive; no name where only the storage knows it."""

    left_out: str
    reason: str

    def __str__(self) -> str:
        return f"{self.left_out}: {self.reason}" if self.left_out else self.reason

    def line(self) -> bytes:
        """Its bytes."""
        return msgspec.json.encode(self) + b"\n"


@dataclass(slots=True)
class Counts:
    """What the manifest counts."""

    partitions: int = 0
    sessions: int = 0
    records: int = 0
    bytes: int = 0
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    def as_dict(self) -> dict[str, Any]:
        """Every field, for ``--json``."""
        counts = {name: getattr(self, name) for name in ("partitions", "sessions", "records", "bytes")}
        return {**counts, "left_out": [str(left) for left in self.left_out]}

    def end_line(self, head: Head, records: int, size: int, digest: str) -> bytes:
        """Count a partition; the line behind its records, with the SHA-256 of its lines."""
        self.partitions += 1
        self.sessions += head.partition.startswith("session/")
        self.records += records
        self.bytes += size
        end = {"end": head.partition, "records": records, "bytes": size, "sha256": digest}
        return msgspec.json.encode(end) + b"\n"

    def manifest_line(self, digest: str) -> bytes:
        """The last line, with the SHA-256 of all bytes before it."""
        manifest = {**self.as_dict(), "left_out": len(self.left_out), "sha256": digest}
        return msgspec.json.encode({"manifest": manifest}) + b"\n"


def head_line(head: Head) -> bytes:
    """The line before a partition's records."""
    return head.to_json().encode() + b"\n"


def _plain(data: bytes) -> bool:
    """Whether ``data`` may stand in a line as it is: one JSON object, without a line's end in it."""
    if data[:1] != b"{" or data[-1:] != b"}" or b"\n" in data or b"\r" in data:
        return False
    try:
        data.decode()
        _any.decode(data)
    except (ValueError, RecursionError):
        return False
    return True
