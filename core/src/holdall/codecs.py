"""How a record becomes bytes: JSON, compressed, encrypted, and an envelope that says by what.

With no codec the record is the JSON itself. Otherwise it is::

    byte 0        format, 1 (anything below 9 is an envelope: no JSON text starts with such a byte)
    byte 1        the compressor's tag, 0 for none
    byte 2        the cipher's tag, 0 for none
    byte 3        n, the length of the key id
    n bytes       the key id, UTF-8
    8 bytes       only with a cipher: the version of the commit that wrote the record, big-endian
    the rest      the payload

It is written per record, so a changed configuration never orphans old data. The order is fixed here: plugins
never see each other. A missing codec is a ``CodecError``, never plaintext and never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from holdall.contract import Address
from holdall.errors import CodecError

__all__ = ["Cipher", "Codec", "Compressor", "Envelope", "context"]

FORMAT = 1
_HEADER = 4


class Compressor(Protocol):
    """Makes bytes smaller, and back."""

    def compress(self, data: bytes) -> bytes:
        """``data``, smaller."""
        ...

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again; raises ``CodecError`` before holding more than ``limit`` of them."""
        ...


class Cipher(Protocol):
    """Authenticated encryption. ``context`` is bound to the ciphertext but not stored in it."""

    def encrypt(self, data: bytes, *, partition: str, context: bytes) -> tuple[str, bytes]:
        """The id of the key that was used, and the ciphertext."""
        ...

    def decrypt(self, data: bytes, *, partition: str, key_id: str, context: bytes) -> bytes:
        """The plaintext; raises ``CodecError`` when the key is missing or the check fails."""
        ...


class Envelope(Struct, frozen=True):
    """What stands before a payload."""

    compressor: int = 0
    cipher: int = 0
    key_id: str = ""
    version: int = 0

    def pack(self, payload: bytes) -> bytes:
        """The envelope and ``payload`` as one record."""
        key = self.key_id.encode()
        header = bytes((FORMAT, self.compressor, self.cipher, len(key))) + key
        return header + (self.version.to_bytes(8, "big") if self.cipher else b"") + payload

    @classmethod
    def unpack(cls, record: bytes, name: str) -> tuple[Envelope, bytes]:
        """The envelope of ``record`` and its payload; ``name`` is for the error."""
        if len(record) < _HEADER or record[0] != FORMAT:
            raise CodecError(name, "its envelope is of an unknown format")
        start = _HEADER + record[3]
        end = start + (8 if record[2] else 0)
        if len(record) < end:
            raise CodecError(name, "its envelope is cut short")
        try:
            key_id = record[4:start].decode()
        except UnicodeDecodeError as error:
            raise CodecError(name, "its key id is not UTF-8") from error
        return cls(record[1], record[2], key_id, int.from_bytes(record[start:end], "big")), record[end:]


def context(partition: str, address: Address, envelope: Envelope) -> bytes:
    """What a cipher binds a record to (SEC-CRY-02): each field with its length before it."""
    lane, position = address
    fields: Sequence[bytes] = (
        bytes((FORMAT, envelope.compressor, envelope.cipher)),
        partition.encode(),
        lane.encode(),
        position.to_bytes(8, "big"),
        envelope.version.to_bytes(8, "big"),
    )
    return b"".join(len(part).to_bytes(4, "big") + part for part in fields)


class Codec(Struct, frozen=True):
    """The pipeline as configured: writes with one compressor and cipher, reads with every one it was given."""

    compressor: int = 0
    cipher: int = 0
    compressors: Mapping[int, Compressor] = {}
    ciphers: Mapping[int, Cipher] = {}
    limit: int = 64 << 20
    """The most bytes that one record may decompress to."""

    def encode(self, partition: str, address: Address, version: int, data: bytes) -> bytes:
        """The stored form of ``data``."""
        if not self.compressor and not self.cipher and data[:1] >= b"\t":
            return data
        payload, used = data, 0
        if self.compressor:
            smaller = self.compressors[self.compressor].compress(data)
            if len(smaller) < len(data):
                payload, used = smaller, self.compressor
        envelope = Envelope(used, self.cipher, "", version)
        if self.cipher:
            bound = context(partition, address, envelope)
            key_id, payload = self.ciphers[self.cipher].encrypt(payload, partition=partition, context=bound)
            envelope = Envelope(used, self.cipher, key_id, version)
        return envelope.pack(payload)

    def decode(self, partition: str, address: Address, record: bytes) -> bytes:
        """What ``encode`` was given."""
        if record[:1] >= b"\t" and not self.cipher:
            return record
        name = f"{partition} {address[0]}[{address[1]}]"
        if record[:1] >= b"\t":
            raise CodecError(name, "it is plaintext, and encryption is on")
        envelope, payload = Envelope.unpack(record, name)
        if envelope.cipher or self.cipher:
            cipher = self.ciphers.get(envelope.cipher)
            if cipher is None:
                raise CodecError(name, f"it needs cipher {envelope.cipher}, which is not configured")
            bound = context(partition, address, envelope)
            payload = cipher.decrypt(payload, partition=partition, key_id=envelope.key_id, context=bound)
        if envelope.compressor:
            compressor = self.compressors.get(envelope.compressor)
            if compressor is None:
                raise CodecError(name, f"it needs compressor {envelope.compressor}, which is not configured")
            payload = self._decompressed(compressor, payload, name)
        return payload

    def _decompressed(self, compressor: Compressor, payload: bytes, name: str) -> bytes:
        try:
            data = compressor.decompress(payload, self.limit)
        except CodecError:
            raise
        except Exception as error:
            raise CodecError(name, f"it cannot be decompressed: {error!r}") from error
        if len(data) > self.limit:
            raise CodecError(name, f"it decompresses to more than {self.limit:,} bytes")
        return data
