"""SUMMARY."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from msgspec import Struct

from holdall import hookimpl
from holdall.hooks import CipherOffer

__all__ = ["MykindCipher", "MykindSettings", "holdall_ciphers"]

# CHANGE 1: a number from 128 to 255 that no other cipher of yours has. It is written into each record: for ever.
TAG = 200
NONCE, CHECK = 16, 32


class MykindSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The options, ``[encryption.options]``."""

    # CHANGE 2: what your cipher can be told. Keys are not among it: the core makes them, and a key source wraps them.


class MykindCipher:
    """Makes keyed ciphers."""

    # CHANGE 3: how many records one key may encrypt; with random nonces of 96 bits, no more than 2^32.
    writes = 1 << 31

    def __init__(self, settings: MykindSettings) -> None:
        self.settings = settings

    def keyed(self, key: bytes) -> KeyedMykind:
        """The cipher under ``key``."""
        return KeyedMykind(key)


class KeyedMykind:
    """The cipher under one key, which it shows to nobody. Any thread may call it."""

    # CHANGE 4: an authenticated cipher that cryptographers stand behind, such as ChaCha20-Poly1305 of the library
    # ``cryptography``. This one, SHAKE-256 as a keystream under HMAC-SHA-256, is for trying things out.

    def __init__(self, key: bytes) -> None:
        self._stream = hmac.digest(key, b"stream", "sha256")
        self._check = hmac.digest(key, b"check", "sha256")

    def encrypt(self, data: bytes, context: bytes) -> bytes:
        """The ciphertext of ``data``, another each time; ``context`` is bound to it, not stored in it."""
        nonce = secrets.token_bytes(NONCE)
        body = nonce + self._mixed(data, nonce)
        return self._tag(body, context) + body

    def decrypt(self, data: bytes, context: bytes) -> bytes:
        """What was encrypted; raises ``ValueError`` unless it is just that, with the same ``context``."""
        tag, body = data[:CHECK], data[CHECK:]
        if len(body) < NONCE or not hmac.compare_digest(tag, self._tag(body, context)):
            raise ValueError("it fails its check")
        return self._mixed(body[NONCE:], body[:NONCE])

    def _mixed(self, data: bytes, nonce: bytes) -> bytes:
        stream = hashlib.shake_256(self._stream + nonce).digest(len(data))
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")

    def _tag(self, body: bytes, context: bytes) -> bytes:
        return hmac.digest(self._check, len(context).to_bytes(8, "big") + context + body, "sha256")


@hookimpl
def holdall_ciphers() -> list[CipherOffer[MykindSettings]]:
    """Offer it as ``mykind``."""
    return [
        CipherOffer(
            "mykind",
            "SUMMARY",
            TAG,
            settings=MykindSettings,
            open=MykindCipher,
            contract=1,
        )
    ]
