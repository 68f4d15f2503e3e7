"""What stands before a record that went through a codec, and says which.

byte 0        format: 1, or 2 with a dictionary (anything below 9 is an envelope: no JSON text starts so)
byte 1        the compressor's tag, 0 for none
byte 2        the cipher's tag, 0 for none
byte 3        n, the length of the key id
n bytes       the key id, UTF-8
8 bytes       only with a cipher: the version of the commit that wrote the record, big-endian
8 bytes       only in format 2: the dictionary's id, the first bytes of its SHA-256
the rest      the payload
"""

from __future__ import annotations

from msgspec import Struct

from holdall.errors import CodecError

__all__ = ["DICTIONARY_ID", "HEADER", "PLAIN", "WITH_DICTIONARY", "Envelope", "dictionary_in"]

PLAIN, WITH_DICTIONARY = 1, 2
HEADER = 4
DICTIONARY_ID = 8
"""Bytes of a dictionary's id."""


class Envelope(Struct, frozen=True):
    """What stands before a payload."""

    compressor: int = 0
    cipher: int = 0
    key_id: str = ""
    version: int = 0
    dictionary: bytes = b""
    """The id of the dictionary that it was compressed with, or nothing."""

    @property
    def format(self) -> int:
        """Its first byte."""
        return WITH_DICTIONARY if self.dictionary else PLAIN

    def pack(self, payload: bytes) -> bytes:
        """The envelope and ``payload`` as one record."""
        key = self.key_id.encode()
        header = bytes((self.format, self.compressor, self.cipher, len(key))) + key
        return header + (self.version.to_bytes(8, "big") if self.cipher else b"") + self.dictionary + payload

    @classmethod
    def unpack(cls, record: bytes, name: str) -> tuple[Envelope, bytes]:
        """The envelope of ``record`` and its payload; ``name`` is for the error."""
        if len(record) < HEADER or record[0] not in (PLAIN, WITH_DICTIONARY):
            raise CodecError(name, "its envelope is of an unknown format")
        start, end = _ends(record)
        stop = end + (DICTIONARY_ID if record[0] == WITH_DICTIONARY else 0)
        if len(record) < stop:
            raise CodecError(name, "its envelope is cut short")
        try:
            key_id = record[HEADER:start].decode()
        except UnicodeDecodeError as error:
            raise CodecError(name, "its key id is not UTF-8") from error
        version = int.from_bytes(record[start:end], "big")
        return cls(record[1], record[2], key_id, version, record[end:stop]), record[stop:]


def _ends(record: bytes) -> tuple[int, int]:
    """Where the key id and the version end."""
    start = HEADER + record[3]
    return start, start + (8 if record[2] else 0)


def dictionary_in(record: bytes) -> bytes:
    """The id of the dictionary that ``record`` needs, or nothing."""
    if record[:1] != b"\x02" or len(record) < HEADER:
        return b""
    end = _ends(record)[1]
    return record[end : end + DICTIONARY_ID]
