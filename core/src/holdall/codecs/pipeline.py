"""The pipeline of a record: JSON, compressed, and an envelope that says by what. Encryption is ``holdall.sealing``, below it.

It is written per record, so a changed configuration never orphans old data. The order is fixed here: plugins
never see each other. A missing codec is a ``CodecError``, never plaintext and never a guess. What would not become
smaller is stored as it is: that is the JSON itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from holdall.codecs.dictionaries import DICTIONARIES, Dictionaries
from holdall.codecs.envelope import DICTIONARY_ID, HEADER, PLAIN, WITH_DICTIONARY, Envelope
from holdall.codecs.kinds import Compressor
from holdall.contract import Address, Records
from holdall.errors import CodecError, PluginError

__all__ = ["Codec"]

_LEAST, _DICTIONARY = HEADER, HEADER + DICTIONARY_ID
"""What an envelope takes at the least, and with a dictionary."""
_JSON = b"\t"
"""No envelope starts with this byte or a later one."""


_NOTHING = Envelope()


def _made_by(record: bytes) -> Envelope | None:
    """By what a record was written, whenever that was; nothing: as it is."""
    if record[:1] >= _JSON:
        return None
    envelope = replace(Envelope.unpack(record, "a record")[0], version=0)
    return None if envelope == _NOTHING else envelope


def _nobody(_tag: int) -> Compressor | None:
    return None


class Codec(Struct, frozen=True, eq=False):
    """The pipeline as configured: writes with one compressor, reads with every one it was given."""

    compressor: int = 0
    compressors: Mapping[int, Compressor] = {}
    limit: int = 64 << 20
    """The most bytes that one record may decompress to."""
    apart: frozenset[str] = frozenset()
    """Lanes that are never compressed."""
    find: Callable[[int], Compressor | None] = _nobody
    """Where a compressor comes from that is in ``compressors`` no more; raises ``PluginError`` if it is not installed."""
    dictionaries: Dictionaries = field(default_factory=Dictionaries)

    def writes_like(self, other: Codec) -> bool:
        """Whether what this one writes may stand for what the other would, byte by byte."""
        return self.compressor == other.compressor

    def encoded(self, partition: str, version: int, records: Records) -> Records:
        """The stored form of ``records``; where they are stored as they are, these themselves."""
        if not self.compressor:
            for data in records.values():
                if data < _JSON:
                    break
            else:
                return records
        return {address: self.encode(partition, address, version, data) for address, data in records.items()}

    def encode(self, partition: str, address: Address, version: int, data: bytes) -> bytes:
        """The stored form of ``data``; the same wherever it goes."""
        del partition, version
        payload, used, dictionary = self._smaller(address, data) if self.compressor else (data, 0, b"")
        if not used and data >= _JSON:
            return data
        return Envelope(used, dictionary=dictionary).pack(payload)

    def _smaller(self, address: Address, data: bytes) -> tuple[bytes, int, bytes]:
        """What to store of ``data``, by which compressor and dictionary."""
        if address[0] not in self.apart and address[0] not in DICTIONARIES:
            compressor, dictionary = self.dictionaries.writer(self.compressor)
            smaller = (compressor or self.compressors[self.compressor]).compress(data)
            if len(smaller) + len(dictionary) + _LEAST < len(data):
                return smaller, self.compressor, dictionary
        return data, 0, b""

    def decode(self, partition: str, address: Address, record: bytes) -> bytes:
        """What ``encode`` was given; raises ``CodecError``, which names the record, where that cannot be had."""
        if record >= _JSON:
            return record
        reader, start = self._known(record)
        if reader is not None:
            try:
                data = reader.decompress(record[start:], self.limit)
            except Exception:  # noqa: BLE001 - it is met again below, and told with the record's name
                data = None
            if data is not None and len(data) <= self.limit:
                return data
        name = f"{partition} {address[0]}[{address[1]}]"
        envelope, payload = Envelope.unpack(record, name)
        if envelope.cipher:
            raise CodecError(name, f"it is encrypted with cipher {envelope.cipher}, which is not configured")
        if envelope.compressor:
            payload = self._decompressed(envelope, payload, name)
        return payload

    def _known(self, record: bytes) -> tuple[Compressor | None, int]:
        """The compressor of a record that needs nothing else, and where its payload begins: nearly always so."""
        if record[2:_LEAST] != b"\0\0":
            return None, 0
        if record[0] == WITH_DICTIONARY:
            return self.dictionaries.reader(record[1], record[_LEAST:_DICTIONARY]), _DICTIONARY
        return (self.compressors.get(record[1]), _LEAST) if record[0] == PLAIN else (None, 0)

    def recoded(self, partition: str, address: Address, version: int, record: bytes) -> bytes | None:
        """``record`` as it would be written at ``version``; ``None`` where nothing about it would be another."""
        data = self.decode(partition, address, record)
        new = self.encode(partition, address, version, data)
        return None if _made_by(record) == _made_by(new) else new

    def compressor_of(self, tag: int, name: str) -> Compressor:
        """The compressor with ``tag``; raises ``CodecError`` about the record ``name``, which needs it."""
        try:
            compressor = self.compressors.get(tag) or self.find(tag)
        except PluginError as error:
            raise CodecError(name, f"it needs compressor {tag}: {error}") from error
        if compressor is None:
            raise CodecError(name, f"it needs compressor {tag}, which is not configured")
        return compressor

    def _decompressed(self, envelope: Envelope, payload: bytes, name: str) -> bytes:
        try:
            compressor = self._reader(envelope, name)
            data = compressor.decompress(payload, self.limit)
        except CodecError as error:
            raise CodecError(name, error.reason) from error
        except Exception as error:
            raise CodecError(name, f"it cannot be decompressed: {error!r}") from error
        if len(data) > self.limit:
            raise CodecError(name, f"it decompresses to more than {self.limit:,} bytes")
        return data

    def _reader(self, envelope: Envelope, name: str) -> Compressor:
        tag, dictionary = envelope.compressor, envelope.dictionary
        known = self.dictionaries.reader(tag, dictionary) if dictionary else None
        if known is not None:
            return known
        compressor = self.compressor_of(tag, name)
        return self.dictionaries.bind(tag, dictionary, compressor, name) if dictionary else compressor
