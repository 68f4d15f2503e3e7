"""A data key at work: it encrypts the records of one partition, each bound to its place and version."""

from __future__ import annotations

import base64
import hmac
import struct

from holdall.contract import Address
from holdall.errors import CodecError
from holdall.sealing.kinds import Cipher

__all__ = ["FAILS", "DataKey", "commitment", "context", "derived", "key_id_of", "name_of"]

FORMAT, HEADER = 1, 4
"""Of the envelope: see ``holdall.codecs``."""
FAILS = "it fails its check"
_PLACE = struct.Struct(">IQIQ")


def commitment(key: bytes) -> str:
    """The id of a data key: 128 bits that no two keys share, so that a record read by its id was written by it."""
    return base64.urlsafe_b64encode(hmac.digest(key, b"holdall: the id of a data key", "sha256")[:16]).decode()[:22]


def derived(store_key: bytes, partition: str) -> bytes:
    """The key of a partition that has none of its own."""
    return hmac.digest(store_key, b"holdall: the key of " + partition.encode(), "sha256")


class DataKey:
    """Encrypts and decrypts for one partition. Its ``repr`` shows nothing of the key."""

    __slots__ = ("_bound", "_cipher", "_envelope", "_lanes", "id", "partition", "writes")

    def __init__(self, partition: str, tag: int, cipher: Cipher, key: bytes) -> None:
        self.partition = partition
        self.id = commitment(key)
        self.writes = cipher.writes
        self._cipher = cipher.keyed(key)
        name = self.id.encode()
        self._envelope = bytes((FORMAT, 0, tag, len(name))) + name
        self._bound = _fields(bytes((FORMAT, 0, tag)), name, partition.encode())
        self._lanes: dict[str, bytes] = {}

    def encrypt(self, address: Address, version: int, data: bytes, more: bytes = b"") -> bytes:
        """The record that is stored for ``data``; ``more`` is bound to it, too."""
        lane, position = address
        bound = (self._lanes.get(lane) or self._lane(lane)) + _PLACE.pack(8, position, 8, version)
        return self._envelope + version.to_bytes(8, "big") + self._cipher.encrypt(data, bound + more if more else bound)

    def decrypt(self, address: Address, record: bytes, more: bytes = b"") -> tuple[int, bytes]:
        """The version that wrote a record, and what it holds; raises ``CodecError``."""
        envelope = self._envelope
        start = len(envelope)
        if not record.startswith(envelope) or len(record) < start + 8:
            raise CodecError(name_of(self.partition, address), self._refusal(record))
        version = int.from_bytes(record[start : start + 8], "big")
        lane, position = address
        bound = (self._lanes.get(lane) or self._lane(lane)) + _PLACE.pack(8, position, 8, version)
        try:
            return version, self._cipher.decrypt(record[start + 8 :], bound + more if more else bound)
        except ValueError:
            raise CodecError(name_of(self.partition, address), FAILS) from None

    def _lane(self, lane: str) -> bytes:
        """What ``context`` begins with for every record of a lane: it is asked for again and again."""
        bound = self._lanes[lane] = self._bound + _fields(lane.encode())
        return bound

    def _refusal(self, record: bytes) -> str:
        if record[:1] >= b"\t" or record[2:3] == b"\0":
            return "it is plaintext, and encryption is on"
        if record[:1] != self._envelope[:1] or len(record) < len(self._envelope):
            return "its envelope is of an unknown format"
        if record[2] != self._envelope[2]:
            return f"it needs cipher {record[2]}, and the key of its partition is for {self._envelope[2]}"
        return f"it needs the data key {key_id_of(record)!r}, and its partition has {self.id!r}"


def key_id_of(record: bytes) -> str:
    """The id of the data key that wrote an encrypted record; empty where there is none."""
    if len(record) < HEADER or record[0] != FORMAT or not record[2]:
        return ""
    return record[HEADER : HEADER + record[3]].decode("utf-8", "replace")


def context(tag: int, key_id: str, partition: str, address: Address, version: int) -> bytes:
    """What a record is bound to (SEC-CRY-02): each field with its length before it."""
    lane, position = address
    who = _fields(bytes((FORMAT, 0, tag)), key_id.encode(), partition.encode())
    return who + _fields(lane.encode()) + _PLACE.pack(8, position, 8, version)


def name_of(partition: str, address: Address) -> str:
    """A record, for an error."""
    return f"{partition} {address[0]}[{address[1]}]"


def _fields(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
