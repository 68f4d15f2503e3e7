"""A cipher and a compressor of our own, for want of one that can be configured: real enough to fail as they do."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Mapping

from holdall.codecs import Codec
from holdall.errors import CodecError

__all__ = ["COMPRESSOR", "sealed", "small"]

CIPHER, COMPRESSOR = 3, 7


class Seal:
    """A keystream of SHA-256 and a MAC over the context; one of several keys is the one that writes."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._keys, self._current = keys, current

    def encrypt(self, data: bytes, *, partition: str, context: bytes) -> tuple[str, bytes]:
        """The id of the key, and the ciphertext behind which its MAC stands."""
        del partition
        key = self._keys[self._current]
        body = _mixed(key, context, data)
        return self._current, body + hmac.digest(key, context + body, "sha256")

    def decrypt(self, data: bytes, *, partition: str, key_id: str, context: bytes) -> bytes:
        """The plaintext, or why not."""
        if (key := self._keys.get(key_id)) is None:
            raise CodecError(partition, f"it needs the key {key_id!r}, which is not there")
        if not hmac.compare_digest(data[-32:], hmac.digest(key, context + data[:-32], "sha256")):
            raise CodecError(partition, "it fails its check")
        return _mixed(key, context, data[:-32])


class Zlib:
    """The standard library's."""

    def compress(self, data: bytes) -> bytes:
        """``data``, smaller."""
        return zlib.compress(data)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again, up to a limit."""
        return zlib.decompressobj().decompress(data, limit + 1)


def sealed(keys: Mapping[str, bytes], current: str) -> Codec:
    """A pipeline that encrypts."""
    return Codec(cipher=CIPHER, ciphers={CIPHER: Seal(keys, current)})


def small() -> Codec:
    """A pipeline that compresses."""
    return Codec(compressor=COMPRESSOR, compressors={COMPRESSOR: Zlib()})


def _mixed(key: bytes, context: bytes, data: bytes) -> bytes:
    blocks = (hashlib.sha256(key + context + n.to_bytes(4, "big")).digest() for n in range(len(data) // 32 + 1))
    return bytes(a ^ b for a, b in zip(data, b"".join(blocks), strict=False))
