"""The keys that wrap data keys: the first is the current one, the others read what they wrapped before."""

from __future__ import annotations

import base64
import binascii
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdall.errors import CodecError, SettingsError

__all__ = ["Ring"]

_KEY, _NONCE = 32, 12
_WHAT = b"holdall: a wrapped data key"


class Ring:
    """Keys by their ids, which are made of the keys themselves. Its ``repr`` shows the ids only."""

    def __init__(self, text: str, where: str) -> None:
        """``text`` holds keys of 32 bytes, in base64 or hexadecimal, apart by white space; ``#`` begins a comment.

        Raises ``SettingsError``, which names ``where`` and shows nothing of the text.
        """
        words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
        if not words:
            raise SettingsError(f"encryption.keys: there is no key in {where}; `holdall keys new` makes one")
        self._keys: dict[str, AESGCM] = {}
        for number, word in enumerate(words, 1):
            key = _key_of(word)
            if key is None:
                raise SettingsError(
                    f"encryption.keys: key {number} in {where} is not 32 bytes in base64 or hexadecimal"
                )
            self._keys[hmac.digest(key, b"holdall: the id of a key", "sha256")[:6].hex()] = AESGCM(key)
        self.current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Ring({', '.join(self._keys)})"

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """The id of the current key, and ``key`` wrapped by it."""
        nonce = os.urandom(_NONCE)
        return self.current, nonce + self._keys[self.current].encrypt(nonce, key, _WHAT)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key; raises ``CodecError``."""
        if key_id not in self._keys:
            raise CodecError(
                "a data key",
                f"it is wrapped by the key {key_id}, which is not there (there are: {', '.join(self._keys)})",
            )
        try:
            return self._keys[key_id].decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _WHAT)
        except (InvalidTag, ValueError):
            raise CodecError("a data key", f"it is not what the key {key_id} wrapped") from None


def _key_of(word: str) -> bytes | None:
    try:
        key = bytes.fromhex(word) if len(word) == 2 * _KEY else base64.b64decode(word, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == _KEY else None
