"""Encryption with keys that the test knows, and a compressor of our own: real enough to fail as they do."""

from __future__ import annotations

import zlib

from holdall.clock import SystemClock
from holdall.codecs import Codec
from holdall.contract import ISessionStorage
from holdall.sealing.storage import SealedStorage
from holdall.sealing.vault import Vault
from holdall_aesgcm.cipher import AesGcm, CipherSettings
from holdall_aesgcm.ring import Ring

__all__ = ["COMPRESSOR", "Keys", "sealed", "small"]

COMPRESSOR = 7


class Keys:
    """A key source with the keys in ``text``, the current one first."""

    def __init__(self, text: str) -> None:
        self._ring = Ring(text, "the test")

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        """See ``KeySource``."""
        return self._ring.wrap(key)

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """See ``KeySource``."""
        return self._ring.unwrap(key_id, wrapped)


async def sealed(storage: ISessionStorage, keys: str) -> ISessionStorage:
    """``storage`` with encryption around it; raises ``CodecError`` when it was encrypted with other keys."""
    vault = Vault(storage, {1: AesGcm(CipherSettings())}, Keys(keys), SystemClock(), 1)
    await vault.open(begin=True)
    return SealedStorage(storage, vault, plain=False)


class Zlib:
    """The standard library's."""

    def compress(self, data: bytes) -> bytes:
        """``data``, smaller."""
        return zlib.compress(data)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """The bytes again, up to a limit."""
        return zlib.decompressobj().decompress(data, limit + 1)


def small() -> Codec:
    """A pipeline that compresses."""
    return Codec(compressor=COMPRESSOR, compressors={COMPRESSOR: Zlib()})
