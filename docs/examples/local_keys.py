"""Wraps data keys by a key of 32 bytes that lies in a file, as RFC 3394 has it."""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from holdall import SettingsError, hookimpl
from holdall.errors import CodecError
from holdall.hooks import KeySourceOffer
from msgspec import Struct

LENGTH = 32


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    path: Path


class LocalKeys:
    def __init__(self, settings: Settings) -> None:
        self._key = settings.path.read_bytes()
        if len(self._key) != LENGTH:
            raise SettingsError(f"{settings.path} has no key of {LENGTH} bytes")
        self._id = f"local-{hashlib.sha256(self._key).hexdigest()[:8]}"

    async def wrap(self, key: bytes) -> tuple[str, bytes]:
        return self._id, aes_key_wrap(self._key, key)

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        if key_id != self._id:
            raise CodecError("a data key", f"the key {key_id!r} is not here")
        try:
            return aes_key_unwrap(self._key, wrapped)
        except InvalidUnwrap:
            raise CodecError("a data key", "it is not what was wrapped") from None


@hookimpl
def holdall_key_sources() -> list[KeySourceOffer[Settings]]:
    return [KeySourceOffer("local", "a key in a file, by AES key wrap", Settings, LocalKeys, contract=1)]
