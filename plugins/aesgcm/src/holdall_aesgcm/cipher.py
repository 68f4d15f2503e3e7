"""AES-256-GCM under one data key. What is stored is a format byte, the nonce, the ciphertext and its tag.

Format 1 is the record itself; format 2 has the byte 0x80 and zeros behind it, up to a length that says little.
"""

from __future__ import annotations

import os
from typing import Annotated

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

__all__ = ["AesGcm", "CipherSettings", "KeyedAesGcm", "padded_length"]

PLAIN, PADDED = b"\x01", b"\x02"
_NONCE, _TAG = 12, 16


class CipherSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[encryption.options]`` of ``aesgcm``."""

    padding: Annotated[bool, Meta(description="Hide the lengths of records, but for their order of magnitude.")] = False
    """For at most 12 % more bytes (Padmé)."""


class AesGcm:
    """See ``holdall.sealing.kinds.Cipher``."""

    writes = 1 << 31
    """Half of the 2^32 that random nonces of 96 bits allow: what was encrypted and never stored is not counted."""

    def __init__(self, settings: CipherSettings) -> None:
        self._padding = settings.padding

    def keyed(self, key: bytes) -> KeyedAesGcm:
        """The cipher under ``key``."""
        return KeyedAesGcm(key, padding=self._padding)


class KeyedAesGcm:
    """See ``holdall.sealing.kinds.KeyedCipher``."""

    __slots__ = ("_aead", "_padding")

    def __init__(self, key: bytes, *, padding: bool) -> None:
        self._aead = AESGCM(key)
        self._padding = padding

    def encrypt(self, data: bytes, context: bytes) -> bytes:
        """The record: format, nonce, ciphertext and tag."""
        nonce, form = os.urandom(_NONCE), PLAIN
        if self._padding:
            form, data = PADDED, (data + b"\x80").ljust(padded_length(len(data) + 1), b"\0")
        return form + nonce + self._aead.encrypt(nonce, data, form + context)

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """What was encrypted; raises ``ValueError``."""
        form = data[:1]
        if form not in (PLAIN, PADDED) or len(data) < 1 + _NONCE + _TAG:
            raise ValueError("it is of an unknown format, or cut short")
        try:
            found = self._aead.decrypt(data[1 : 1 + _NONCE], data[1 + _NONCE :], form + context)
        except InvalidTag:
            raise ValueError("it fails its check") from None
        if form == PLAIN:
            return found
        found = found.rstrip(b"\0")
        if found[-1:] != b"\x80":
            raise ValueError("its padding is not what was written")
        return found[:-1]


def padded_length(length: int) -> int:
    """Padmé (Nikitin et al., 2019): the next number of bytes of which only the highest bits are not 0."""
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1 if exponent > 1 else 0
    return (length + mask) & ~mask
